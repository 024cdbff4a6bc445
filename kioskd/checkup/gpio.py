"""Which GPIO chips there are, and who holds the lines that the configuration names: asked of the kernel, nothing is
requested and no library is needed (linux/gpio.h, the character device's version 2).
"""

from __future__ import annotations

import os
import re
import struct
from pathlib import Path
from typing import Callable, Iterator, NamedTuple, Sequence

from kioskd.core.finding import Finding, fail, ok, unknown, warn

CHIP_INFO, LINE_INFO = 0x8044B401, 0xC100B405
_CHIP = struct.Struct("=32s32sI")
_LINE = struct.Struct("=32s32sIIQ176x")
USED = 1
# The chips behind the 40-pin header: Pi Zero to 4, and 5.
HEADER = ("pinctrl-bcm", "pinctrl-rp1")
OURS = ("kioskd", "lg", "gpiozero")

# (device file, request, buffer) -> the buffer as the kernel left it; raises OSError.
Ioctl = Callable[[str, int, bytes], bytes]


class Chip(NamedTuple):
    """One chip."""

    path: str
    label: str
    lines: int


class Line(NamedTuple):
    """One line: who holds it ("": nobody)."""

    name: str
    holder: str
    used: bool


def ioctl(path: str, request: int, buffer: bytes) -> bytes:
    """Ask the kernel.

    Raises:
        OSError: the device cannot be opened, or it refuses.
    """
    import fcntl

    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        return fcntl.ioctl(descriptor, request, buffer)
    finally:
        os.close(descriptor)


def chips(dev: Path, ask: Ioctl) -> tuple[list[Chip], list[str]]:
    """Every chip, and a sentence for each that may not be looked at."""
    found, troubles = [], []
    paths = (path for path in dev.glob("gpiochip*") if not path.is_symlink())
    for path in sorted(paths, key=lambda one: (len(one.name), one.name)):
        try:
            _, label, lines = _CHIP.unpack(ask(str(path), CHIP_INFO, bytes(_CHIP.size)))
        except OSError as error:
            troubles.append(f"{path}: {error.strerror}")
            continue
        found.append(Chip(str(path), _word(label), lines))
    return found, troubles


def line(chip: Chip, offset: int, ask: Ioctl) -> Line:
    """Who holds a line.

    Raises:
        OSError: there is no such line, or the chip is gone.
    """
    asked = _LINE.pack(b"", b"", offset, 0, 0)
    name, holder, _, _, flags = _LINE.unpack(ask(chip.path, LINE_INFO, asked))
    return Line(_word(name), _word(holder), bool(flags & USED))


def _word(raw: bytes) -> str:
    return raw.split(b"\0", 1)[0].decode("utf-8", "replace")


def find(pin: str, found: Sequence[Chip]) -> tuple[Chip, int] | None:
    """Where ``GPIO17`` or ``CHIP_LABEL:OFFSET`` is; None: no chip here has it."""
    header = re.fullmatch(r"GPIO([0-9]{1,2})", pin)
    label, _, offset = pin.rpartition(":")
    if not header and not offset.isdecimal():
        return None
    number = int(header[1] if header else offset)
    for chip in found:
        known = chip.label.startswith(HEADER) if header else label in (chip.label, chip.path, Path(chip.path).name)
        if known and number < chip.lines:
            return chip, number
    return None


def look(pins: Sequence[tuple[str, str]], dev: Path, running: bool, ask: Ioctl = ioctl) -> Iterator[Finding]:
    """The chips, and each line of the configuration.

    Args:
        pins: key and pin of each line.
        dev: a folder like /dev.
        running: whether the daemon runs, and should hold them.
    """
    found, troubles = chips(dev, ask)
    for sentence in troubles:
        yield unknown("gpio chip", sentence, "sudo kioskctl doctor, or join the group gpio")
    if found:
        yield ok("gpio chips", ", ".join(f"{one.label} ({one.lines} lines)" for one in found))
    elif not troubles and pins:
        yield fail("gpio chips", "this machine has none", "panel.pins: simulated is for a trial without lines")
    elif not troubles:
        yield ok("gpio chips", "none, and none is needed")
    if found:
        for key, pin in pins:
            yield _line(key, pin, found, running, ask)


def _line(key: str, pin: str, found: Sequence[Chip], running: bool, ask: Ioctl) -> Finding:
    what = f"line {pin}"
    place = find(pin, found)
    if place is None:
        return fail(what, f"{key}: no chip here has it", "gpioinfo lists what there is", key=key)
    try:
        now = line(*place, ask)
    except OSError as error:
        return unknown(what, f"{key}: {error.strerror}", "gpioinfo", key=key)
    ours = now.holder.startswith(OURS)
    if now.used and not ours:
        holder = now.holder or "somebody who does not say a name"
        advice = "stop that program, or take its dtoverlay out of config.txt"
        return fail(what, f"{key}: {holder} holds it", advice, key=key, holder=now.holder)
    if now.used and not running:
        advice = "a program of yours that uses the line, or a kioskd that stands still? systemctl status kioskd"
        return warn(what, f"{key}: {now.holder} holds it, and no kioskd answers", advice, key=key, holder=now.holder)
    if running and not now.used:
        return warn(what, f"{key}: kioskd runs and does not hold it", "kioskctl status says why", key=key)
    state = f"held by {now.holder}" if now.used else "free"
    return ok(what, f"{key}: {state}", key=key, holder=now.holder)
