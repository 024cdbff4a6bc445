"""The capture thread: microphone to uplink lane, for years. An absent or dying device is a state, never an exit."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from dataclasses import dataclass
from functools import partial
from typing import Callable

from kioskd.audio.claim import Claim
from kioskd.audio.detector import Detector
from kioskd.audio.ears import Ears
from kioskd.audio.echo import Canceller
from kioskd.audio.intake import PERIOD_S, Intake, MakeResampler, Taken
from kioskd.audio.leaving import ended
from kioskd.audio.ownvoice import OwnVoice
from kioskd.audio.stages import CLEAN, RAW, Hook, Stages
from kioskd.audio.streams import DeviceError, InputStream, OpenInput
from kioskd.audio.wakeword import Spotter
from kioskd.core.events import ThreadDied
from kioskd.core.gate import Gate
from kioskd.core.ports import Post
from kioskd.core.vad import SILENCE_DBFS, Vad
from kioskd.core.words import Feed, PartState, Vad as GateState
from kioskd.lanes import UplinkLane

log = logging.getLogger(__name__)

THREAD = "kioskd-capture"
PART = "capture"
# A silent device is asked again this often, so that stop, mute and feed are seen soon. Trials (card_input.py) fit in.
POLL_S = 0.16
# A device that gives nothing for four polls has stopped: with the closing it is told within a second. One that was just
# opened has a few times as long: a PulseAudio monitor was measured to give its first sound after 2.0 s.
STALL_S, FIRST_STALLS = 4 * POLL_S, 3.5
# A stream that is this far ahead of the clock has none (ALSA's bare "null" and "file" devices give 4 s in 2 ms) and
# would take a whole core. More than any sound server sends ahead after opening (guess).
RUNAWAY_S = 5.0


@dataclass(frozen=True, slots=True)
class Progress:
    """What the capture thread claims, and the proof.

    Attributes:
        state: RUNNING is proven by ``periods``, ABSENT and MUTED by ``ticks``.
        reason: a sentence for people; empty when all is well.
        since: monotonic seconds of the last change of ``state``.
        periods: 10 ms periods read so far.
        chunks: chunks heard so far.
        xruns: overruns that the devices reported, all streams together.
        reopened: how often a stream was given up because it stalled or failed.
        dropped_ms: audio thrown away because it had grown old.
        level_dbfs: level of the last chunk; SILENCE_DBFS unless RUNNING.
        gate: state of the gate; always QUIET in Feed.NEVER.
        ticks: how often an absent device was tried, or mute looked after, so far.
    """

    state: PartState
    reason: str
    since: float
    periods: int
    chunks: int
    xruns: int
    reopened: int
    dropped_ms: float
    level_dbfs: float
    gate: GateState
    ticks: int


class Capture:
    """The microphone's thread.

    ``feed``, ``mute`` and ``watch_barge_in`` are called from the loop and never block: they are put into a queue that
    the thread empties, in order, before each chunk, and at once while there is no device. ``progress`` reads without
    a lock. Only the thread itself touches stream, gate and vad.

    Args:
        spec: the device (see streams.py).
        lane: where utterances go.
        post: hands facts to the machine.
        open_input: opens a device; called in the thread.
        gate: for this thread alone from ``start`` on.
        vad: likewise.
        make_resampler: called with (device rate, 16000) when a device has another rate.
        retry_s: an absent device is tried this often.
        stall_s: a device that gives nothing for so long is closed and opened again.
        clock: monotonic seconds.
        spotter: hears the wake word; None: Feed.WAKE is as Feed.NEVER.
        canceller: takes the kiosk's own voice out (audio/echo.py); None: nothing is cancelled here.
        voice: half duplex, by the chunk; None: only as ``feed`` says.
        give_way: lowers the kiosk's own voice, or lifts it; called in the thread (audio/ears.py).

    Attributes:
        detector, spotter: of these any thread may read ``progress``.
    """

    def __init__(
        self,
        spec: str,
        lane: UplinkLane,
        post: Post,
        open_input: OpenInput,
        gate: Gate,
        vad: Vad | Detector,
        make_resampler: MakeResampler,
        retry_s: float = 1.0,
        stall_s: float = STALL_S,
        clock: Callable[[], float] = time.monotonic,
        spotter: Spotter | None = None,
        *,
        canceller: Canceller | None = None,
        voice: OwnVoice | None = None,
        give_way: Callable[[bool], object] = bool,
    ) -> None:
        self._spec, self._post, self._open_input = spec, post, open_input
        self._gate, self.detector, self.spotter = gate, vad, spotter
        self._make_resampler = make_resampler
        self._retry_s, self._stall_s, self._clock = retry_s, stall_s, clock
        self._canceller = canceller
        self._ears = Ears(lane, post, gate, vad, spotter, voice, give_way)
        if isinstance(vad, Detector):
            vad.on_candidate = self._ears.suspect
        self._stages = Stages()
        self._commands: deque[Callable[[], None]] = deque()
        self._nudge = threading.Event()
        self._stopping = self._muted = self._opening = False
        self._thread = threading.Thread(target=self._run, name=THREAD, daemon=True)
        self._claim = Claim(PART, "microphone", post, clock)
        self._periods = self._chunks = self._xruns = self._reopened = self._ticks = 0
        self._dropped_ms = 0.0

    # -- from the loop ---------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to listen. Once."""
        self._thread.start()

    def stop(self, timeout_s: float = 1.0) -> bool:
        """End the thread; False when it is wedged. An utterance in progress gets its end mark. Not from the thread."""
        self._stopping = True
        self._nudge.set()
        return ended(self._thread, timeout_s, lambda: self._opening)

    def feed(self, mode: Feed, deaf: bool = False) -> None:
        """What the lane gets.

        * NEVER: nothing, but the preroll is kept fresh. An utterance of the gate gets its end mark.
        * WAKE: as NEVER until the wake word is heard; then what is said behind it, and from there on as GATED.
        * GATED: utterances with their preroll; GateOpened and GateClosed tell of them.
        * ALWAYS: the preroll, then every chunk. Leaving it, chunks follow for the hangover, less if nobody has
          spoken for that long; then the end mark and GateClosed, which is posted even if there was no device.

        Args:
            mode: one of these.
            deaf: with NEVER: the microphone hears the kiosk itself (half duplex). Ends an utterance without a tail,
                and nothing captured meanwhile is used as preroll.
        """
        self._command(lambda: self._ears.feed(mode, deaf, self._clock()))

    def watch_barge_in(self, on: bool) -> None:
        """While on, the feed is as NEVER until the gate opens, then as GATED for that utterance; stirrings are told.

        An utterance in progress ends when the watch begins. One that the watch let in runs to its end, also after the
        watch, unless ``feed`` ends it. After the watch the last ``feed`` holds again.
        """
        self._command(lambda: self._ears.watch(on, self._clock()))

    def mute(self, on: bool) -> None:
        """Close the device, or open it again. Once the thread has seen it no sample goes anywhere."""
        self._command(partial(setattr, self, "_muted", on))

    def add_tap(self, stage: str, hook: Hook) -> None:
        """Show ``hook`` each chunk of a stage (``raw``, ``clean``; audio/stages.py), in the capture thread."""
        self._stages.add(stage, hook)

    def remove_tap(self, stage: str, hook: Hook) -> None:
        """Show it no more. One last call may be on its way."""
        self._stages.remove(stage, hook)

    def progress(self) -> Progress:
        """Claim and counters. Any thread; fields may be one chunk apart."""
        return Progress(
            self._claim.state,
            self._claim.reason,
            self._claim.since,
            self._periods,
            self._chunks,
            self._xruns,
            self._reopened,
            self._dropped_ms,
            self.detector.level_dbfs if self._claim.state is PartState.RUNNING else SILENCE_DBFS,
            self._gate.state,
            self._ticks,
        )

    def _command(self, command: Callable[[], None]) -> None:
        self._commands.append(command)
        self._nudge.set()

    # -- in the thread ---------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            if self._canceller is not None:
                self._canceller.prepare()
            while not self._stopping:
                self._obey()
                if self._muted:
                    self._claim.say(PartState.MUTED, "")
                    self._pause()
                else:
                    self._serve()
        except Exception as error:  # the thread's one boundary: the house decides what to do about it
            log.exception("The capture thread ended")
            self._claim.say(PartState.FAILED, f"The capture thread ended by a fault: {type(error).__name__}: {error}")
            self._post(ThreadDied(THREAD, repr(error)))

    def _serve(self) -> None:
        """One device from open to close; a device that cannot be had costs one pause."""
        self._opening = True
        try:
            stream = self._open_input(self._spec)
        except DeviceError as error:
            self._opening = False
            self._claim.say(PartState.ABSENT, str(error))
            self._pause()
            return
        self._opening = False
        xruns = self._xruns
        try:
            reason, wait = self._listen(stream, xruns), False
        except DeviceError as error:
            reason, wait = str(error), True
        finally:
            self._xruns = xruns + stream.xruns
            stream.close()
            self._ears.interrupt()
            if self._canceller is not None:
                self._canceller.interrupt()
        if reason:
            self._reopened += 1
            self._claim.say(PartState.ABSENT, reason)
        if wait:
            self._pause()

    def _listen(self, stream: InputStream, xruns: int) -> str:
        """Read until told otherwise; the reason to open the device again, or nothing."""
        opened_at = heard_at = self._clock()
        intake = Intake(stream.rate_hz, self._make_resampler, opened_at, self._canceller)
        dropped_ms, period_bytes = self._dropped_ms, 2 * stream.rate_hz * PERIOD_S
        periods = 0
        while not self._stopping:
            stream.relax(1 if self._canceller else self._ears.leisure)  # the canceller's reference comes by the period
            asked_at = self._clock()
            pcm = stream.read(min(POLL_S, self._stall_s))
            now = self._clock()
            self._obey()
            if self._muted:
                break
            if pcm is None:
                if now - heard_at >= self._stall_s * (1.0 if periods else FIRST_STALLS):
                    return f"The microphone {self._spec} gives no sound: check its cable, or the sound server."
                continue
            heard_at = now
            count = round(len(pcm) / period_bytes)
            periods += count
            self._periods += count
            self._claim.say(PartState.RUNNING, "")
            if periods * PERIOD_S - (now - opened_at) > RUNAWAY_S:
                raise DeviceError(f"The microphone {self._spec} runs without a clock: choose a real capture device.")
            self._take(intake.take(pcm, asked_at, now, stream.held))
            self._dropped_ms = dropped_ms + intake.dropped_ms
            self._xruns = xruns + stream.xruns
        return ""

    def _take(self, taken: Taken) -> None:
        chunks, gap_ms, raw = taken
        if gap_ms:
            self._ears.lost(gap_ms)
        for chunk in raw:
            self._stages.show(RAW, chunk)
        for chunk in chunks:
            self._stages.show(CLEAN, chunk)
            self._ears.hear(chunk)
            self._chunks += 1

    def _obey(self) -> None:
        while self._commands:
            self._commands.popleft()()

    def _pause(self) -> None:
        """Wait for the next try. A command ends it early: a press is worth a try at once."""
        self._ticks += 1
        self._nudge.wait(self._retry_s)
        self._nudge.clear()
