"""Devices that only keep time, in the place of a sound card: 10 ms every 10 ms, as a card paces."""

from __future__ import annotations

import time
from typing import Callable

from kioskd.audio.streams import PERIOD_MS

Clock = Callable[[], float]
Wait = Callable[[float], None]

PERIOD_S = PERIOD_MS / 1000
# What a paced output holds, as a card does: three periods, so that silence is heard 30 ms after a cut.
BUFFERED_PERIODS = 3
# Two readings of a clock and a sleep between them never agree to the microsecond.
SLACK_S = 1e-6


class PacedInput:
    """Silence that comes 10 ms every 10 ms; the parent of the file input.

    The schedule is counted from the opening, so that it does not drift; a reader that was held up finds what it
    missed at once, as it would through a sound server.
    """

    def __init__(self, rate_hz: int, clock: Clock = time.monotonic, wait: Wait = time.sleep) -> None:
        self._rate_hz = rate_hz
        self._clock = clock
        self._wait = wait
        self._began = clock()
        self._periods = 0

    @property
    def rate_hz(self) -> int:
        """Frames a second."""
        return self._rate_hz

    @property
    def xruns(self) -> int:
        """A file never overruns."""
        return 0

    @property
    def held(self) -> int:
        """It is read by the period; whoever was held up has some to catch up with."""
        return max(0, int((self._clock() - self._began + SLACK_S) / PERIOD_S) - self._periods)

    def relax(self, chunks: int) -> None:
        """Nothing to gain: a file costs no look."""

    def read(self, timeout_s: float) -> bytes | None:
        """10 ms; where that is no whole number of frames (22050 Hz) one frame more or less, exact on the whole."""
        due_s = self._began + (self._periods + 1) * PERIOD_S - self._clock()
        if due_s > SLACK_S:
            self._wait(min(due_s, timeout_s))
            if due_s > timeout_s:
                return None
        first, last = (n * self._rate_hz // (1000 // PERIOD_MS) for n in (self._periods, self._periods + 1))
        self._periods += 1
        return self._frames(last - first)

    def _frames(self, count: int) -> bytes:
        return bytes(2 * count)

    def close(self) -> None:
        """Nothing to give back."""


class NullInput(PacedInput):
    """A microphone in an empty room: silence for ever."""


class PacedOutput:
    """A speaker that nobody hears: takes 10 ms every 10 ms into a buffer of three periods.

    The parent of the file output.
    """

    def __init__(self, rate_hz: int, clock: Clock = time.monotonic, wait: Wait = time.sleep) -> None:
        self._rate_hz = rate_hz
        self._clock = clock
        self._wait = wait
        self._dry_at = 0.0  # when the device will have played all it holds
        self._xruns = 0

    @property
    def rate_hz(self) -> int:
        """Frames a second."""
        return self._rate_hz

    @property
    def latency_s(self) -> float:
        """A full buffer."""
        return BUFFERED_PERIODS * PERIOD_S

    @property
    def xruns(self) -> int:
        """How often the buffer ran dry between two periods."""
        return self._xruns

    def await_room(self, timeout_s: float, periods: int = 1) -> int:
        """Wait until a period has been played; by the period is how it takes sound."""
        room_s = self._dry_at - (BUFFERED_PERIODS - 1) * PERIOD_S - self._clock()
        if room_s > SLACK_S:
            self._wait(min(room_s, timeout_s))
        return int(room_s <= max(timeout_s, SLACK_S))

    def write(self, pcm: bytes, timeout_s: float) -> bool:
        """Take a period when there is room, as a card would."""
        if not self.await_room(timeout_s):
            return False
        now = self._clock()
        if 0 < self._dry_at < now:
            self._xruns += 1
        self._dry_at = max(self._dry_at, now) + PERIOD_S
        self._keep(pcm)
        return True

    def _keep(self, pcm: bytes) -> None:
        """Where the sound goes."""

    def close(self) -> None:
        """Nothing to give back."""


class NullOutput(PacedOutput):
    """Sound that goes nowhere, at the pace of real sound."""
