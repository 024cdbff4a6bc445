"""Pieces of sound with their times, put together to one stretch with one time: when its first sample was."""

from __future__ import annotations

from math import inf
from statistics import median

# Times of pieces jump by a period or two (a sound server takes and gives in bursts; 16 ms were measured); what is
# lost by an underrun is more. Further apart than this is a hole.
HOLE_MS = 30.0
# So many pieces have one time in common, so that the jitter of each is forgotten.
GROUP = 20


class Track:
    """S16_LE mono as it was written to, or captured from, a device. One thread adds; read it when that has ended.

    Parts of it are given in seconds from its first sample.
    """

    def __init__(self) -> None:
        self._begin(0)

    def _begin(self, rate_hz: int) -> None:
        self._pieces: list[bytes] = []
        self._offsets: list[float] = []  # of each piece, in seconds
        self._starts: list[float] = []  # when sample 0 was, by the time of each piece
        self.seconds = 0.0
        self.rate_hz = rate_hz

    def add(self, pcm: bytes, at: float, rate_hz: int) -> None:
        """Take the next piece.

        Args:
            pcm: whole samples.
            at: monotonic seconds of its first sample.
            rate_hz: samples a second; a piece at another rate than those before starts the track afresh.
        """
        if rate_hz != self.rate_hz:
            self._begin(rate_hz)
        self._pieces.append(pcm)
        self._offsets.append(self.seconds)
        self._starts.append(at - self.seconds)
        self.seconds += len(pcm) / 2 / rate_hz

    @property
    def pcm(self) -> bytes:
        """All of it."""
        return b"".join(self._pieces)

    @property
    def sound_from_s(self) -> float:
        """Where the first piece stands that is not digital silence; the end when there is none."""
        sounds = (offset for offset, piece in zip(self._offsets, self._pieces) if any(piece))
        return next(sounds, self.seconds)

    def began_at(self, from_s: float = 0.0, to_s: float = inf) -> float:
        """Monotonic seconds of the first sample, by the times of the pieces in a part.

        A device takes its first pieces in a burst: the median forgets that.
        """
        starts = self._within(from_s, to_s) or self._starts
        return median(starts) if starts else 0.0

    def hole_ms(self, from_s: float = 0.0, to_s: float = inf) -> float:
        """How much is missing inside a part; below HOLE_MS it is jitter."""
        starts = self._within(from_s, to_s)
        groups = [median(starts[at : at + GROUP]) for at in range(0, len(starts) - GROUP + 1, GROUP)]
        return (max(groups) - min(groups)) * 1000 if groups else 0.0

    def _within(self, from_s: float, to_s: float) -> list[float]:
        return [start for offset, start in zip(self._offsets, self._starts) if from_s <= offset < to_s]
