"""The 40-pin header of a Raspberry Pi: where each line is, and what it does before anybody drives it. Pure.

Positions and names are those of the board's own pin-out (``pinout`` of gpiozero prints the same). The pulls at power-on
are the chip's: GPIO0 to GPIO8 up, the others down (BCM2835 ARM Peripherals, table 6-31; the later chips kept it).
"""

from __future__ import annotations

from typing import Iterator, NamedTuple

from kioskd.config.findings import Finding, Lines
from kioskd.config.pins import line_of, pins
from kioskd.config.sections import Config, RelayAction

SUPPLY_3V3, SUPPLY_5V, GROUND = "3.3 V", "5 V", "ground"
# Position to name; odd positions are the inner row.
HEADER: dict[int, str] = {
    **dict.fromkeys((1, 17), SUPPLY_3V3),
    **dict.fromkeys((2, 4), SUPPLY_5V),
    **dict.fromkeys((6, 9, 14, 20, 25, 30, 34, 39), GROUND),
    **dict(
        zip(
            (3, 5, 7, 11, 13, 15, 19, 21, 23, 27, 29, 31, 33, 35, 37),
            map("GPIO{}".format, (2, 3, 4, 17, 27, 22, 10, 9, 11, 0, 5, 6, 13, 19, 26)),
        )
    ),
    **dict(
        zip(
            (8, 10, 12, 16, 18, 22, 24, 26, 28, 32, 36, 38, 40),
            map("GPIO{}".format, (14, 15, 18, 23, 24, 25, 8, 7, 1, 12, 16, 20, 21)),
        )
    ),
}
POSITIONS = {name: position for position, name in HEADER.items() if name.startswith("GPIO")}
_LAST_PULLED_UP = 8
# What else uses a line, on boards and their add-ons.
ALSO = {
    **dict.fromkeys((0, 1), "an add-on board's memory is read there at power-on"),
    **dict.fromkeys((2, 3), "I2C; 1.8 kΩ on the board pull it up"),
    4: "1-Wire, where it is switched on",
    **dict.fromkeys((7, 8, 9, 10, 11), "SPI, where it is switched on"),
    **dict.fromkeys((14, 15), "the serial console talks there while the board boots"),
    **dict.fromkeys((18, 19, 20, 21), "I2S: sound boards on the header need it"),
}


class Pull(NamedTuple):
    """What holds a line from power-on until somebody drives it."""

    high: bool

    @property
    def word(self) -> str:
        """``high`` or ``low``."""
        return "high" if self.high else "low"


def boot_pull(pin: str) -> Pull | None:
    """The pull of a line of the header at power-on; None for a line of another chip."""
    line, problem = line_of(pin)
    if problem or line not in POSITIONS:
        return None
    return Pull(int(line.removeprefix("GPIO")) <= _LAST_PULLED_UP)


def energised_at_boot(relay: RelayAction) -> bool:
    """Whether the board itself holds this relay's line at the level that energises it, until kioskd drives it."""
    pull = boot_pull(relay.pin)
    return pull is not None and not relay.held_outside and pull.high == (relay.active == "high")


def board(config: Config, lines: Lines) -> Iterator[Finding]:
    """What the header does to this configuration."""
    if config.panel.pins == "simulated":
        return
    for index, tool in enumerate(config.tools):
        relay, at = tool.action.relay, f"tools[{index}].action.relay"
        if relay is None or not energised_at_boot(relay):
            continue
        pull = boot_pull(relay.pin)
        assert pull is not None
        better = f"GPIO{_LAST_PULLED_UP + 1} to GPIO27" if pull.high else f"GPIO4 to GPIO{_LAST_PULLED_UP}"
        sentence = (
            f"{relay.pin} is pulled {pull.word} from power-on until kioskd starts, which energises the relay: "
            f"take one of {better}, or put 10 kΩ to the other level there and write held_outside: true"
        )
        yield Finding(f"{at}.pin", sentence, (f"{at}.active", f"{at}.held_outside"))
    for path, pin in pins(config):
        number = line_of(pin)[0].removeprefix("GPIO")
        if number in ("0", "1", "14", "15"):
            yield Finding(
                path, f"{pin} has another use: {ALSO[int(number)]} (kioskd wiring draws a better one)", warning=True
            )
