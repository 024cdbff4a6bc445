"""What the board's supply comes to for the doctor (kioskd/power reads it)."""

from __future__ import annotations

from typing import Iterator

from kioskd.core.finding import Finding, fail, ok, unknown, warn
from kioskd.core.supply import Supply

BETTER = "the board's own 5 V supply, a short thick cable, and nothing power-hungry on its USB ports"


def look(now: Supply) -> Iterator[Finding]:
    """For the doctor."""
    if not now.known:
        yield unknown("supply", "this board does not tell how its supply is", "")
    elif now.now:
        yield fail("supply", "; ".join(now.now), BETTER, throttled=now.throttled, alarm=now.alarm)
    elif now.before:
        sentence = f"since the boot: {'; '.join(now.before)}"
        yield warn("supply", sentence, BETTER, throttled=now.throttled, alarm=now.alarm)
    else:
        yield ok("supply", "no under-voltage, no throttling", throttled=now.throttled, alarm=now.alarm)
