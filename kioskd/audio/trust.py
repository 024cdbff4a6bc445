"""Does the canceller really cancel? Judged by what goes into it and what comes out. Pure; blocks of 10 ms."""

from __future__ import annotations

import math
from typing import NamedTuple

# Only loud reference (mean square of -50 dBFS) tells anything.
LOUD_POWER = 32768.0**2 * 10.0**-5.0
# One in so many of these blocks is looked at for the slow estimates, which run over SLOW_BLOCKS looks: 3 s.
LOOK_EVERY = 4
SLOW_BLOCKS = 75
# Quieter than one step of a sample is unknown.
LEAST_POWER = 0.1


class _Left(NamedTuple):
    """What was left of the doubt when the output was closed, how long the sound took, and when that was measured."""

    doubt: int
    way_ms: float
    at: float


class Trust:
    """Whether the canceller has found the room. Pure; capture thread.

    AEC3 starts anew with each room, and when the output is opened again the way to the ear may have become longer or
    shorter. Up to two seconds into the next sentence it then lets a syllable through (benchmarks/rooms.py), which is
    speech and would interrupt the kiosk by its own voice. So it is watched for some time after each opening, and not
    believed before that time is over; soon, though, where the last openings passed without such a slip, or where the
    microphone does not hear the loudspeaker at all.

    What it has learnt it does not forget while the output is closed: where the sound takes as long as it took before
    (``arrived``), the doubt goes on where it was left, which is mostly none; where it takes longer or shorter, no
    credit counts. Measured in the standard room with answers of 3 s: deaf for 0.6 s of each, and for all of it before.

    A visitor who talks at once looks like a slip. On a steady unit that costs nothing now, and a little credit.
    """

    WATCH_BLOCKS = 250  # of loud reference: three seconds of speech
    SOON_BLOCKS = 30
    UNHEARD_BLOCKS = 50  # in a row; no echo of them came, and none comes later than 500 ms
    STEADY = 3  # openings without a slip
    GOOD = 0.01  # a slip leaves more of what the microphone heard (power), ...
    QUIET_POWER = 32768.0**2 * 10.0**-5.5  # ... and is louder than this: no gate opens on -55 dBFS
    SAME_MS = 0.5  # AEC3 was seen to slip with 2 ms (benchmarks/rooms.py); what is measured is exact to a sample
    KEPT_S = 600.0  # after so long somebody may have moved the furniture, or the kiosk. A guess.

    def __init__(self) -> None:
        self._way_ms: float | None = None  # how long the sound takes since the last opening
        self._left: _Left | None = None
        self._doubt = self._watch = self.WATCH_BLOCKS
        self._steady = self._unheard = 0
        self._slipped = False
        self._arrived_at = 0.0

    @property
    def given(self) -> bool:
        """Whether the canceller is believed."""
        return not self._doubt

    @property
    def watching(self) -> bool:
        """Whether ``weigh`` has a meaning."""
        return self._watch > 0

    def reopened(self) -> None:
        """Sound comes again after a rest. A watch that is under way begins anew."""
        if self._slipped:
            self._left = None
        elif self._way_ms is not None:
            self._left = _Left(self._doubt, self._way_ms, self._arrived_at)
        self._way_ms = None
        self._watch, self._slipped, self._unheard = self.WATCH_BLOCKS, False, 0
        self._doubt = max(self._doubt, self.SOON_BLOCKS if self._steady >= self.STEADY else self.WATCH_BLOCKS)

    def arrived(self, way_ms: float, now: float) -> None:
        """So long the sound takes since the last opening; ``now`` in monotonic seconds."""
        left, self._way_ms, self._arrived_at = self._left, way_ms, now
        if left is None or self._slipped or now - left.at > self.KEPT_S:
            return
        same = abs(way_ms - left.way_ms) <= self.SAME_MS
        since = self.WATCH_BLOCKS - self._watch  # what has passed without a slip by now counts too
        self._doubt = min(self._doubt, max(0, left.doubt - since)) if same else self._watch

    def weigh(self, near: float, out: float) -> None:
        """A block of loud reference: power of what the microphone heard, and of what is left of it."""
        self._watch -= 1
        self._doubt = max(0, self._doubt - 1)
        self._unheard = self._unheard + 1 if near <= self.QUIET_POWER else 0
        if self._unheard >= self.UNHEARD_BLOCKS:
            self._watch = self._doubt = 0
        elif out > max(near * self.GOOD, self.QUIET_POWER) and not self._slipped:
            self._slipped, self._steady = True, max(0, min(self._steady, self.STEADY) - 1)
            if self._doubt:
                self._doubt = self._watch
        if not self._watch and not self._slipped:
            self._steady += 1


class Meter:
    """Slow estimates of return loss and of what cancelling takes away. One thread feeds, any reads."""

    def __init__(self) -> None:
        self._reference = self._echo = self._rest = 0.0

    def weigh(self, reference: float, near: float, out: float) -> None:
        """Power of a loud block of reference, of what the microphone heard, and of what is left of it."""
        share = 1.0 / SLOW_BLOCKS
        self._reference += share * (reference - self._reference)
        self._echo += share * (near - self._echo)
        self._rest += share * (out - self._rest)

    @property
    def return_loss_db(self) -> float | None:
        """Reference over echo."""
        return _ratio_db(self._reference, self._echo) if self._reference else None

    @property
    def erle_db(self) -> float | None:
        """Echo over what is left of it."""
        return _ratio_db(self._echo, self._rest) if self._reference else None


def _ratio_db(above: float, below: float) -> float:
    return round(10.0 * math.log10(max(above, LEAST_POWER) / max(below, LEAST_POWER)), 1)
