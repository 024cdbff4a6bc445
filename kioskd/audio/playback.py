"""The thread that plays: takes slices from the playback lane, hands periods to the speaker, tells what is heard.

While nothing is to be played the output is closed and the thread waits for the lane, without polling. A speaker that is
missing or dies takes nothing from the conversation: its sound is thrown away at the pace of real sound, and started
and drained are told all the same.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Callable

from kioskd.audio.cues import CUE_HZ, CUES, cue
from kioskd.audio.mixer import Mixer
from kioskd.audio.speaker import Progress, Speaker
from kioskd.audio.streams import PERIOD_MS, OpenOutput
from kioskd.core.events import PlaybackDrained, PlaybackStarted, ThreadDied
from kioskd.core.ports import Post
from kioskd.core.words import PartState
from kioskd.lanes import PlaybackLane

log = logging.getLogger(__name__)

THREAD = "kioskd-play"
# How long part of a period waits for the rest before it is filled up with silence; the device holds 20 ms then.
PATIENCE_S = PERIOD_MS / 2000


class Playback:
    """The speaker's owner.

    Args:
        spec: the device.
        lane: where sound comes from.
        post: where facts go: PlaybackStarted, PlaybackDrained, PartChanged, ThreadDied.
        open_output: opens a spec, in the playback thread.
        idle_s: the device is closed after this long without sound.
        volume: gain of the service's voice, 0.0 to 1.0.
        cue_volume: gain of the local sounds.
        retry_s: between two tries to open a device that is missing.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        spec: str,
        lane: PlaybackLane,
        post: Post,
        open_output: OpenOutput,
        idle_s: float,
        volume: float,
        cue_volume: float,
        retry_s: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lane, self._post, self._idle_s, self._clock = lane, post, idle_s, clock
        self._mixer = Mixer({"service": volume, "cue": cue_volume})
        self._speaker = Speaker(spec, open_output, post, self._mixer.tune, retry_s, clock)
        self._thread = threading.Thread(target=self._run, name=THREAD, daemon=True)
        self._stopping = False
        self._epoch = lane.epoch
        self._cut = False  # noticed, and the fade is not handed over yet
        self._playing = False
        self._sounded_at = 0.0  # when the last sound was handed over, or the device opened for it

    # -- the loop thread's side --------------------------------------------------------------------

    @property
    def on_period(self) -> Callable[[bytes, float], None] | None:
        """Called in the playback thread with each period that a device took, and when (monotonic seconds)."""
        return self._speaker.on_period

    @on_period.setter
    def on_period(self, hook: Callable[[bytes, float], None] | None) -> None:
        self._speaker.on_period = hook

    def start(self) -> None:
        """Start the thread. Once."""
        self._thread.start()

    def stop(self, timeout_s: float = 1.0) -> bool:
        """End the thread; False when it did not end in time: it is wedged in the device."""
        self._stopping = True
        until = time.monotonic() + timeout_s
        while self._thread.is_alive() and time.monotonic() < until:
            # Again and again: a wake-up just before the thread begins to wait would be lost.
            self._lane.wake()
            self._thread.join(0.02)
        return not self._thread.is_alive()

    def duck(self, on: bool) -> None:
        """12 dB lower, or back, within one period. Any thread."""
        self._mixer.ducked = on

    def set_volume(self, volume: float) -> None:
        """Gain of the service's voice. Any thread."""
        self._mixer.volumes["service"] = volume

    def set_cue_volume(self, volume: float) -> None:
        """Gain of the local sounds. Any thread."""
        self._mixer.volumes["cue"] = volume

    def play_cue(self, name: str) -> bool:
        """Queue a local sound behind what waits; False when the lane is full. Loop only.

        Raises:
            KeyError: no such cue.
        """
        return self._lane.put(cue(name, CUE_HZ), CUE_HZ, source="cue")

    def progress(self) -> Progress:
        """Where playback stands. Any thread."""
        return self._speaker.progress()

    # -- the playback thread's side ----------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._speaker.claim(PartState.ASLEEP)
            for name in CUES:
                cue(name, CUE_HZ)  # made here, so that the loop never waits for one
            while not self._stopping:
                if self._speaker.serving:
                    self._step()
                else:
                    self._wait()
        except Exception as error:
            # The boundary of the thread: whatever it was, the house learns of it.
            log.exception("playback died")
            self._speaker.claim(PartState.FAILED, f"playback died: {error}")
            self._post(ThreadDied(THREAD, f"{type(error).__name__}: {error}"))
        finally:
            self._speaker.release()

    def _wait(self) -> None:
        """Until there is something to play; a missing device is tried meanwhile."""
        fetched = self._fetch(self._speaker.retry_in_s)
        if self._stopping:
            return
        self._speaker.try_again()
        if fetched:
            if not self._speaker.serving:
                self._speaker.serve()
            self._sounded_at = self._clock()
        elif self._speaker.serving:
            self._speaker.rest()  # it is there again, and nobody needs it now

    def _step(self) -> None:
        """One period."""
        self._speaker.try_again()
        # Chosen as late as can be: a cut, or the first word of an answer, is in the very next period that goes out.
        self._speaker.await_room()
        self._notice_cut()
        period = self._next()
        if period is None:
            self._rest()
        elif self._hand(period, sound=True):
            self._sounded_at = self._clock()
            if not self._playing:
                self._playing = True
                self._post(PlaybackStarted(self._sounded_at))

    def _next(self) -> bytes | None:
        """The next period of sound; None when there is none, or a cut has come."""
        while not self._cut:
            period = self._mixer.period()
            if period is not None:
                return period
            if not self._fetch(PATIENCE_S if self._mixer.partial else 0):
                return None if self._cut else self._mixer.finish()
        return None

    def _fetch(self, timeout_s: float | None) -> bool:
        """Move the next slice into the mixer; a stale one dies here."""
        piece = self._lane.take(timeout_s)
        self._notice_cut()
        if piece is None or piece.epoch != self._epoch:
            return False
        self._mixer.add(piece)
        return True

    def _notice_cut(self) -> None:
        if self._lane.epoch != self._epoch:
            self._epoch = self._lane.epoch
            self._mixer.cut()
            self._cut = True

    def _rest(self) -> None:
        """Hand over silence; tell when the sound is over; close the device after long enough."""
        falling = self._mixer.falling
        self._hand(self._mixer.silence(), sound=False)
        now = self._clock()
        if falling:
            self._sounded_at = now
        if self._playing and (self._cut or now >= self._sounded_at + self._speaker.latency_s):
            self._playing = False
            self._post(PlaybackDrained(now))
        self._cut = False
        if not self._playing and now - self._sounded_at >= self._idle_s:
            self._speaker.rest()

    def _hand(self, period: bytes, sound: bool) -> bool:
        """Hand a period over; False when a cut (sound) or the end came first."""

        def wanted() -> bool:
            self._notice_cut()
            return not (self._stopping or sound and self._cut)

        handed = self._speaker.hand(period, sound, wanted)
        if handed:
            self._mixer.handed(period)
        return handed
