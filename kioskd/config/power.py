"""The section about the supply (``power``): a line that tells when the power goes. Without it nothing switches off."""

from __future__ import annotations

from dataclasses import dataclass

from kioskd.config.option import option


@dataclass(frozen=True, kw_only=True)
class Power:
    """A car's ignition, a UPS' power-good."""

    pin: str | None = option("line that tells whether there is power: GPIO17 or CHIP_LABEL:OFFSET", None)
    active: str = option("its level while there is power; it is pulled the other way", "high", choices=("high", "low"))
    debounce_ms: int = option("off for less than this is nothing (an engine that starts)", 500, low=10, high=10000)
    grace_s: float = option(
        "from then on everything goes on for so long; power that returns within ends it", 10.0, low=0, high=3600
    )
    within_s: float = option(
        "then the conversation ends, everything is written and made safe; the machine goes off after this long at most",
        10.0,
        low=2,
        high=120,
    )
    command: str = option(
        "off: switch the machine off by systemctl; none: only end in order, something else cuts the power",
        "off",
        choices=("off", "none"),
    )
