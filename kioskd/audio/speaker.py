"""The output device and its failures: what is handed over always goes somewhere, at the pace of sound.

A missing device is replaced by the void, which takes sound at the same pace and counts it as lost, and is tried again
each ``retry_s``. A device that stops taking is opened again at once, the first time.
"""

from __future__ import annotations

import logging
from typing import Callable, NamedTuple

from kioskd.audio.ownvoice import OwnVoice
from kioskd.audio.streams import PERIOD_MS, DeviceError, OpenOutput, OutputStream
from kioskd.audio.taps import Taps
from kioskd.audio.paced import NullOutput
from kioskd.core.events import PartChanged
from kioskd.core.ports import Post
from kioskd.core.words import PartState

log = logging.getLogger(__name__)

# The void's rate: that of the services and the cues, so that nothing is converted in order to be thrown away.
VOID_HZ = 24_000
# Silence before the first sound of a freshly opened device: amplifiers and codecs swallow their first milliseconds.
LEAD_IN_MS = 30
# One try to hand over a period; whether it is still wanted is asked before each. Half a period.
TRY_S = PERIOD_MS / 2000
# How long a period is not chosen yet, because there is no room for one: longer than a device with room leaves.
ROOM_S = 2 * PERIOD_MS / 1000
# A device that has taken nothing for this long has stopped, and it is told within a second. Its ring lasts 30 ms; the
# rest is a guess at what a sound server may need to move a stream from one card to another.
STALL_S = 0.7
# Periods a device must have taken to earn a reopening at once: more than a ring and the lead-in, which prove nothing.
EARNED_PERIODS = 10


class Progress(NamedTuple):
    """What playback claims, and what proves it.

    Attributes:
        since: monotonic seconds at which ``state`` began.
        periods: handed over so far, those thrown away included.
        xruns: underruns of all streams so far.
        reopened: how often the device was opened again after a failure.
        lost_ms: sound thrown away because there was no device.
        open: whether a device is open.
        tries: attempts to open the device, good or bad.
        underruns: holes in the middle of answers, because the service was late.
        underrun_ms: how long they were.
        held_back_ms: how much of the next answer is held back at its start, because the service delivers in bursts.
        bad_cues: cues whose file cannot be played; their built-in tones are.
        cue_problem: what is wrong with them, in sentences.
    """

    state: PartState
    reason: str
    since: float
    periods: int
    xruns: int
    reopened: int
    lost_ms: float
    open: bool
    latency_s: float
    tries: int
    underruns: int = 0
    underrun_ms: float = 0.0
    held_back_ms: float = 0.0
    bad_cues: int = 0
    cue_problem: str = ""


