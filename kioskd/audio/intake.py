"""From a device's 10 ms periods to chunks: their age, their rate, their length. No thread, no device."""

from __future__ import annotations

from typing import Callable, Protocol

from kioskd.audio.streams import PERIOD_MS
from kioskd.lanes import CHUNK_BYTES, UPLINK_HZ, Chunk

PERIOD_S = PERIOD_MS / 1000
# Audio older than this is of no use in a conversation (a sound server hands over whole seconds after a stall).
MAX_AGE_S = 0.5
# A read that took at least this long had to wait for its samples, so they are new. A fifth of a period: far above
# a read that finds its samples (some 50 us), far below the wait of a reader that keeps up.
WAITED_S = 0.002
_BYTES_PER_S = UPLINK_HZ * 2


class Resampler(Protocol):
    """Streaming: keeps what it needs between calls."""

    def process(self, pcm: bytes) -> bytes:
        """S16_LE mono in, S16_LE mono at the other rate out; it may hold back a little."""


MakeResampler = Callable[[int, int], Resampler]


class Intake:
    """Takes what one open stream gives. Capture thread only.

    Age: samples have no time of their own, so it is inferred. A read that had to wait returned new samples; one
    that did not returned samples one period younger than the last ones. After a hole of more than MAX_AGE_S a wait
    proves nothing (the process may have been stopped in the middle of it), and what comes counts as old until a
    read waits again. A device that really had nothing for so long loses one period by this.

    Args:
        rate_hz: of the periods.
        make_resampler: called with (rate_hz, 16000) if they differ.
        now: monotonic seconds at which the stream was opened.

    Attributes:
        dropped_ms: old audio thrown away so far.
    """

    def __init__(self, rate_hz: int, make_resampler: MakeResampler, now: float) -> None:
        self._resampler = None if rate_hz == UPLINK_HZ else make_resampler(rate_hz, UPLINK_HZ)
        self._returned_at = self._captured_at = now
        self._rest = b""
        self._gap_ms = 0.0
        self.dropped_ms = 0.0

    def take(self, pcm: bytes, asked_at: float, now: float) -> tuple[list[Chunk], float]:
        """One period, the time its read began and the time it returned.

        Returns:
            the chunks it completes, and the ms lost just before them (0.0 nearly always).
        """
        self._stamp(asked_at, now)
        if now - self._captured_at > MAX_AGE_S:
            self._gap_ms += PERIOD_MS
            self.dropped_ms += PERIOD_MS
            return [], 0.0
        gap_ms, self._gap_ms = self._gap_ms, 0.0
        return self._cut(pcm if self._resampler is None else self._resampler.process(pcm)), gap_ms

    def _stamp(self, asked_at: float, now: float) -> None:
        hole = now - self._returned_at > MAX_AGE_S
        self._returned_at = now
        if now - asked_at >= WAITED_S and not hole:
            self._captured_at = now
        else:
            self._captured_at = min(now, self._captured_at + PERIOD_S)

    def _cut(self, pcm: bytes) -> list[Chunk]:
        data = self._rest + pcm
        whole = len(data) // CHUNK_BYTES * CHUNK_BYTES
        self._rest = data[whole:]
        return [
            Chunk(
                data[start : start + CHUNK_BYTES], self._captured_at - (len(data) - start - CHUNK_BYTES) / _BYTES_PER_S
            )
            for start in range(0, whole, CHUNK_BYTES)
        ]
