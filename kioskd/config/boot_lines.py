"""What the firmware of a Raspberry Pi is told about each line, so that it rests until kioskd drives it: ``gpio=`` lines
for ``config.txt``. Pure.

The firmware carries them out some seconds after power-on (Raspberry Pi documentation, config.txt, "GPIO control"), the
kernel and kioskd come later. Before that only a resistor holds a line.
"""

from __future__ import annotations

import re
from typing import Iterator, NamedTuple

from kioskd.config.pins import line_of, pins
from kioskd.config.sections import Config

HEAD = """\
# kioskd: how its lines stand from boot until it drives them. For config.txt (/boot/firmware/config.txt); they take
# effect some seconds after power-on: until then only a resistor of yours holds a relay's line (docs/door.md).
"""
_PULLS = {"up": "pu", "down": "pd", "none": "pn", "floating": "pn"}


class BootLine(NamedTuple):
    """One line of the header.

    Attributes:
        number: of the GPIO; None: it is on another chip, which the firmware knows nothing of.
        state: what is written behind ``gpio=NUMBER=``.
        path: the key that names it.
        pin: what is written there.
    """

    number: int | None
    state: str
    path: str
    pin: str


def lines(config: Config) -> Iterator[BootLine]:
    """Each line that the configuration uses, once."""
    for path, pin in pins(config):
        name, problem = line_of(pin)
        number = int(name.removeprefix("GPIO")) if name.startswith("GPIO") and not problem else None
        yield BootLine(number, state(config, path), path, pin)


def state(config: Config, path: str) -> str:
    """What the line behind that key is at rest: a relay off, a lamp dark, a button pulled as it will be."""
    owner: object = config
    for name, index in re.findall(r"(\w+)(?:\[(\d+)\])?", path)[:-1]:
        owner = getattr(owner, name)
        owner = owner[int(index)] if index and isinstance(owner, tuple) else owner
    active, pull = getattr(owner, "active", None), getattr(owner, "pull", None)
    if isinstance(pull, str):
        return f"ip,{_PULLS[pull]}"
    if path == "power.pin":
        return "ip,pd" if active == "high" else "ip,pu"
    if active is None:
        return "ip,pu"  # the matrix of a keypad: rows and columns are inputs until a code is asked for
    # The pull as well: it is what is left where a kernel turns a released line into an input.
    return "op,dl,pd" if active == "high" else "op,dh,pu"


def boot_lines(config: Config) -> str:
    """The text, ready to be appended to ``config.txt``."""
    rows = [HEAD]
    for line in sorted(lines(config), key=lambda line: (line.number is None, line.number or 0)):
        if line.number is None:
            rows.append(
                f"# {line.path} ({line.pin}) is on another chip: its own reset state and a resistor decide until "
                "kioskd starts\n"
            )
        else:
            rows.append(f"# {line.path}\ngpio={line.number}={line.state}\n")
    return "".join(rows)
