"""From a device's 10 ms periods to chunks: their age, their rate, their echo, their length. No thread, no device."""

from __future__ import annotations

from collections import deque
from typing import Callable, NamedTuple, Protocol

from kioskd.audio.streams import PERIOD_MS
from kioskd.lanes import CHUNK_BYTES, UPLINK_HZ, Chunk

PERIOD_S = PERIOD_MS / 1000
# Audio older than this is of no use in a conversation (a sound server hands over whole seconds after a stall).
MAX_AGE_S = 0.5
# A read that took at least this long had to wait for its samples, so they are new. A fifth of a period: far above
# a read that finds its samples (some 50 us), far below the wait of a reader that keeps up.
WAITED_S = 0.002
# After a hole a wait alone proves nothing: a sound server hands a backlog over in requests, with 2 to 20 ms between
# them (measured: all of 2 s in 0.3 s). So much sound must have taken most of the time that it lasts.
PACE_S = 0.1
PACE_SHARE = 0.6
_BYTES_PER_S = UPLINK_HZ * 2
# Sums of lengths are not exact.
SAMPLE_S = 1 / UPLINK_HZ
PERIOD_BYTES = _BYTES_PER_S * PERIOD_MS // 1000


class Resampler(Protocol):
    """Streaming: keeps what it needs between calls."""

    def process(self, pcm: bytes) -> bytes:
        """S16_LE mono in, S16_LE mono at the other rate out; it may hold back a little."""


MakeResampler = Callable[[int, int], Resampler]


class Cancels(Protocol):
    """What is used of a canceller (audio/echo.py)."""

    @property
    def delay_s(self) -> float:
        """How much later than it was captured the sound comes out."""

    def near(self, pcm: bytes) -> bytes:
        """10 ms of S16_LE mono at 16 kHz without its echo; as many bytes as were given."""


class Taken(NamedTuple):
    """What one read completed.

    Attributes:
        chunks: for the ears; ``at`` is when the sound was captured, whatever cancelling took.
        gap_ms: lost just before them (0.0 nearly always).
        raw: the chunks before cancelling; the same ones where nothing is cancelled.
    """

    chunks: list[Chunk]
    gap_ms: float
    raw: list[Chunk]


class Cutter:
    """Bytes in, whole chunks out."""

    def __init__(self) -> None:
        self._rest = b""

    def cut(self, pcm: bytes, at: float) -> list[Chunk]:
        """The chunks that ``pcm`` completes; its last sample was captured at ``at``."""
        data = self._rest + pcm
        whole = len(data) // CHUNK_BYTES * CHUNK_BYTES
        self._rest = data[whole:]
        return [
            Chunk(data[start : start + CHUNK_BYTES], at - (len(data) - start - CHUNK_BYTES) / _BYTES_PER_S)
            for start in range(0, whole, CHUNK_BYTES)
        ]


class Intake:
    """Takes what one open stream gives. Capture thread only.

    Age: samples have no time of their own, so it is inferred. A read that had to wait returned new samples; one
    that did not returned samples that follow the last ones. After a hole of more than MAX_AGE_S a wait
    proves nothing (the process may have been stopped in the middle of it), and what comes counts as old until a
    read waits again. A device that really had nothing for so long loses one period by this.

    The canceller sees what is thrown away for its age as well: it has a reference for every period.

    Args:
        rate_hz: of the periods.
        make_resampler: called with (rate_hz, 16000) if they differ.
        now: monotonic seconds at which the stream was opened.
        canceller: takes the kiosk's own voice out; None: nothing is cancelled here.

    Attributes:
        dropped_ms: old audio thrown away so far.
    """

    def __init__(
        self, rate_hz: int, make_resampler: MakeResampler, now: float, canceller: Cancels | None = None
    ) -> None:
        self._rate_hz = rate_hz
        self._resampler = None if rate_hz == UPLINK_HZ else make_resampler(rate_hz, UPLINK_HZ)
        self._canceller = canceller
        self._returned_at = self._captured_at = now
        self._behind = False  # a backlog may be coming
        self._pace: deque[tuple[float, float]] = deque()  # when its latest sound came, and how long it is
        self._part = b""  # less than a period, for the canceller
        self._raw, self._clean = Cutter(), Cutter()
        self._gap_ms = 0.0
        self.dropped_ms = 0.0

    def take(self, pcm: bytes, asked_at: float, now: float, held: int = 0) -> Taken:
        """What one read gave, when it began and when it returned; so many younger periods were there already."""
        length_s = len(pcm) / 2 / self._rate_hz
        self._stamp(asked_at, now, length_s, held * PERIOD_S)
        old = now - self._captured_at > MAX_AGE_S
        if old:
            self._gap_ms += length_s * 1000
            self.dropped_ms += length_s * 1000
            if self._canceller is None:
                return Taken([], 0.0, [])
        if self._resampler is not None:
            pcm = self._resampler.process(pcm)
        if self._canceller is None:
            chunks = self._clean.cut(pcm, self._captured_at)
            return Taken(chunks, self._told(), chunks)
        whole, clean = self._cancelled(self._canceller, pcm)
        if old:
            return Taken([], 0.0, [])
        # What the canceller does not have yet is younger than what it gave.
        at = self._captured_at - len(self._part) / _BYTES_PER_S
        raw = self._raw.cut(whole, at)
        return Taken(self._clean.cut(clean, at - self._canceller.delay_s), self._told(), raw)

    def _told(self) -> float:
        gap_ms, self._gap_ms = self._gap_ms, 0.0
        return gap_ms

    def _cancelled(self, canceller: Cancels, pcm: bytes) -> tuple[bytes, bytes]:
        """Whole periods, and what the canceller makes of them: it takes nothing else."""
        data = self._part + pcm
        whole = len(data) // PERIOD_BYTES * PERIOD_BYTES
        self._part = data[whole:]
        periods = [data[start : start + PERIOD_BYTES] for start in range(0, whole, PERIOD_BYTES)]
        return data[:whole], b"".join([canceller.near(period) for period in periods])

    def _stamp(self, asked_at: float, now: float, length_s: float, younger_s: float) -> None:
        if now - self._returned_at > MAX_AGE_S:
            self._behind = True
            self._pace.clear()
        self._returned_at = now
        if self._behind:
            self._behind = not self._keeps_pace(now, length_s)
        if now - asked_at >= WAITED_S and not self._behind:
            self._captured_at = now - younger_s
        else:
            self._captured_at = min(now, self._captured_at + length_s)

    def _keeps_pace(self, now: float, length_s: float) -> bool:
        """Whether the latest sound came no faster than sound does."""
        self._pace.append((now, length_s))
        sound_s = sum(length for _, length in self._pace)
        while sound_s - self._pace[0][1] > PACE_S - SAMPLE_S:
            sound_s -= self._pace.popleft()[1]
        return sound_s > PACE_S - SAMPLE_S and now - self._pace[0][0] > PACE_SHARE * PACE_S - SAMPLE_S
