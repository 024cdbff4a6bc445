"""What capture and playback need of a device, be it a sound card, a WAV file or nothing at all.

A device spec is one of ``alsa:CARD_ID``, ``alsa:NAME``, ``usb:PORT``, ``pulse``, ``pulse:SERVER``, ``default``,
``file:PATH.wav``, ``null`` (config/device_spec.py).
Only the thread that opened a stream touches it, closing included: closing under a read crashes PortAudio.
"""

from __future__ import annotations

from typing import Callable, Protocol

# Devices run on 10 ms periods; two of them make one chunk.
PERIOD_MS = 10


class DeviceError(Exception):
    """A device cannot be opened or has stopped serving. The text is a sentence that says what would help."""


class InputStream(Protocol):
    """An open microphone."""

    @property
    def rate_hz(self) -> int:
        """Frames a second of what ``read`` gives."""

    @property
    def xruns(self) -> int:
        """Overruns so far, and other losses of sound: reads that came short, gaps while the list was made anew."""

    @property
    def held(self) -> int:
        """Periods that are here already and follow what ``read`` gave last, which is so much older."""

    def relax(self, chunks: int) -> None:
        """So many chunks may be fetched at once, which costs less: nobody waits for the next one (1: somebody does)."""

    def read(self, timeout_s: float) -> bytes | None:
        """10 ms, S16_LE mono, or several whole periods; None when none came within ``timeout_s``. Never blocks longer.

        Raises:
            DeviceError: the device is gone.
        """

    def close(self) -> None:
        """Give the device back. Twice is harmless."""


class OutputStream(Protocol):
    """An open speaker."""

    @property
    def rate_hz(self) -> int:
        """Frames a second of what ``write`` takes."""

    @property
    def latency_s(self) -> float:
        """From a written sample to its sound: what the device still holds when the last period is handed over."""

    @property
    def xruns(self) -> int:
        """Underruns so far."""

    def await_room(self, timeout_s: float, periods: int = 1) -> int:
        """How many periods would be taken at once; waits up to ``timeout_s`` for so many. Never blocks longer.

        A device that takes sound by the period does not wait for more than one.

        Raises:
            DeviceError: the device is gone.
        """

    def write(self, pcm: bytes, timeout_s: float) -> bool:
        """Hand over 10 ms, S16_LE mono, when the device has room; False when it had none within ``timeout_s``.

        More than one period is welcome where ``await_room`` has just found room for so many.

        Raises:
            DeviceError: the device is gone.
        """

    def close(self) -> None:
        """Give the device back. Twice is harmless."""


OpenInput = Callable[[str], InputStream]
OpenOutput = Callable[[str], OutputStream]
