"""Answers on their way to the playback lane, and what happens to one that is longer than the lane."""

from __future__ import annotations

from enum import Enum

from kioskd.lanes import PlaybackLane
from kioskd.wire.facts import Audio


class Placed(Enum):
    """What became of a piece of an answer."""

    TAKEN = "taken"  # it is in the lane, or belongs to a response that was cut there
    FULL = "full"  # the first that did not fit: the rest of this response is not played
    DROPPED = "dropped"  # more of a response that did not fit
    ENDLESS = "endless"  # so much more that the service is not listening to us


class Downlink:
    """Puts audio into the lane. Loop only; never blocks, so the reader never waits for the sound card.

    A response that does not fit is given up as a whole from there on: pieces of it that would fit again later would
    be an answer with holes.

    Args:
        overlong_s: so much audio beyond a full lane, in one session, is ENDLESS.
    """

    def __init__(self, lane: PlaybackLane, overlong_s: float) -> None:
        self._lane = lane
        self._limit_s = overlong_s
        self._given_up: str | None = None
        self._spoken_over = ""
        self._late_s = 0.0
        self.overlong_s = 0.0  # audio that did not fit

    def spoken_over(self, response: str) -> None:
        """Nothing more of this response is played: the visitor spoke (dialects reference 8.4)."""
        self._spoken_over = response
        self._late_s = 0.0

    def put(self, audio: Audio) -> Placed:
        """Take one piece."""
        if audio.response == self._spoken_over:
            self._late_s += len(audio.pcm) / 2 / audio.rate_hz
            return Placed.ENDLESS if self._late_s > self._limit_s else Placed.DROPPED
        first = audio.response != self._given_up
        if first:
            refused = self._lane.refused
            if self._lane.put(audio.pcm, audio.rate_hz, audio.response) or self._lane.refused == refused:
                return Placed.TAKEN
            self._given_up = audio.response
        self.overlong_s += len(audio.pcm) / 2 / audio.rate_hz
        if self.overlong_s > self._limit_s:
            return Placed.ENDLESS
        return Placed.FULL if first else Placed.DROPPED
