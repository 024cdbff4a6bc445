"""How much of an answer must be held back so that a service that delivers in bursts does not leave holes in it. Pure.

An answer's pieces have a schedule: each is due when all before it have been played, had the first been played at
once. What comes behind its schedule is late by so much, and an answer begun later by as much would have had no hole.
The estimate follows the latest pieces at once and forgets them slowly, answer by answer. A service that is faster than
speech is never late, and nothing of its answers is held back.
"""

from __future__ import annotations

# Less than this is no burstiness: the playback thread waits so long for the rest of a period anyhow.
STEADY_S = 0.005
# Held back beyond what was late: the next answer may be a little later than the latest so far. One period.
MARGIN_S = 0.01
# A piece later than the most that may be held back, and than what is concealed, is behind a pause of the service
# (it thinks, a tool runs): no holding back heals that, and what follows is on a schedule of its own.
CONCEALED_S = 0.06
# What is left of the estimate behind each answer that did not need it: half of it is gone after three. A guess.
KEPT = 0.8
# An answer shorter than this proves nothing.
TELLING_S = 0.5


class Jitter:
    """The estimate, and what it means for the answer that arrives now. Not thread-safe.

    Args:
        most_s: at most so much is held back; 0: nothing ever is.

    Attributes:
        target_s: how much is held back of the next answer.
    """

    def __init__(self, most_s: float) -> None:
        self.most_s = most_s
        self.target_s = 0.0
        self._swing_s = 0.0  # the same for the amount that must wait: peak to trough of what is ahead of schedule
        self._response: str | None = None
        self._first_at = 0.0
        self._given_s = 0.0  # sound that has come on this schedule
        self._late_s = self._peak_s = self._fell_s = 0.0
        self._let_go = True

    def arrived(self, response: str, length_s: float, at: float) -> None:
        """A piece of ``response`` came at ``at`` (monotonic seconds)."""
        late_s = at - self._first_at - self._given_s
        if response != self._response or late_s > self.most_s + CONCEALED_S:
            self._begin(response, at)
            late_s = 0.0
        self._late_s = max(self._late_s, late_s)
        self._fell_s = max(self._fell_s, self._peak_s + late_s)
        self._given_s += length_s
        self._peak_s = max(self._peak_s, self._given_s - (at - self._first_at))
        if self._late_s > STEADY_S:
            self.target_s = min(self.most_s, max(self.target_s, self._late_s + MARGIN_S))
            self._swing_s = max(self._swing_s, self._fell_s + MARGIN_S)

    def _begin(self, response: str, at: float) -> None:
        """Judge the schedule that has ended, start another."""
        if self._given_s >= TELLING_S:
            self.target_s = self._faded(self.target_s, self._late_s)
            self._swing_s = self._faded(self._swing_s, self._fell_s) if self.target_s else 0.0
        self._response, self._first_at = response, at
        self._given_s = self._late_s = self._peak_s = self._fell_s = 0.0
        self._let_go = False

    def _faded(self, kept_s: float, needed_s: float) -> float:
        left_s = max(KEPT * kept_s, min(needed_s + MARGIN_S, kept_s))
        return left_s if left_s > STEADY_S + MARGIN_S else 0.0

    def held_s(self, response: str, waiting_s: float, now: float) -> float:
        """How much longer the sound of ``response`` is held back; 0.0 from the moment on at which it may be played.

        Args:
            waiting_s: how much sound waits.
        """
        if self._let_go or response != self._response:
            return 0.0
        target_s = min(self.target_s, self.most_s)
        left_s = self._first_at + target_s - now
        if left_s <= 0 or waiting_s >= max(target_s, self._swing_s):
            self._let_go = True
            return 0.0
        return left_s

    def cut(self) -> None:
        """The answer will not be played: what still comes of it says nothing."""
        self._response, self._given_s, self._let_go = None, 0.0, True
