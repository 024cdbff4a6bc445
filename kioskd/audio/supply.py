"""What is played next, and what has been: from the lane through the mixer to periods, and the facts about them.

The playback thread's own; it knows no device. audio/playback.py hands the periods over and says what became of them.
"""

from __future__ import annotations

from typing import Callable

from kioskd.audio.heard import Heard
from kioskd.audio.holes import Holes
from kioskd.audio.mixer import Mixer
from kioskd.audio.streams import PERIOD_MS
from kioskd.core.events import PlaybackCut, PlaybackDrained, PlaybackStarted
from kioskd.core.ports import Post
from kioskd.lanes import PlaybackLane

# How long an answer's next sound is waited for when it is due and not here; the device holds 20 ms then. Handing over
# every period so much later would take a cut in sooner, but has its price: measured through a sound server on a busy
# machine, 5 and 2 underruns in 12 s instead of 0 and 0.
PATIENCE_S = PERIOD_MS / 4000


class Supply:
    """The sound's side of playback. Playback thread only.

    Args:
        lane: where sound comes from.
        mixer: what makes periods of it.
        post: where PlaybackStarted, PlaybackDrained and PlaybackCut go.
        clock: monotonic seconds.

    Attributes:
        holes: what was missing in the middle of answers.
        cut: a cut was noticed, and the fade is not handed over yet.
        playing: the card sounds: PlaybackStarted was posted, PlaybackDrained was not.
    """

    def __init__(self, lane: PlaybackLane, mixer: Mixer, post: Post, clock: Callable[[], float]) -> None:
        self._lane, self._mixer, self._post, self._clock = lane, mixer, post, clock
        self.holes = Holes()
        self.cut = self.playing = False
        self._heard = Heard()
        self._epoch = lane.epoch
        self._source, self._response = "", ""  # of the last sound

    @property
    def still(self) -> bool:
        """Silence goes on: nothing sounds, nothing waits, nothing has to be told."""
        return not (self.playing or self.cut or self._mixer.loaded) and self._lane.empty

    def next(self) -> bytes | None:
        """The next period of sound; None when there is none, or a cut has come."""
        while not self.cut:
            period = self._mixer.period()
            if period is not None:
                return period
            if not self._fetch(PATIENCE_S if self._mixer.partial or self._flowing else 0):
                return None if self.cut else self._end()
        return None

    @property
    def _flowing(self) -> bool:
        """Whether the latest period was an answer's."""
        return self.playing and not self.holes.open and self._source == "service"

    def _end(self) -> bytes | None:
        """No sound follows for now: the rest of what there is. Whether an answer has ended or is late nobody knows."""
        if self._source != "service":
            return self._mixer.finish()
        period = self._mixer.break_off(self._response)
        if period is None and self._flowing:
            self.holes.broke(self._response, self._clock())
        return period

    def _fetch(self, timeout_s: float) -> bool:
        """Move the next slice into the mixer; a stale one dies here."""
        piece = self._lane.take(timeout_s)
        self.notice_cut()
        if piece is None or piece.epoch != self._epoch:
            return False
        self._mixer.add(piece)
        self._source = piece.source
        return True

    def notice_cut(self) -> None:
        """If the lane was cut, forget what is at hand, and tell how much of the answer was heard."""
        if self._lane.epoch == self._epoch:
            return
        self._epoch = self._lane.epoch
        self._mixer.cut()
        self.cut = True
        self.holes.cut()
        if self._heard.response and (self.playing or self._heard.response == self._lane.cut_response):
            now = self._clock()
            self._post(PlaybackCut(*self._heard.cut(now), now))

    def sounded(self, now: float, latency_s: float | None) -> None:
        """The period of ``next`` was handed over to a device with this latency; None: there is none to be heard."""
        for response, samples in self._mixer.parts:
            self.holes.sounded(response if self._source == "service" else "", now)
            self._response = response
            if response and latency_s is not None:
                self._heard.handed(response, samples / self._mixer.rate_hz, now, latency_s)
        if not self.playing:
            self.playing = True
            self._post(PlaybackStarted(now))

    def drained(self, now: float) -> None:
        """The device has played all of it."""
        self.playing = False
        self._post(PlaybackDrained(now))
