"""The thread that plays: takes slices from the playback lane, hands periods to the speaker, tells what is heard.

While nothing is to be played the output is closed and the thread waits for the lane, without polling. A speaker that is
missing or dies takes nothing from the conversation: its sound is thrown away at the pace of real sound, and started
and drained are told all the same.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Callable, Mapping

from kioskd.audio.cuebook import CueBook
from kioskd.audio.leaving import ended
from kioskd.audio.mixer import Mixer
from kioskd.audio.ownvoice import OwnVoice
from kioskd.audio.speaker import LEAD_IN_MS, Progress, Speaker
from kioskd.audio.streams import OpenOutput
from kioskd.audio.supply import Supply
from kioskd.audio.taps import Tap
from kioskd.core.events import ThreadDied
from kioskd.core.ports import Post
from kioskd.core.words import PartState
from kioskd.lanes import PlaybackLane

log = logging.getLogger(__name__)

THREAD = "kioskd-play"
# Periods of silence handed over at once while nobody expects sound: what comes all the same waits for 10 ms more.
DOZING_PERIODS = 2


class Playback:
    """The speaker's owner.

    Args:
        spec: the device.
        lane: where sound comes from.
        post: where facts go: PlaybackStarted, PlaybackDrained, PlaybackCut, PartChanged, ThreadDied.
        open_output: opens a spec, in the playback thread.
        idle_s: the device is closed after this long without sound.
        volume: gain of the service's voice, 0.0 to 1.0.
        cue_volume: gain of the local sounds.
        retry_s: between two tries to open a device that is missing.
        clock: monotonic seconds.
        cues: cue to ``tone``, ``silent`` or a path; one that is not named is a tone.
        lead_in_ms: silence before the first sound of a freshly opened device.
        prebuffer_most_ms: at most so much of an answer is held back for a service that delivers in bursts.
        announce_volume: gain of announcements.
        spoken: where the recording of a cue's text lies (audio/cuebook.py).
        doubt: why the device is probably not there; with a reason it is opened once at the start, to know.
        voice: is told of all sound that a device is given.

    Attributes:
        on_rest: called in the playback thread each time the device has been closed.
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
        *,
        cues: Mapping[str, str] | None = None,
        lead_in_ms: int = LEAD_IN_MS,
        prebuffer_most_ms: int = 0,
        announce_volume: float = 1.0,
        spoken: Callable[[str], str | None] | None = None,
        doubt: Callable[[], str] = str,
        voice: OwnVoice | None = None,
    ) -> None:
        self.on_rest: Callable[[], object] | None = None
        self._lane, self._post, self._idle_s, self._clock = lane, post, idle_s, clock
        self._doubt = doubt
        self._mixer = Mixer({"service": volume, "cue": cue_volume, "announcement": announce_volume})
        self._speaker = Speaker(spec, open_output, post, self._mixer.tune, retry_s, clock, lead_in_ms)
        self._speaker.on_rest = lambda: self.on_rest and self.on_rest()
        self._speaker.voice = voice
        self._cues = CueBook(cues or {}, post, spoken)
        self._thread = threading.Thread(target=self._run, name=THREAD, daemon=True)
        self._stopping = self._kept_open = self._soon = False
        self._sounded_at = 0.0  # when the last sound was handed over, or the device opened for it
        self._supply = Supply(lane, self._mixer, post, clock)
        lane.hold_at_most(prebuffer_most_ms / 1000)

    # -- the loop thread's side --------------------------------------------------------------------

    def add_tap(self, tap: Tap) -> None:
        """Show ``tap`` each period that a device has taken, in the playback thread (audio/taps.py). Any thread."""
        self._speaker.taps.add(tap)

    def remove_tap(self, tap: Tap) -> None:
        """Show it no more. Any thread."""
        self._speaker.taps.remove(tap)

    def start(self) -> None:
        """Start the thread. Once."""
        self._thread.start()

    def stop(self, timeout_s: float = 1.0) -> bool:
        """End the thread; False when it did not end in time: it is wedged in the device."""
        self._stopping = True
        return ended(self._thread, timeout_s, lambda: self._speaker.opening, self._lane.wake)

    def duck(self, on: bool) -> None:
        """12 dB lower, or back, within one period. Any thread."""
        self._mixer.ducked = on

    def give_way(self, on: bool) -> None:
        """The same by another's wish, and either is enough: the ears do not wait for the loop (audio/ears.py)."""
        self._mixer.giving_way = on

    def set_volume(self, volume: float) -> None:
        """Gain of the service's voice, within one period; beyond 0.0 to 1.0 it is clamped. Any thread.

        Raises:
            ValueError: it is not a number; the gain stays as it is.
        """
        self._mixer.set_volume("service", volume)

    def set_cue_volume(self, volume: float) -> None:
        """The same for the local sounds."""
        self._mixer.set_volume("cue", volume)

    def set_cues(self, cues: Mapping[str, str]) -> None:
        """Other local sounds; files are read when the output is next closed. Any thread.

        Raises:
            KeyError: no such cue.
        """
        self._cues.choose(cues)
        self._lane.wake()

    def keep_open(self, on: bool, soon: bool) -> None:
        """Open the output now and let it stay so, a conversation having begun; or let it rest again. Any thread.

        Args:
            soon: sound may come at any moment, so the ring holds no more silence than it must.
        """
        self._kept_open, self._soon = on, soon
        self._lane.wake()

    def play_cue(self, name: str) -> bool:
        """Queue a local sound behind what waits; False when the lane is full. Loop only.

        Raises:
            KeyError: no such cue.
        """
        sound = self._cues.sound(name)
        return not sound.pcm or self._lane.put(sound.pcm, sound.rate_hz, source="cue")

    def progress(self) -> Progress:
        """Where playback stands. Any thread."""
        cues = self._cues.page
        return self._speaker.progress()._replace(
            underruns=self._supply.holes.underruns,
            underrun_ms=round(self._supply.holes.missing_s * 1000, 1),
            held_back_ms=round(self._lane.held_back_s * 1000, 1),
            bad_cues=len(cues.problems),
            cue_problem=cues.problem,
        )

    # -- the playback thread's side ----------------------------------------------------------------

    def _run(self) -> None:
        try:
            (self._speaker.look if self._doubt() else self._speaker.rest)()
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
        """Until there is something to play, or soon will be; a missing device is tried meanwhile."""
        if self._cues.stale:
            self._cues.load()  # here, so that neither the loop nor an answer waits for the disk
        if self._kept_open:
            self._speaker.ready()
        fetched = not self._speaker.serving and self._lane.wait(self._speaker.retry_in_s)
        self._supply.notice_cut()
        self._supply.cut = False  # nothing sounds
        if self._stopping:
            return
        self._speaker.try_again()
        if fetched:
            self._speaker.serve()
        elif self._speaker.serving and not self._kept_open:
            self._speaker.rest()  # it is there again, and nobody needs it now
        self._sounded_at = self._clock()

    def _step(self) -> None:
        """One period."""
        self._speaker.try_again()
        # Chosen as late as can be: a cut, or the first word of an answer, is in the very next period that goes out.
        room = self._speaker.await_room(DOZING_PERIODS if self._dozing else 1)
        self._supply.notice_cut()
        leading = self._speaker.leading
        if self._supply.still and not leading:
            self._hand(self._mixer.silence() * (max(1, min(room, DOZING_PERIODS)) if self._dozing else 1), sound=False)
            self._close_in_time(self._clock())
            return
        period = None if leading else self._supply.next()
        if period is None:
            self._rest(leading)
        elif self._hand(period, sound=True):
            self._sounded_at = self._clock()
            self._supply.sounded(self._sounded_at, self._speaker.latency_s if self._speaker.voiced else None)

    @property
    def _dozing(self) -> bool:
        """Nobody expects an answer: silence fills the ring, and the thread wakes half as often.

        A tap is shown each period by itself.
        """
        return self._supply.still and not self._soon and self._speaker.taps.empty

    def _rest(self, leading: bool) -> None:
        """Hand over silence; tell when the sound is over; close the device after long enough.

        The lead-in of a device that came back in the middle of an answer is not the answer's end.
        """
        falling, supply = self._mixer.falling, self._supply
        self._hand(self._mixer.silence(), sound=False)
        now = self._clock()
        if falling:
            self._sounded_at = now
        if supply.playing and (supply.cut or not leading and now >= self._sounded_at + self._speaker.latency_s):
            supply.drained(now)
        supply.cut = False
        if not supply.playing and self._lane.empty:
            self._close_in_time(now)

    def _close_in_time(self, now: float) -> None:
        """Close the device after long enough a silence."""
        if now - self._sounded_at >= self._idle_s and not (self._kept_open and self._speaker.voiced):
            self._speaker.rest()

    def _hand(self, period: bytes, sound: bool) -> bool:
        """Hand a period over; False when a cut (sound) or the end came first."""

        def wanted() -> bool:
            self._supply.notice_cut()
            return not (self._stopping or sound and self._supply.cut)

        handed = self._speaker.hand(period, sound, wanted)
        if handed:
            self._mixer.handed(period)
        return handed
