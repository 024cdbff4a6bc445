"""A strip of addressable lamps (APA102, SK9822) on an SPI bus, as the common microphone boards have it.

The bus is reached through python-periphery: pure Python, no dependencies, the same wheel on every machine. (spidev has
no wheels; apa102-pi and Adafruit's DotStar need all of Blinka.) What goes over it is 40 bytes, made here.
"""

from __future__ import annotations

import errno
import os
from math import ceil
from typing import Callable, Protocol

from kioskd.lines.naming import LineError

# APA102 data sheet, "Cascading data structure": 0b111 and five bits of brightness stand before blue, green, red. The
# five bits stay at most: they blink at 580 Hz, the colours at 19 kHz.
HEAD = 0xE0 | 0x1F
MODE = 0  # clock rests low, data is taken at its rising edge

SENTENCES = {
    errno.ENOENT: "is not there: switch SPI on (raspi-config, or dtparam=spi=on in config.txt) and reboot",
    errno.EACCES: "may not be used by kioskd: the unit needs the drop-in for SPI (docs/panel.md)",
    errno.EPERM: "may not be used by kioskd: the unit needs the drop-in for SPI (docs/panel.md)",
    errno.ENOTTY: "is no SPI bus: write the device file of one, as /dev/spidev0.0",
}


class Bus(Protocol):
    """An SPI bus."""

    def transfer(self, data: bytes) -> object:
        """Shift these bytes out. An OSError when that fails."""

    def close(self) -> None:
        """Let go of it."""


def frame(count: int, red: float, green: float, blue: float) -> bytes:
    """What makes ``count`` lamps show one colour, each channel 0.0 to 1.0.

    The end is zeros: half a clock for each lamp for APA102, and 32 more for SK9822, which show what they were told only
    then.
    """
    lamp = bytes((HEAD, *(round(255 * min(1.0, max(0.0, level))) for level in (blue, green, red))))
    return bytes(4) + lamp * count + bytes(4 + ceil(count / 16))


class Strip:
    """The strip (ports.LampLine). Loop only. It need not be there: each ``set`` opens the bus if it is not open.

    Args:
        path: device file of the bus.
        count: lamps.
        brightness: of whatever is lit, 0.0 to 1.0.
        opens: opens the bus, or raises OSError.
    """

    def __init__(self, path: str, count: int, brightness: float, opens: Callable[[], Bus]) -> None:
        self.path = path
        self._count, self._brightness = count, brightness
        self._opens = opens
        self._bus: Bus | None = None
        self.shown: tuple[float, float, float] | None = None  # as it was last told, brightness applied
        self.failed = 0

    def set(self, red: float, green: float, blue: float) -> None:
        """All lamps show this; 12 of them take 0.1 ms at 4 MHz.

        Raises:
            LineError: there is no bus, or it does not work.
        """
        levels = (self._brightness * red, self._brightness * green, self._brightness * blue)
        try:
            if self._bus is None:
                self._bus = self._opens()
            self._bus.transfer(frame(self._count, *levels))
        except OSError as error:
            self.failed += 1
            self.shown = None
            self._drop()
            raise LineError(f"{self.path} {_why(error)}.") from error
        self.shown = levels

    def close(self) -> None:
        """Dark, and let go of the bus: lamps with a memory would go on showing what is not true any more."""
        if self._bus is not None:
            try:
                self._bus.transfer(frame(self._count, 0.0, 0.0, 0.0))
            finally:
                self._drop()
                self.shown = None

    def snapshot(self) -> dict[str, object]:
        """For status."""
        return {"bus": self.path, "lamps": self._count, "open": self._bus is not None, "failed": self.failed}

    def _drop(self) -> None:
        bus, self._bus = self._bus, None
        if bus is not None:
            bus.close()


class NoBus:
    """The bus of a simulated panel: what was shifted out last can be read."""

    def __init__(self) -> None:
        self.sent = b""

    def transfer(self, data: bytes) -> None:
        """Keep it."""
        self.sent = bytes(data)

    def close(self) -> None:
        """Nothing is held."""


def open_strip(pins: str, path: str, count: int, speed_hz: int, brightness: float) -> Strip:
    """A strip; nothing is opened before the first ``set``. ``pins``: "gpio" or "simulated"."""

    def spi() -> Bus:
        # Late: a kiosk without a strip does not pay 13 ms for it. First the file: that error says what is wrong.
        os.stat(path)
        try:
            from periphery.spi import SPI
        except ImportError as error:
            raise OSError(f"the Python package python-periphery is missing ({error})") from error
        bus: Bus = SPI(path, MODE, speed_hz)
        return bus

    return Strip(path, count, brightness, NoBus if pins == "simulated" else spi)


def _why(error: OSError) -> str:
    return SENTENCES.get(error.errno or 0) or f"does not work: {error.strerror or error}"
