"""The output device and its failures: what is handed over always goes somewhere, at the pace of sound.

A missing device is replaced by the void, which takes sound at the same pace and counts it as lost, and is tried again
each ``retry_s``. A device that stops taking is opened again at once, the first time.
"""

from __future__ import annotations

import logging
from typing import Callable, NamedTuple

from kioskd.audio.streams import PERIOD_MS, DeviceError, OpenOutput, OutputStream
from kioskd.audio.wavfile import NullOutput
from kioskd.core.events import PartChanged
from kioskd.core.ports import Post
from kioskd.core.words import PartState

log = logging.getLogger(__name__)

# The void's rate: that of the services and the cues, so that nothing is converted in order to be thrown away.
VOID_HZ = 24_000
# Silence before the first sound of a freshly opened device: amplifiers and codecs swallow their first milliseconds.
LEAD_IN_PERIODS = 3
# One try to hand over a period; whether it is still wanted is asked before each. Half a period.
TRY_S = PERIOD_MS / 2000
# How long a period is not chosen yet, because there is no room for one: longer than a device with room leaves.
ROOM_S = 2 * PERIOD_MS / 1000
# A device that has taken nothing for this long has stopped. Its ring lasts 30 ms; a second is a guess at what a sound
# server may need to move a stream from one card to another.
STALL_S = 1.0
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


class Speaker:
    """One output. Only the playback thread calls it, ``progress`` excepted.

    Args:
        spec: the device.
        open_output: opens it.
        post: where PartChanged goes.
        tuned: called with the rate of each device that takes the place of another.
        clock: monotonic seconds.

    Attributes:
        on_period: called with each period that a device took, and when.
    """

    def __init__(
        self,
        spec: str,
        open_output: OpenOutput,
        post: Post,
        tuned: Callable[[int], None],
        retry_s: float,
        clock: Callable[[], float],
    ) -> None:
        self.on_period: Callable[[bytes, float], None] | None = None
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
        if self._state is not PartState.ABSENT:
            self._open()
        if self._sink is None:
            self._throw_away()

    def try_again(self) -> None:
        """If the device is missing and it is time, try to open it."""
        if self.retry_in_s == 0:
            self._open()

    def await_room(self) -> bool:
        """Wait for the device to have room for a period, at most TRY_S: what it is given is chosen afterwards.

        True as well where handing over is what finds out (a device that is gone or has stopped).
        """
        if self._sink is None:
            return True
        try:
            return self._sink.await_room(ROOM_S)
        except DeviceError:
            return True

    def hand(self, period: bytes, sound: bool, wanted: Callable[[], bool]) -> bool:
        """Hand over a period, or lose it; it takes as long as sound takes.

        Returns:
            False when it ceased to be wanted before a device took it.
        """
        until = self._clock() + STALL_S
        while self._sink is not None and wanted():
            try:
                if self._sink.write_period(period, TRY_S):
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
        if self._void:
            self._lost_ms += PERIOD_MS * sound
        elif self.on_period is not None:
            self.on_period(period, self._clock())

    def release(self) -> None:
        """Close whatever is open."""
        sink, void = self._sink, self._void
        self._sink, self._void = None, False
        if sink is not None:
            sink.close()
            self._past_xruns += 0 if void else sink.xruns

    def rest(self) -> None:
        """Close it on purpose: there is nothing to play."""
        self.release()
        if self._state is not PartState.ABSENT:
            self.claim(PartState.ASLEEP)

    def _open(self) -> None:
        """Open the device; it takes the void's place."""
        self._tries += 1
        try:
            stream = self._open_output(self._spec)
        except DeviceError as error:
            self._miss(str(error))
            return
        self.release()
        if self._state is PartState.ABSENT:
            self._reopened += 1
            log.info("%s plays again after %.0f s", self._spec, self._clock() - self._since)
        self._seat(stream)
        self.claim(PartState.RUNNING)
        silence = bytes(2 * (stream.rate_hz * PERIOD_MS // 1000))
        for _ in range(LEAD_IN_PERIODS):
            if self._sink is stream:
                self.hand(silence, False, lambda: True)

    def _seat(self, sink: OutputStream) -> None:
        self._sink, self._taken = sink, 0
        self._tuned(sink.rate_hz)

    def _unstick(self) -> None:
        """The device has stopped taking: open it again; where that has not helped, it counts as missing."""
        if self._taken < EARNED_PERIODS:
            self._miss(f"{self._spec} opens but takes no sound; it is tried again")
        else:
            log.warning("%s has taken no sound for %.0f s; it is opened again", self._spec, STALL_S)
            self.release()
            self._reopened += 1
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
