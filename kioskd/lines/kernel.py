"""One line driven by the kernel's own call, without any library: for the helper, which starts while a door is open.

The GPIO character device's second interface (linux/gpio.h, since Linux 5.10). Everything else goes through chips.py.
"""

from __future__ import annotations

import os
import struct
from fcntl import ioctl

DEVICES = "/dev"
# linux/gpio.h: GPIO_GET_CHIPINFO_IOCTL, GPIO_V2_GET_LINE_IOCTL; the numbers are those of x86, ARM and RISC-V.
CHIP_INFO, GET_LINE = 0x8044B401, 0xC250B407
# struct gpiochip_info: name, label, lines.
INFO = struct.Struct("=32s32sI")
# struct gpio_v2_line_request: 64 offsets, consumer; config: flags, number of attributes, padding, the first attribute
# (its id, padding, values, mask), nine more; number of lines, event buffer, padding, descriptor.
REQUEST = struct.Struct("=64I32sQI20xIIQQ216xII20xi")
OUTPUT, OUTPUT_VALUES = 1 << 3, 2
CONSUMER = b"kioskd-safe"


def drive(place: str, high: bool) -> bool:
    """Make ``CHIP_LABEL:OFFSET`` (or ``gpiochip0:OFFSET``) an output of that level, in one request, and let go of it.

    Returns:
        whether that was done; if not, chips.py finds out why, in words.
    """
    chip, _, offset = place.rpartition(":")
    if not chip or not offset.isdecimal():
        return False
    try:
        found = [path for path in _chips() if _is(path, chip)]
        if len(found) == 1:
            _request(found[0], int(offset), high)
        return len(found) == 1
    except OSError:
        return False


def _chips() -> list[str]:
    """As chips.device_paths."""
    paths = (os.path.join(DEVICES, name) for name in sorted(os.listdir(DEVICES)) if name.startswith("gpiochip"))
    return [path for path in paths if not os.path.islink(path)]


def _open(path: str) -> int:
    return os.open(path, os.O_RDWR | os.O_CLOEXEC)


def _is(path: str, chip: str) -> bool:
    about = bytearray(INFO.size)
    device = _open(path)
    try:
        ioctl(device, CHIP_INFO, about)
    finally:
        os.close(device)
    name, label, _ = INFO.unpack(about)
    return chip.encode() in (name.rstrip(b"\0"), label.rstrip(b"\0"))


def _request(path: str, offset: int, high: bool) -> None:
    offsets = (offset, *[0] * 63)
    wish = bytearray(REQUEST.pack(*offsets, CONSUMER, OUTPUT, 1, OUTPUT_VALUES, 0, int(high), 1, 1, 0, 0))
    device = _open(path)
    try:
        ioctl(device, GET_LINE, wish)
    finally:
        os.close(device)
    os.close(REQUEST.unpack(wish)[-1])
