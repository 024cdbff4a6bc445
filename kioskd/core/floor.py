"""The room's noise: the lowest level of the last seconds, followed slowly. Pure; time is counted in chunks.

Minimum statistics: speech has pauses, even a fast talker falls to the noise several times in HISTORY_S, so the lowest
level heard in that time is the noise and never the speech. It can only lie below the noise: neither a steady noise nor
one that rises deafens the kiosk, it just lets more through until the history has caught up.
"""

from __future__ import annotations

from collections import deque

from kioskd.core.vad import SILENCE_DBFS, dbfs
from kioskd.lanes import CHUNK_MS

HISTORY_S = 6
_SPAN_CHUNKS = 1000 // CHUNK_MS
# Levels are smoothed over some 130 ms: a piece of music or a street is loud and quiet in turn within less than that,
# and its one quietest chunk would stand 10 dB below what is heard of it. Pauses between words are longer.
_KEPT = 0.85


class NoiseFloor:
    """One room. Whoever feeds it owns it; ``level_dbfs`` may be read by any thread.

    Args:
        least_dbfs: what is quieter than this never stands out, however quiet the room is (talk.min_dbfs).
        margin_db: what stands less than this above the noise does not stand out.
    """

    def __init__(self, least_dbfs: float, margin_db: float) -> None:
        self._least = _power(least_dbfs)
        self._ratio = 10.0 ** (margin_db / 10.0)
        self._spans: deque[float] = deque(maxlen=HISTORY_S - 1)  # the lowest power of each second that is over
        self._lowest: float | None = None  # of the second that runs
        self._smooth: float | None = None
        self._chunks = 0
        self._unheard = 1  # chunks since the last measured one, that one included
        self._noise = 0.0
        self._threshold = self._least

    def pass_by(self) -> None:
        """A chunk that nobody measured."""
        self._unheard += 1
        self._chunks += 1
        if self._chunks >= _SPAN_CHUNKS:
            self._chunks = 0
            if self._lowest is not None:
                self._spans.append(self._lowest)
                self._lowest = None
                self._settle()

    def hear(self, power: float) -> bool:
        """A chunk of this mean square; whether it stands out."""
        share = 1.0 if self._smooth is None else 1.0 - _KEPT**self._unheard
        self._smooth = (self._smooth or 0.0) * (1.0 - share) + share * power
        self._unheard = 0
        if self._lowest is None or self._smooth < self._lowest:
            self._lowest = self._smooth
            if self._smooth < self._noise:
                self._settle()
        self.pass_by()
        return power >= self._threshold

    def _settle(self) -> None:
        running = () if self._lowest is None else (self._lowest,)
        self._noise = min((*self._spans, *running))
        # Before the first second is over nothing is known: the owner's word alone counts.
        if self._spans:
            self._threshold = max(self._least, self._noise * self._ratio)

    @property
    def level_dbfs(self) -> float:
        """The noise; SILENCE_DBFS while nothing is known."""
        return dbfs(self._noise) if self._noise else SILENCE_DBFS


def _power(level_dbfs: float) -> float:
    of_full_scale: float = 10.0 ** (level_dbfs / 10.0)
    return 32768.0**2 * of_full_scale
