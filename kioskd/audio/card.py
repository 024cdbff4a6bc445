"""One open sound card: a PortAudio stream in the hands of the thread that opened it (card_input.py, card_output.py).

* ``read`` and ``write`` are entered only when a period is there or has room: PortAudio spins at 100 % CPU, or never
  returns, on a source that gives nothing.
* With its overflow exceptions on, PyAudio closes the stream at the first xrun: they are off.
"""

from __future__ import annotations

import logging
import time
from abc import abstractmethod
from typing import Any, Callable, Protocol

from kioskd.audio.beat import Beat
from kioskd.audio.streams import PERIOD_MS, DeviceError

log = logging.getLogger(__name__)

# Between two looks at a device: a quarter of a period, so that what is read is at most 2.5 ms older than it must be.
# Measured on x86: a stream read or written this way costs 3 % of a core, ALSA's pulse plugin and its thread included.
POLL_S = PERIOD_MS / 1000 / 4
# PortAudio's codes for an overflow and an underflow (paInputOverflowed, paOutputUnderflowed in portaudio.h), as
# get_read_available and get_write_available return them.
XRUN_CODES = (-9981, -9980)


def _ms_since(began: float) -> float:
    return (time.monotonic() - began) * 1000


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
        self._spec, self._direction, self._want_rate_hz = spec, direction, want_rate_hz
        self._closed = True
        self._xruns = 0
        self._found = 0  # frames that could be moved at the last look: a look costs as much as a write
        self._open()

    @property
    def rate_hz(self) -> int:
        """Frames a second."""
        return self._rate_hz

    @property
    def xruns(self) -> int:
        """Overruns of an input, underruns of an output."""
        return self._xruns

    @abstractmethod
    def _available(self) -> int:
        """Frames that can be moved at once, or one of PortAudio's codes."""

    def _await(self, frames: int, timeout_s: float) -> bool:
        """Wait until ``frames`` can be moved at once; False when they could not within ``timeout_s``."""
        deadline = time.monotonic() + timeout_s
        while (missing := frames - self._look()) > 0:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                return False
            time.sleep(min(left_s, max(POLL_S, missing / self._rate_hz)))
        return True

    def _await_beat(self, beat: Beat, frames: int, timeout_s: float) -> int | None:
        """The same, close behind the beat of the device: how many looks it took more than one; None: not in time."""
        now = time.monotonic()
        deadline, polls = now + timeout_s, 0
        if beat.due_at > now:
            time.sleep(min(timeout_s, beat.due_at - now))
        while (missing := frames - self._look()) > 0:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                return None
            time.sleep(min(left_s, beat.pause_s(polls, missing / self._rate_hz)))
            polls += 1
        return polls

    def _look(self) -> int:
        if self._library.stale:
            self._renew()
        count = int(self._guarded(self._available))
        if count in XRUN_CODES:
            self._xruns += 1
            return 0
        if count < 0:
            raise DeviceError(f"{self._spec} is gone (PortAudio says {count}); it is tried again")
        self._found = count
        return count

    def _renew(self) -> None:
        """Let go for a moment, so that PortAudio can read its list anew for the other direction, and open again.

        Whoever reads or writes notices a gap (counted with the xruns) and nothing else.

        Raises:
            DeviceError: it does not open any more, or has become another device.
        """
        began, rate_hz = time.monotonic(), self._rate_hz
        self.close()
        self._open()
        if self._rate_hz != rate_hz:
            raise DeviceError(f"{self._spec} has another rate than before ({self._rate_hz} Hz); it is opened again")
        self._xruns += 1
        log.info("%s was closed for %.0f ms: the list of sound cards is new", self._spec, _ms_since(began))

    def _open(self) -> None:
        opened = self._library.open(self._spec, self._direction, self._want_rate_hz)
        self._closed = False
        try:
            self._seat(opened)
        except OSError as error:
            self.close()
            raise DeviceError(f"{self._spec} went while it was opened ({error.args[-1]}); it is tried again") from error

    def _seat(self, opened: tuple[Any, int, int, bool]) -> None:
        self._stream, self._rate_hz, self._channels, self._is_card = opened

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
