"""One open sound card: a PortAudio stream in the hands of the thread that opened it.

* ``read`` and ``write`` are entered only when a period is there or has room: PortAudio spins at 100 % CPU, or never
  returns, on a source that gives nothing.
* With its overflow exceptions on, PyAudio closes the stream at the first xrun: they are off.
"""

from __future__ import annotations

import time
from typing import Any, Callable, Protocol

from kioskd.audio.streams import PERIOD_MS, DeviceError
from kioskd.core.resample import from_mono, to_mono

# Between two looks at a device: a quarter of a period, so that what is read is at most 2.5 ms older than it must be.
# Measured on x86: a stream read or written this way costs 3 % of a core, ALSA's pulse plugin and its thread included.
POLL_S = PERIOD_MS / 1000 / 4
# PortAudio's codes for an overflow and an underflow (paInputOverflowed, paOutputUnderflowed in portaudio.h), as
# get_read_available and get_write_available return them.
XRUN_CODES = (-9981, -9980)


class Library(Protocol):
    """What a stream needs of port.PortAudio."""

    @property
    def stale(self) -> bool:
        """True when every stream shall be let go, because the cards have changed."""

    def open(self, spec: str, direction: str, want_rate_hz: int) -> tuple[Any, int, int, bool]:
        """PyAudio's stream, its rate in Hz, its channels, and whether it is a card itself (not a plugin)."""

    def close(self, stream: Any) -> None:
        """Close it."""


class CardStream:
    """What both directions share: one PortAudio stream and the thread that owns it."""

    def __init__(self, direction: str, spec: str, want_rate_hz: int, library: Library) -> None:
        self._library = library
        self._spec = spec
        self._stream, self._rate_hz, self._channels, self._is_card = library.open(spec, direction, want_rate_hz)
        self._closed = False
        self._xruns = 0

    @property
    def rate_hz(self) -> int:
        """Frames a second."""
        return self._rate_hz

    @property
    def xruns(self) -> int:
        """Overruns of an input, underruns of an output."""
        return self._xruns

    def _await(self, frames: int, available: Callable[[], int], timeout_s: float) -> bool:
        """Wait until ``frames`` can be moved at once; False when they could not within ``timeout_s``."""
        deadline = time.monotonic() + timeout_s
        while (missing := frames - self._look(available)) > 0:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                return False
            time.sleep(min(left_s, max(POLL_S, missing / self._rate_hz)))
        return True

    def _look(self, available: Callable[[], int]) -> int:
        if self._library.stale:
            raise DeviceError("the sound cards have changed; all are closed and opened again")
        count = int(self._guarded(available))
        if count in XRUN_CODES:
            self._xruns += 1
            return 0
        if count < 0:
            raise DeviceError(f"{self._spec} is gone (PortAudio says {count}); it is tried again")
        return count

    def _guarded(self, call: Callable[..., Any], *args: Any) -> Any:
        if self._closed:
            raise DeviceError(f"{self._spec} has been closed")
        try:
            return call(*args)
        except OSError as error:
            raise DeviceError(f"{self._spec} is gone ({error.args[-1]}); it is tried again") from error

    def close(self) -> None:
        """Give the device back. Only the thread that opened it."""
        if not self._closed:
            self._closed = True
            self._library.close(self._stream)


class CardInput(CardStream):
    """A microphone."""

    def __init__(self, spec: str, want_rate_hz: int, library: Library) -> None:
        super().__init__("input", spec, want_rate_hz, library)
        self._frames = self._rate_hz * PERIOD_MS // 1000
        # PortAudio keeps the overruns it heals to itself. A card's ring overran when nobody looked for longer than
        # it lasts; a sound server keeps what is not fetched.
        self._ring_s = self._stream.get_input_latency() + PERIOD_MS / 1000 if self._is_card else float("inf")
        self._looked_at = time.monotonic()
        self._second = b""  # period of the pair that was fetched last

    def read_period(self, timeout_s: float) -> bytes | None:
        """10 ms of sound, mono; None when there was none in time.

        Raises:
            DeviceError: the microphone is gone.
        """
        if self._second and not self._library.stale:
            first, self._second = self._second, b""
            return first
        self._xruns += time.monotonic() - self._looked_at > self._ring_s
        # Two at a time: a chunk needs both, and each time the thread wakes costs more than what it then does.
        there = self._await(2 * self._frames, self._stream.get_read_available, timeout_s)
        self._looked_at = time.monotonic()
        if not there:
            return None
        pair = to_mono(self._guarded(self._stream.read, 2 * self._frames, False), self._channels)
        self._second = pair[2 * self._frames :]
        return pair[: 2 * self._frames]


class CardOutput(CardStream):
    """A speaker."""

    def __init__(self, spec: str, want_rate_hz: int, library: Library) -> None:
        super().__init__("output", spec, want_rate_hz, library)
        self._ring = int(self._stream.get_write_available())  # frames; all of it is free before the first write
        self._running = False
        self._latency_s = max(float(self._stream.get_output_latency()), self._ring / self._rate_hz)

    @property
    def latency_s(self) -> float:
        """A full ring. What a sound server adds behind it is not known here."""
        return self._latency_s

    def await_room(self, timeout_s: float) -> bool:
        """Whether a period would be taken at once; waits up to ``timeout_s`` for that.

        Raises:
            DeviceError: the speaker is gone.
        """
        return self._await(self._rate_hz * PERIOD_MS // 1000, self._stream.get_write_available, timeout_s)

    def write_period(self, pcm: bytes, timeout_s: float) -> bool:
        """Hand over 10 ms; False when there was no room in time.

        Raises:
            DeviceError: the speaker is gone.
        """
        frames = len(pcm) // 2
        if self._running and self._look(self._stream.get_write_available) >= self._ring:
            self._xruns += 1  # the ring ran empty
        if not self._await(frames, self._stream.get_write_available, timeout_s):
            return False
        # Arguments by position: frames, and no exception (which would close the stream) after an underrun.
        self._guarded(self._stream.write, from_mono(pcm, self._channels), frames, False)
        self._running = True
        return True
