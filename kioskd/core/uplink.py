"""What goes up and when: speech as it comes, then zeros until the service has ended the turn, then next to nothing.

The pacer decides, the pump in link/ sends. Every dialect wants silence to keep flowing until it has heard the end of a
turn (Hydra reference A4) and closes a session that is fed faster than real time (A6), or not at all for 30 s (A9).
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

# Chunks that may leave at once. A capture thread or a loop that was late by two or three periods is jitter,
# anything longer is a backlog and is paced. Chunks that wait go up in pairs, so two of the four are a pair whose time
# has come, and two are what a late loop may make up for: with three, a loop that is 25 ms late at every turn fell
# behind by 0.6 s in 5 s of speech.
BURST_CHUNKS = 4.0

# Zeros that keep an idle session open: five chunks, 100 ms (Hydra reference A9: a client in the field sends as much).
KEEPALIVE_CHUNKS = 5

# Times come from sums of floats; a token that lacks less than this is there.
NEARLY = 1e-6


class Move(Enum):
    """What the pump shall do next."""

    CHUNK = "chunk"  # take what goes up together from the lane and report it: sent() or ended()
    ZERO = "zero"  # send one chunk of silence, then silent()
    KEEPALIVE = "keepalive"  # send KEEPALIVE_CHUNKS of silence in one frame, then kept()
    WAIT = "wait"  # nothing until ``at``, or until something happens


class Next(NamedTuple):
    """One answer of the pacer. ``at``: monotonic seconds, the end of the wait."""

    move: Move
    at: float


class Pacer:
    """The uplink of one session. Loop only.

    In any stretch of T seconds at most ``BURST_CHUNKS + catch_up * T / chunk_s`` chunks go up; keep-alives come on top,
    one after ``keepalive_s`` of nothing. What waits because of that pace stays late until the visitor pauses: a new
    utterance ends the zeros of the last one at once, so the lag is won back from silence and never from speech.

    Args:
        now: monotonic seconds.
        chunk_s: length of a chunk in seconds.
        catch_up: how many times real time a backlog may be sent at (Hydra 1.0).
        end_of_turn_s: zeros after an utterance until the service ended the turn, at most this long.
        keepalive_s: seconds without anything sent before a keep-alive.
    """

    def __init__(
        self, now: float, *, chunk_s: float, catch_up: float, end_of_turn_s: float, keepalive_s: float
    ) -> None:
        self._chunk_s = chunk_s
        self._rate = max(1.0, catch_up) / chunk_s  # chunks a second
        self._end_of_turn_s = end_of_turn_s
        self._keepalive_s = keepalive_s
        self._level = BURST_CHUNKS
        self._level_at = now
        self._last_at = now  # when something was sent last
        # Owed to the utterance that ended last. Counted, not timed: a loop that is late would owe the service silence
        # that it needs to find the end of the turn, and a turn without an end has no answer.
        self._zeros_left = 0
        self._turn_open = False  # the service may still be waiting for the end of what it heard
        self._announced = False  # the service says when it hears speech
        self.speaking = False  # between the first chunk of an utterance and its end mark

    def next(self, now: float, waiting: int) -> Next:
        """What to do now, when ``waiting`` chunks lie in the lane that would go up together, or a mark (1).

        The first of two waits for the second's turn: half the frames, and an utterance ends no later for it.
        """
        if waiting:
            ready_at = self._token_at(now, waiting)
            return Next(Move.CHUNK, now) if ready_at <= now else Next(Move.WAIT, ready_at)
        keepalive_at = self._last_at + self._keepalive_s
        if self._zeroing:
            zero_at = max(self._last_at + self._chunk_s, self._token_at(now))
            return Next(Move.ZERO, now) if zero_at <= now + NEARLY else Next(Move.WAIT, zero_at)
        return Next(Move.KEEPALIVE, now) if keepalive_at <= now else Next(Move.WAIT, keepalive_at)

    @property
    def _zeroing(self) -> bool:
        """Whether the service is still owed silence."""
        return self._turn_open and not self.speaking and self._zeros_left > 0

    def sent(self, now: float, chunks: int = 1) -> None:
        """Speech from the lane went up."""
        self._spend(now, chunks)
        if not (self.speaking and self._announced):
            # A service that does not say that it hears somebody may have begun another turn with this.
            self.speaking = True
            self._turn_open = True

    def silent(self, now: float) -> None:
        """A chunk of zeros went up."""
        self._spend(now, 1)
        self._zeros_left -= 1

    def _spend(self, now: float, chunks: int) -> None:
        self._level = self._filled(now) - chunks
        self._level_at = self._last_at = now

    def kept(self, now: float) -> None:
        """A keep-alive went up. It is paid for by the silence before it, not from the bucket."""
        self._last_at = now

    def ended(self) -> None:
        """The mark behind an utterance was taken: the zeros begin, unless the service ended the turn before."""
        if self.speaking:
            self._zeros_left = round(self._end_of_turn_s / self._chunk_s)
        self.speaking = False

    def heard(self) -> None:
        """The service says that it hears speech: it will want the silence behind it."""
        self._turn_open = self._announced = True

    def turn_ended(self) -> None:
        """The service ended the turn (``speech_stopped``, ``response.created``, or it was none): no more zeros."""
        self._turn_open = False

    def _filled(self, now: float) -> float:
        return min(BURST_CHUNKS, self._level + max(0.0, now - self._level_at) * self._rate)

    def _token_at(self, now: float, chunks: int = 1) -> float:
        """When the bucket holds so many whole chunks."""
        missing = chunks - self._filled(now)
        return now if missing <= NEARLY else now + missing / self._rate
