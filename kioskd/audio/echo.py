"""Takes the kiosk's own voice out of what its microphone hears (``audio.echo: cancel``).

Never silently uncancelled: where the canceller is missing or has failed, status says so and the kiosk is deaf while it
speaks, as in half_duplex. ``system`` and ``hardware`` leave the work to others and have no canceller here.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from typing import Callable, NamedTuple, Protocol

from kioskd.audio.delay import Delay
from kioskd.audio.reference import SILENT_BLOCK, Reference
from kioskd.audio.trust import LOOK_EVERY, LOUD_POWER, Meter, Trust
from kioskd.audio.webrtc import EchoError, EchoMissing, WebRtc
from kioskd.config.sound import Audio
from kioskd.core.events import PartChanged
from kioskd.core.ports import Post
from kioskd.core.resample import make_resampler
from kioskd.core.vad import power
from kioskd.core.words import PartState

log = logging.getLogger(__name__)

PART = "echo"
# Deaf for so many periods after the last sound was handed over, where deafness stands in for cancelling: buffers of
# device and sound server (30 to 150 ms) and the 250 ms of echo that half_duplex counts on.
DEAF_BLOCKS = 40
# The same while the canceller is there, only not believed yet: the end of an echo is the softest of it, and who pressed
# a button to interrupt begins to speak a quarter of a second later.
DOUBT_BLOCKS = 20
# A canceller that failed is made anew after this long (guess: what broke it is gone by then, or is not).
RETRY_S = 10.0


class EchoProgress(NamedTuple):
    """What the canceller does.

    Attributes:
        mode: "cancel", or "half_duplex" while it cannot.
        reason: why it cannot, a sentence; else empty.
        blocks: 10 ms blocks of reference so far.
        lost: of these, dropped: the microphone's clock runs slower, or nobody took them.
        doubled: given twice: the microphone's clock runs faster, or a thread was late.
        depth: blocks of reference that wait.
        return_loss_db: how much quieter the echo arrives than its reference; None before anything was played. This
            and the next are estimates over the last seconds of playing; a visitor who talks meanwhile lowers both.
        erle_db: how much of the echo was taken away.
        bypassed: blocks for which nothing had to be cancelled.
        deafened: blocks replaced by silence because there was no canceller, or it had not found the room yet.
        faults: how often the canceller failed.
        believed: False while it looks for the room (audio/trust.py): deaf, as if there were none.
        delay_ms: from the reference to its echo, as measured after the last opening; None: not yet, or unclear.
    """

    mode: str
    reason: str
    blocks: int
    lost: int
    doubled: int
    depth: int
    return_loss_db: float | None
    erle_db: float | None
    bypassed: int
    deafened: int
    faults: int
    believed: bool
    delay_ms: float | None = None


class Canceller(Protocol):
    """What capture and playback know of it."""

    @property
    def delay_s(self) -> float:
        """How much later than it was captured the sound comes out."""

    def prepare(self) -> None:
        """Load what is needed; it may take 0.2 s. Capture thread, before its first period."""

    def far(self, pcm: bytes, rate_hz: int) -> None:
        """The device was given this period, silence too: S16_LE mono. Playback thread; never waits, never raises."""

    def rest(self) -> None:
        """The device was closed: no reference follows for now. Playback thread."""

    def near(self, pcm: bytes) -> bytes:
        """10 ms of S16_LE mono at 16 kHz without its echo; as many bytes as were given. Capture thread."""

    def interrupt(self) -> None:
        """No period follows for now: muted, or the microphone is gone. Capture thread."""

    def progress(self) -> EchoProgress:
        """Where it stands. Any thread."""


class Cleaner(Protocol):
    """What does the work (audio/webrtc.py)."""

    delay_s: float
    bypassed: int

    def clean(self, near: bytes, far: bytes | None) -> bytes:
        """See ``WebRtc.clean``."""


class Echo:
    """One canceller, between the two audio threads.

    Args:
        make_cleaner: called in the capture thread; raises EchoError.
        post: hands facts to the machine.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        make_cleaner: Callable[[], Cleaner],
        post: Post,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._make_cleaner, self._post, self._clock = make_cleaner, post, clock
        self._reference = Reference(make_resampler)
        self._meter, self._trust, self._delay = Meter(), Trust(), Delay()
        self._delay_ms: float | None = None
        self._cleaner: Cleaner | None = None
        self._retry_at: float | None = None  # None: it is there, or trying again would not help
        self._reason = ""
        self._deafened = self._faults = self._past_bypassed = 0
        self._unseen = 0  # sounding blocks since the meter looked
        self._playing = False
        self._sounding = 0  # periods for which the last sound may still be heard
        self._misfed: deque[str] = deque(maxlen=1)  # what is wrong with the reference; from the playback thread
        self._wrong = ""  # the same, for this period

    # -- the playback thread -----------------------------------------------------------------------

    def far(self, pcm: bytes, rate_hz: int) -> None:
        """See Canceller."""
        try:
            self._reference.put(pcm, rate_hz)
        except ValueError as error:
            self._misfed.append(f"the reference of the echo canceller is broken: {error}")

    def rest(self) -> None:
        """See Canceller."""
        self._reference.rest()

    # -- the capture thread ------------------------------------------------------------------------

    @property
    def delay_s(self) -> float:
        """See Canceller. What is passed while there is no canceller comes without delay."""
        return self._cleaner.delay_s if self._cleaner is not None else 0.0

    def prepare(self) -> None:
        """See Canceller."""
        self._retry_at = None
        try:
            self._cleaner = self._make_cleaner()
        except EchoError as error:
            self._fail(str(error), lasting=isinstance(error, EchoMissing))
        else:
            self._reason = ""
            self._trust, self._delay, self._delay_ms = Trust(), Delay(), None
            self._post(PartChanged(PART, PartState.RUNNING, ""))

    def near(self, pcm: bytes) -> bytes:
        """See Canceller."""
        far = self._take()
        if self._retry_at is not None and self._clock() >= self._retry_at:
            self.prepare()
        if self._cleaner is None:
            return self._deafen(pcm)
        try:
            if self._wrong:
                raise EchoError(self._wrong)
            out = self._cleaner.clean(pcm, far)
        except (EchoError, ValueError) as error:
            log.exception("The echo canceller failed")
            self._past_bypassed += self._cleaner.bypassed
            self._cleaner = None
            self._faults += 1
            self._fail(str(error), lasting=False)
            return self._deafen(pcm)
        if far is not None and not self._delay.done:
            self._time(far, pcm)
        if far is not None and far != SILENT_BLOCK:
            self._weigh(far, pcm, out)
        return out if self._trust.given else self._deafen(out)

    def _take(self) -> bytes | None:
        """The reference of this period, and what follows from it."""
        far = self._reference.take()
        if far is not None and not self._playing:
            self._trust.reopened()
            self._delay.restart()
        self._playing = far is not None
        self._wrong = self._misfed.pop() if self._misfed else ""
        if self._wrong or (far is not None and far != SILENT_BLOCK):
            self._sounding = DEAF_BLOCKS
        elif self._sounding:
            self._sounding -= 1
        return far

    def _time(self, far: bytes, near: bytes) -> None:
        """How long does the sound take? Once for each opening: 2 ms of work."""
        way_ms = self._delay.add(far, near, power(far) >= LOUD_POWER)
        if self._delay.done:
            self._delay_ms = way_ms
        if way_ms is not None:
            self._trust.arrived(way_ms, self._clock())

    def _weigh(self, far: bytes, near: bytes, out: bytes) -> None:
        """Watch it closely after each opening, and now and then from there on: three levels cost 20 us."""
        self._unseen += 1
        if self._unseen < LOOK_EVERY and not self._trust.watching:
            return
        reference = power(far)
        if reference >= LOUD_POWER:
            heard, left = power(near), power(out)
            if self._trust.watching:
                self._trust.weigh(heard, left)
            if self._unseen >= LOOK_EVERY:
                self._meter.weigh(reference, heard, left)
                self._unseen = 0

    def interrupt(self) -> None:
        """See Canceller."""
        self._reference.forget()
        self._playing = False  # a microphone that is opened again hears later, or sooner

    def _fail(self, why: str, lasting: bool) -> None:
        self._reason = f"{why.rstrip('.')}; until then the kiosk does not listen while it speaks"
        self._retry_at = None if lasting else self._clock() + RETRY_S
        self._post(PartChanged(PART, PartState.FAILED, self._reason))

    def _deafen(self, pcm: bytes) -> bytes:
        """Half duplex, by the block."""
        if self._sounding <= (0 if self._cleaner is None else DEAF_BLOCKS - DOUBT_BLOCKS):
            return pcm
        self._deafened += 1
        return bytes(len(pcm))

    # -- any thread ----------------------------------------------------------------------------------

    def progress(self) -> EchoProgress:
        """See Canceller."""
        cleaner, reference = self._cleaner, self._reference
        return EchoProgress(
            "cancel" if cleaner is not None else "half_duplex",
            self._reason,
            reference.blocks,
            reference.lost,
            reference.doubled,
            reference.depth,
            self._meter.return_loss_db,
            self._meter.erle_db,
            self._past_bypassed + (cleaner.bypassed if cleaner is not None else 0),
            self._deafened,
            self._faults,
            self._trust.given,
            self._delay_ms,
        )


def open_canceller(audio: Audio, post: Post) -> Echo | None:
    """What ``audio.echo`` asks for; None where nothing is cancelled in this process.

    No library is loaded here: ``prepare`` does it, in the capture thread.
    """
    if audio.echo != "cancel":
        return None
    return Echo(lambda: WebRtc(audio.noise_suppression, audio.high_pass, audio.gain_control), post)
