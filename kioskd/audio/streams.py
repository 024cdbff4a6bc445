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
        """Frames a second of what ``read_period`` gives."""

    @property
    def xruns(self) -> int:
        """Overruns so far, and other losses of sound: reads that came short, gaps while the list was made anew."""

    @property
    def held(self) -> int:
        """Periods that are here already and follow the one ``read_period`` gave last, which is so much older."""

    def relax(self, on: bool) -> None:
        """Nobody waits for the next sound: it may be fetched in larger pieces, which costs less."""

    def read_period(self, timeout_s: float) -> bytes | None:
        """Exactly 10 ms, S16_LE mono; None when no period came within ``timeout_s``. Never blocks longer.

        Raises:
            DeviceError: the device is gone.
        """

    def close(self) -> None:
        """Give the device back. Twice is harmless."""


class OutputStream(Protocol):
    """An open speaker."""

    @property
    def rate_hz(self) -> int:
        """Frames a second of what ``write_period`` takes."""

    @property
    def latency_s(self) -> float:
        """From a written sample to its sound: what the device still holds when the last period is handed over."""

    @property
    def xruns(self) -> int:
        """Underruns so far."""

    def await_room(self, timeout_s: float) -> bool:
        """Whether a period would be taken at once; waits up to ``timeout_s`` for that. Never blocks longer.

        Raises:
            DeviceError: the device is gone.
        """

    def write_period(self, pcm: bytes, timeout_s: float) -> bool:
        """Hand over exactly 10 ms, S16_LE mono, when the device has room; False when it had none within ``timeout_s``.

        Raises:
            DeviceError: the device is gone.
        """

    def close(self) -> None:
        """Give the device back. Twice is harmless."""


OpenInput = Callable[[str], InputStream]
OpenOutput = Callable[[str], OutputStream]
