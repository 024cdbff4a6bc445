"""Where a sensor's number comes from, as the kernel or a service gives it: file, 1-Wire, IIO, web. Blocking.

Each source gives the number and how old it is. What is no number, or a number that cannot be one, raises ValueError
with a piece of a sentence.
"""

from __future__ import annotations

import os
import re
import stat
import time
from pathlib import Path
from typing import Callable, NamedTuple

# A number in sysfs is a line of a few characters; what is longer is another kind of file.
MOST_BYTES = 256
ONE_WIRE = Path("/sys/bus/w1/devices")
IIO = Path("/sys/bus/iio/devices")
# Python's float() also takes "1_000", "nan" and "infinity", which no sensor means.
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_SCRATCHPAD = re.compile(r"((?:[0-9a-f]{2} ){9}): crc=[0-9a-f]{2} (YES|NO)", re.ASCII)
# What a DS18B20 holds between power-on and its first measurement: 85 degrees, and 0C in the reserved byte 6; after a
# measurement that byte is 10 less the low four bits of the temperature (data sheet DS18B20, "Memory", and measured by
# others). A sensor that lost its supply in the middle of a measurement shows this.
POWER_ON = bytes((0x50, 0x05)), 0x0C
TRIES = 3


class Reading(NamedTuple):
    """A number and its age in seconds; 0: it was measured now."""

    number: float
    age_s: float = 0.0


def number(text: str) -> float:
    """The number that a text is.

    Raises:
        ValueError: it is none.
    """
    text = text.strip().strip("\0")
    if not text:
        raise ValueError("it is empty")
    if not _NUMBER.fullmatch(text):
        shown = "".join(c if c.isprintable() else "?" for c in text[:40])
        raise ValueError(f"it holds '{shown}', which is not a number")
    return float(text)


def read_text(path: Path | str, most: int = MOST_BYTES) -> tuple[str, float]:
    """A small file, and when it was written (seconds since 1970).

    Raises:
        OSError: it cannot be read.
        ValueError: it is no file, or too long.
    """
    # O_NONBLOCK: a FIFO in that place must not hold the thread until somebody writes.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise ValueError("it is not a file that holds a number")
        data = os.read(descriptor, most + 1)
    finally:
        os.close(descriptor)
    if len(data) > most:
        raise ValueError(f"it holds more than {most} bytes; a number is expected, and nothing else")
    return data.decode("ascii", "replace"), found.st_mtime


def from_file(path: str, wall: Callable[[], float] = time.time) -> Reading:
    """A file that holds a number; as old as the file."""
    text, written_at = read_text(path)
    return Reading(number(text), wall() - written_at)


def crc8(data: bytes) -> int:
    """Of the 1-Wire bus: x^8 + x^5 + x^4 + 1, least bit first (application note 27 of the bus's maker)."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x8C if crc & 1 else 0)
    return crc


def from_one_wire(device: str, again: Callable[[], object] = lambda: None) -> Reading:
    """Degrees C of a DS18B20 (DS18S20, DS1822 ...) by the kernel's w1_therm.

    Args:
        device: its id (``28-0316a2797a12``) or its folder.
        again: called before it is asked once more.
    """
    folder = ONE_WIRE / device  # an absolute path stays what it is
    if not folder.is_dir():
        raise ValueError("there is no such thermometer on the bus; is it wired, and is the overlay w1-gpio loaded?")
    why = ""
    for attempt in range(TRIES):
        if attempt:
            again()
        try:
            return _from_bus(folder)
        except _Unsure as error:
            why = str(error)
    raise ValueError(why)


class _Unsure(ValueError):
    """Another try may help."""


def _from_bus(folder: Path) -> Reading:
    if (folder / "w1_slave").exists():
        return _from_slave(read_text(folder / "w1_slave", 1024)[0])
    # Kernel 5.8 and newer offer this one too; it has checked the sum, and tells nothing of it.
    text = read_text(folder / "temperature")[0]
    if not text.strip():
        raise _Unsure("the kernel gives no measurement of it")
    return _measured(number(text) / 1000, None)


def _from_slave(text: str) -> Reading:
    lines = text.splitlines()
    checked = _SCRATCHPAD.match(lines[0]) if lines else None
    value = re.search(r" t=(-?\d{1,7})$", lines[1]) if len(lines) > 1 else None
    if checked is None or value is None:
        raise _Unsure("the kernel gives no measurement of it")
    pad = bytes.fromhex(checked[1])
    if checked[2] != "YES" or crc8(pad[:8]) != pad[8]:
        raise _Unsure("the sum of what it sent is wrong; look at the wires and the pull-up of 4.7 kΩ")
    if not any(pad):
        # Nothing but zeros has a right sum of its own.
        raise _Unsure("it sends nothing but zeros: its data line is shorted to ground")
    return _measured(int(value[1]) / 1000, pad)


def _measured(degrees: float, pad: bytes | None) -> Reading:
    if degrees == 85.0 and (pad is None or (pad[:2], pad[6]) == POWER_ON):
        raise _Unsure("it shows 85 °C, as one does that has lost its supply before it measured; look at its supply")
    return Reading(degrees)


def from_iio(device: str, channel: str) -> Reading:
    """A channel of the kernel's industrial I/O (Documentation/ABI/testing/sysfs-bus-iio).

    ``CHANNEL_input`` holds the value as it is; else it is ``(raw + offset) * scale``, where offset and scale may be
    those of the channel or of all channels of its type.
    """
    folder = _iio_folder(device)
    if (folder / f"{channel}_input").exists():
        return Reading(number(read_text(folder / f"{channel}_input")[0]))
    if not (folder / f"{channel}_raw").exists():
        there = sorted(path.name.rpartition("_")[0] for path in folder.glob("in_*_*") if path.name.endswith(_VALUES))
        raise ValueError(f"it has no channel {channel}; there are {', '.join(there) or 'none'}")
    raw = number(read_text(folder / f"{channel}_raw")[0])
    return Reading((raw + _of(folder, channel, "offset", 0.0)) * _of(folder, channel, "scale", 1.0))


_VALUES = ("_raw", "_input")


def _of(folder: Path, channel: str, name: str, otherwise: float) -> float:
    # in_voltage0_scale, or in_voltage_scale for all; in_voltage-voltage_scale for differences is of the second kind.
    for path in (folder / f"{channel}_{name}", folder / f"{re.sub(r'[0-9]+', '', channel)}_{name}"):
        if path.exists():
            return number(read_text(path)[0])
    return otherwise


def _iio_folder(device: str) -> Path:
    """By folder, by number, or by the name that the driver gives: numbers change when something is plugged in."""
    if device.startswith("/") or (IIO / device).is_dir():
        if (IIO / device).is_dir():
            return IIO / device
        raise ValueError("there is no such device")
    named = [path.parent for path in sorted(IIO.glob("iio:device*/name")) if read_text(path)[0].strip() == device]
    if len(named) == 1:
        return named[0]
    many = f"{len(named)} devices have" if named else "no device has"
    raise ValueError(f"{many} that name; write its folder")
