"""Reads how the board's supply is: the Raspberry Pi's firmware, and the kernel's voltage monitor. Any thread."""

from __future__ import annotations

from pathlib import Path
from kioskd.core.supply import Supply, bits_of

SYSFS = Path("/sys")
# Pi Zero to 4: .../platform/soc/soc:firmware; Pi 5: .../platform/soc@107c000000/soc@107c000000:firmware.
FIRMWARE = "devices/platform/soc*/*firmware/get_throttled"
# The driver raspberrypi-hwmon names itself so; which of the inputs it is has changed between kernels.
MONITOR, ALARMS = "rpi_volt", "in[0-9]_lcrit_alarm"


def read(sysfs: Path = SYSFS) -> Supply:
    """As it is now. Never raises: what is not there is not known."""
    bits: int | None = None
    for path in sorted(sysfs.glob(FIRMWARE)):
        bits = bits_of(_text(path))
    return Supply(bits, _alarm(sysfs))


def _alarm(sysfs: Path) -> bool | None:
    for name in sorted(sysfs.glob("class/hwmon/hwmon*/name")):
        if _text(name).strip() == MONITOR:
            found = [_text(path).strip() for path in sorted(name.parent.glob(ALARMS))]
            return "1" in found if found else None
    return None


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
