"""A number from a file (sysfs) or a line, held to its bounds and said with its unit."""

from __future__ import annotations

import json
import os
import re
import stat

from kioskd.actions.outcome import Outcome, failed
from kioskd.config.sections import SensorAction
from kioskd.core.ports import InputLine

# A number in sysfs is a line of a few characters; what is longer is another kind of file.
MOST_BYTES = 256
# Python's float() also takes "1_000", "nan" and "infinity", which no sensor means.
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)


class Sensor:
    """Reads one number.

    Args:
        name: the tool's name.
        action: where and how.
        line: the input line when ``action.pin`` is given.
    """

    def __init__(self, name: str, action: SensorAction, line: InputLine | None) -> None:
        self._name = name
        self._action = action
        self._line = line

    def read(self) -> Outcome:
        """Read now. Blocks (a 1-Wire thermometer takes 0.75 s in the kernel): a worker thread only."""
        try:
            number = self._from_line() if self._action.file is None else _from_file(self._action.file)
        except OSError as error:
            return failed(f"{self._name} cannot be read: {error.strerror or error} ({self._where}).")
        except ValueError as error:
            return failed(f"{self._name} cannot be read: {error} ({self._where}).")
        value = number * self._action.scale + self._action.offset
        if not self._action.low <= value <= self._action.high:
            bounds = f"{self._action.low:g} to {self._action.high:g}"
            return failed(f"{self._name} reads {plain(value)}, which is outside {bounds} ({self._where}).")
        unit = self._action.unit
        say = f"{plain(value)} {unit}".strip()
        return Outcome(True, json.dumps({"value": round(value, 3), "unit": unit, "say": say}, ensure_ascii=False), say)

    @property
    def _where(self) -> str:
        return self._action.file or self._action.pin or "no file, no pin"

    def _from_line(self) -> float:
        if self._line is None:
            raise ValueError("there is no such line")
        return 1.0 if self._line.active else 0.0


def plain(value: float) -> str:
    """At most two decimals and no exponent: ``21.5``, ``1013``, ``0``."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _from_file(path: str) -> float:
    # O_NONBLOCK: a FIFO in that place must not hold the thread until somebody writes.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("it is not a file that holds a number")
        data = os.read(descriptor, MOST_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(data) > MOST_BYTES:
        raise ValueError(f"it holds more than {MOST_BYTES} bytes; a number is expected, and nothing else")
    text = data.decode("ascii", "replace").strip().strip("\0")
    if not text:
        raise ValueError("it is empty")
    if not _NUMBER.fullmatch(text):
        shown = "".join(c if c.isprintable() else "?" for c in text[:40])
        raise ValueError(f"it holds '{shown}', which is not a number")
    return float(text)
