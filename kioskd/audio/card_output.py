"""A speaker: one PortAudio stream, its ring kept just full enough, in the hands of the playback thread."""

from __future__ import annotations

import time
from typing import Any

from kioskd.audio.beat import Beat, Depth
from kioskd.audio.card import CardStream, Library
from kioskd.audio.streams import PERIOD_MS
from kioskd.core.resample import from_mono

# What was learned of each speaker, for the streams that follow.
_depths: dict[str, Depth] = {}
# A stream that is younger than so many periods has not found its pace yet.
FIRST_PERIODS = 10


class CardOutput(CardStream):
    """A speaker."""

    def __init__(self, spec: str, want_rate_hz: int, library: Library) -> None:
        super().__init__("output", spec, want_rate_hz, library)

    def _seat(self, opened: tuple[Any, int, int, bool]) -> None:
        super()._seat(opened)
        self._period = self._rate_hz * PERIOD_MS // 1000  # frames
        self._ring = self._available()  # frames; all of it is free before the first write
        self._beat, self._depth = Beat(PERIOD_MS / 1000), _depths.setdefault(self._spec, Depth())
        self._written = 0  # periods
        self._seen = False  # what the ring has room for is known
        self._running = False
        self._latency_s = max(float(self._stream.get_output_latency()), self._ring / self._rate_hz)

    def _available(self) -> int:
        return int(self._stream.get_write_available())

    @property
    def latency_s(self) -> float:
        """A full ring. What a sound server adds behind it is not known here."""
        return self._latency_s

    def await_room(self, timeout_s: float, periods: int = 1) -> int:
        """How many periods can be handed over now; waits up to ``timeout_s`` for the moment when so many should be.

        The ring is not filled up: what is handed over has to wait for all that is in it. Nor is it let run dry for
        the sake of many: PortAudio gives a sound server's stream three periods and a kernel card's only two.

        Raises:
            DeviceError: the speaker is gone.
        """
        periods = min(periods, self._ring // self._period - 1)
        room = max(periods * self._period, self._depth.room(self._ring, self._period, time.monotonic()))
        polls = self._await_beat(self._beat, room, timeout_s)
        self._seen = polls is not None
        if polls is None:
            return 0
        now = time.monotonic()
        self._beat.came(now, polls, (self._found - room) / self._rate_hz)
        if self._written > FIRST_PERIODS:
            self._depth.seen(self._ring - self._found, self._period, now)
        return self._found // self._period

    def write(self, pcm: bytes, timeout_s: float) -> bool:
        """Hand over a period, or several where there is room for them; False when there was none in time.

        Raises:
            DeviceError: the speaker is gone.
        """
        frames = len(pcm) // 2
        # ``await_room`` has just looked, which costs as much as the writing.
        found, self._seen = self._found if self._seen else self._look(), False
        if self._running and found >= self._ring:
            self._xruns += 1  # the ring ran empty
        if found < frames and not self._await(frames, timeout_s):
            return False
        # Arguments by position: frames, and no exception (which would close the stream) after an underrun.
        self._guarded(self._stream.write, from_mono(pcm, self._channels), frames, False)
        self._running = True
        self._written += 1
        self._beat.moved(frames // self._period)
        return True
