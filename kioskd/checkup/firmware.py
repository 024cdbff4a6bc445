"""Whether the firmware of a Raspberry Pi lets each line rest until kioskd drives it: the ``gpio=`` lines of config.txt
(Raspberry Pi documentation, config.txt, "GPIO control").
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Iterator, Mapping, Sequence

from kioskd.core.finding import Finding, ok, warn

# Where Raspberry Pi OS keeps it since Debian 12, and before.
PLACES = ("firmware/config.txt", "config.txt")


def look(wanted: Sequence[tuple[int, str]], boot: Path, advice: str) -> Iterator[Finding]:
    """One finding; none where this is no Raspberry Pi, or no line of its header is used.

    Args:
        wanted: number of each line, and what stands behind ``gpio=NUMBER=`` for it (op,dl,pd).
        boot: a folder like /boot.
        advice: the command that writes what is missing.
    """
    path = next((boot / place for place in PLACES if (boot / place).is_file()), None)
    if path is None or not wanted:
        return
    told = said(path.read_text(encoding="utf-8", errors="replace"))
    missing = [f"gpio={number}={state}" for number, state in wanted if told.get(number) != _words(state)]
    if missing:
        yield warn("boot lines", f"{path} does not say {' '.join(missing)}: until kioskd starts they float", advice)
    else:
        yield ok("boot lines", f"{path} lets every line rest from boot on")


def said(text: str) -> Mapping[int, frozenset[str]]:
    """What config.txt says of each line; the last word counts. Its filters ([pi4]) are taken to fit this board."""
    found: dict[int, frozenset[str]] = {}
    for numbers, state in re.findall(r"^[ \t]*gpio=([0-9,\-]+)=([a-z0-9,]+)[ \t\r]*$", text, re.MULTILINE):
        for number in _numbers(numbers):
            found[number] = _words(state)
    return found


def _words(state: str) -> frozenset[str]:
    return frozenset(state.split(","))


def _numbers(text: str) -> Iterator[int]:
    for part in text.split(","):
        first, _, last = part.partition("-")
        if first.isdecimal() and (last or first).isdecimal():
            yield from range(int(first), min(int(last or first), 99) + 1)
