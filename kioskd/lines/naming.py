"""How a line is called in the configuration, and the one error of this room."""

from __future__ import annotations

import re
from typing import NamedTuple

_GPIO = re.compile(r"GPIO(0|[1-9]\d{0,2})")
_CHIP = re.compile(r"(?P<chip>\S(?:.*\S)?):(?P<offset>0|[1-9]\d{0,3})")


class LineError(OSError):
    """A line cannot be had or moved. Its text is one sentence for people: which line, which chip, what would help."""


class Pin(NamedTuple):
    """A parsed name. ``chip`` is None for ``GPIO17``: then ``offset`` is the 17."""

    text: str
    chip: str | None
    offset: int


def parse(text: str) -> Pin:
    """Read ``GPIO17`` or ``CHIP_LABEL:OFFSET``.

    Raises:
        LineError: it is neither.
    """
    if match := _GPIO.fullmatch(text):
        return Pin(text, None, int(match[1]))
    if match := _CHIP.fullmatch(text):
        return Pin(text, match["chip"], int(match["offset"]))
    raise LineError(f"{text!r} names no line; write GPIO17 or CHIP_LABEL:OFFSET (gpiodetect lists the labels).")