class Speaker:
    """One output. Only the playback thread calls it, ``progress`` excepted.

    Args:
        spec: the device.
        open_output: opens it.
        post: where PartChanged goes.
        tuned: called with the rate of each device that takes the place of another.
        clock: monotonic seconds.
        lead_in_ms: a freshly opened device is ``leading`` until it has taken so much.

    Attributes:
        taps: shown each period that a device has taken, silence too, in the playback thread.
        on_rest: called in the playback thread each time a device has been closed.
        opening: the thread waits for the device to open. Any thread may read it.
        voice: is told of all sound that a device is given.
    """

    def __init__(
        self,
        spec: str,
        open_output: OpenOutput,
        post: Post,
        tuned: Callable[[int], None],
        retry_s: float,
        clock: Callable[[], float],
        lead_in_ms: int = LEAD_IN_MS,
    ) -> None:
        self.on_rest: Callable[[], object] | None = None
        self.voice: OwnVoice | None = None
        self.opening = False
        self.taps = Taps()
        self._lead_in = -(-lead_in_ms // PERIOD_MS)  # periods
        self._lead = 0  # of them have still to be handed over
        self._spec, self._open_output, self._post, self._tuned = spec, open_output, post, tuned
        self._retry_s, self._clock = retry_s, clock
        self._sink: OutputStream | None = None
        self._void = False  # the sink is the void
        self._taken = 0  # periods since the sink was opened
        self._retry_at = 0.0
        self._state, self._reason, self._since = PartState.STARTING, "", clock()
        self._periods = self._past_xruns = self._reopened = self._lost_ms = self._tries = 0

    @property
    def serving(self) -> bool:
        """Whether something takes sound now: the device or the void."""
        return self._sink is not None

    @property
    def voiced(self) -> bool:
        """Whether a device takes sound now, and not the void."""
        return self._sink is not None and not self._void

    @property
    def leading(self) -> bool:
        """Whether the device was opened so lately that it is to be given silence first."""
        return self._lead > 0

    @property
    def latency_s(self) -> float:
        """From handing over to sound."""
        return self._sink.latency_s if self._sink else 0.0

    @property
    def retry_in_s(self) -> float | None:
        """When ``try_again`` is due; None when the device is not missing."""
        return max(0.0, self._retry_at - self._clock()) if self._state is PartState.ABSENT else None

    def progress(self) -> Progress:
        """Where playback stands. Any thread."""
        sink = None if self._void else self._sink
        xruns, latency_s = (sink.xruns, sink.latency_s) if sink else (0, 0.0)
        return Progress(
            self._state,
            self._reason,
            self._since,
            self._periods,
            self._past_xruns + xruns,
            self._reopened,
            float(self._lost_ms),
            sink is not None,
            latency_s,
            self._tries,
        )

    def claim(self, state: PartState, reason: str = "") -> None:
        """Say what playback does now."""
        if (state, reason) != (self._state, self._reason):
            if state is not self._state:
                self._since = self._clock()
            self._state, self._reason = state, reason
            self._post(PartChanged("playback", state, reason))

    def serve(self) -> None:
        """Have something that takes sound."""
        self.ready()
        if self._sink is None:
            self._throw_away()

    def ready(self) -> None:
        """Open the device if it is not missing: sound will come."""
        if self._sink is None and self._state is not PartState.ABSENT:
            self._open()

    def look(self) -> None:
        """Open the device for a moment: there is doubt whether it is there, and nobody shall call it well unasked."""
        self._open()
        self.rest()

    def try_again(self) -> None:
        """If the device is missing and it is time, try to open it."""
        if self.retry_in_s == 0:
            self._open()

    def await_room(self, periods: int) -> int:
        """Wait for the device to have room, at most ROOM_S; for how many periods. What it is given is chosen then.

        One as well where handing over is what finds out (a device that is gone or has stopped).
        """
        try:
            return self._sink.await_room(ROOM_S, periods) if self._sink else 1
        except DeviceError:
            return 1

    def hand(self, period: bytes, sound: bool, wanted: Callable[[], bool]) -> bool:
        """Hand over a period, or lose it, for as long as sound takes; False: nobody wanted it before it was taken.

        Of silence it may be as many periods as there is room for.
        """
        voice = self.voice if self.voiced and period.strip(b"\0") else None
        if voice is None:
            return self._hand(period, sound, wanted)
        voice.begins()
        try:
            return self._hand(period, sound, wanted)
        finally:
            voice.sounds(self.latency_s)

    def _hand(self, period: bytes, sound: bool, wanted: Callable[[], bool]) -> bool:
        until = self._clock() + STALL_S
        while self._sink is not None and wanted():
            try:
                if self._sink.write(period, TRY_S):
                    self._count(period, sound)
                    return True
            except DeviceError as error:
                self._miss(str(error))
                self._throw_away()
                break
            if self._clock() >= until:
                self._unstick()
                break
        else:
            return False
        self._lost_ms += PERIOD_MS * sound
        return True

    def _count(self, period: bytes, sound: bool) -> None:
        self._periods += 1
        self._taken += 1
        if self._void or self._sink is None:
            self._lost_ms += PERIOD_MS * sound
            return
        self._lead = max(0, self._lead - 1)
        self.taps.show(period, self._sink.rate_hz, self._clock())

    def release(self) -> None:
        """Close whatever is open."""
        sink, void = self._sink, self._void
        self._sink, self._void = None, False
        if sink is not None:
            sink.close()
            if not void:
                self._past_xruns += sink.xruns
                if self.on_rest is not None:
                    self.on_rest()

    def rest(self) -> None:
        """Close it on purpose: there is nothing to play."""
        self.release()
        if self._state is not PartState.ABSENT:
            self.claim(PartState.ASLEEP)

    def _open(self) -> None:
        """Open the device; it takes the void's place."""
        self._tries += 1
        self.opening = True
        try:
            stream = self._open_output(self._spec)
        except DeviceError as error:
            self._miss(str(error))
            return
        finally:
            self.opening = False
        self.release()
        if self._state is PartState.ABSENT:
            self._reopened += 1
            log.info("%s plays again after %.0f s", self._spec, self._clock() - self._since)
        self._seat(stream)
        self._lead = self._lead_in
        self.claim(PartState.RUNNING)

    def _seat(self, sink: OutputStream) -> None:
        self._sink, self._taken, self._lead = sink, 0, 0
        self._tuned(sink.rate_hz)

    def _unstick(self) -> None:
        """The device has stopped taking: open it again; where that has not helped, it counts as missing."""
        if self._taken < EARNED_PERIODS:
            self._miss(f"{self._spec} opens but takes no sound; it is tried again")
        else:
            # Told before it is opened: a sound server that hangs holds the opening up.
            self._miss(f"{self._spec} has taken no sound for {STALL_S:g} s; it is opened again")
            self._open()
        if self._sink is None:
            self._throw_away()

    def _miss(self, reason: str) -> None:
        """The device is missing."""
        log.log(logging.DEBUG if self._state is PartState.ABSENT else logging.WARNING, "playback: %s", reason)
        self._retry_at = self._clock() + self._retry_s
        if not self._void:
            self.release()
        self.claim(PartState.ABSENT, reason)

    def _throw_away(self) -> None:
        if not self._void:
            self._void = True
            self._seat(NullOutput(VOID_HZ, self._clock))
