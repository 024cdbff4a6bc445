"""Is it the visitor? webrtcvad hears all the time and costs nothing; what it calls speech must stand out of the room's
noise, and convince a neural detector that listens only then.

Alone webrtcvad stays open on most of a street or a piece of music; the network alone would run for ever, for nobody.
Figures: ``python -m benchmarks.speech --table``.
"""

from __future__ import annotations

import logging
from enum import Enum
from typing import Callable, NamedTuple

from kioskd.audio.neural import WINDOW_BYTES, Judge, NeuralFailed, Silero
from kioskd.config.sound import Talk
from kioskd.core.floor import NoiseFloor
from kioskd.core.vad import Vad, power
from kioskd.lanes import CHUNK_MS

log = logging.getLogger(__name__)

# A candidate stands this far above the quietest moment of the last seconds.
MARGIN_DB = 4.0
# For the gate: speech may have been in doubt for so long before its window, and the preroll is not spent on it.
# Confirmation costs about a window (30 ms) in the median; with 200 here, 2 of 720 utterances at 10 dB over noise lost
# something of their onset, with 300 none.
DOUBT_MS = 300
# In silence the level is looked at this seldom: it costs as much as webrtcvad.
_QUIET_STRIDE = 4


class Neural(Enum):
    """What the neural stage does."""

    OFF = "off"  # talk.confirm_vad: none
    ASLEEP = "asleep"  # not needed so far
    ON = "on"
    FAILED = "failed"  # missing or broken: webrtcvad decides alone


class Progress(NamedTuple):
    """What the detector did.

    Attributes:
        reason: a sentence for the owner if ``neural`` is FAILED, else empty.
        windows: 32 ms windows that the network judged so far.
        agreed: of these, how many it took for speech.
        noise_floor_dbfs: SILENCE_DBFS while it is not known.
    """

    neural: Neural
    reason: str
    windows: int
    agreed: int
    noise_floor_dbfs: float


class Verdict(Enum):
    """What the neural stage says of a candidate."""

    DOUBT = "doubt"
    AGREED = "agreed"
    REFUSED = "refused"


class Confirmation:
    """Shows a network as much as it needs to make up its mind, and no more.

    A *look* is one stretch without holes: a network that skips windows takes noise for speech five to thirty times as
    often (measured). It begins with CONTEXT windows from before the candidate, and ends when the network agrees or no
    candidate comes any more. An agreement is trusted for a while; then a new look begins.

    Args:
        load: gives the network; called in the first quiet moment, or at the first look. Raises NeuralFailed. None:
            everything is agreed to.
    """

    CONTEXT = 4  # windows
    # In a row above LIKELY, or one above CERTAIN. One above LIKELY would do for speech, 10 ms earlier, but opens ten
    # times as often in music.
    LIKELY = 0.5
    CERTAIN = 0.9
    # Enough to be trusted again where speech has just been heard (the network alone separates best there).
    STILL_LIKELY = 0.3
    TRUST = 400 // CHUNK_MS  # chunks
    REFUSED = 11  # windows without agreement, CONTEXT included: it is not worth calling a doubt any more
    CALM = 200 // CHUNK_MS  # chunks without a candidate
    # Chunks that somebody asked about, and none a candidate: time to load the network, which keeps every thread from
    # Python for 20 ms (measured). In the first word of a conversation that empties the speaker's ring.
    LEISURE = 500 // CHUNK_MS

    def __init__(self, load: Callable[[], Judge] | None) -> None:
        self._load = load
        self._judge: Judge | None = None
        self._tail = b""  # of what came last; while looking: what was not judged yet
        self._looked = 0  # windows since the look began; None of them was agreed to
        self._looking = False
        self._before = 0.0  # what the network said of the last window
        self._trust = 0
        self._since = 0  # chunks since the last candidate
        self._known = False  # this stretch of candidates held speech
        self._refused = False  # this stretch has been refused
        self.state = Neural.OFF if load is None else Neural.ASLEEP
        self.reason = ""
        self.windows = 0
        self.agreed = 0

    def keep(self, pcm: bytes) -> None:
        """A chunk that nobody asks about; it may turn out to be what came before."""
        self._rest()
        self._remember(pcm)

    def weigh(self, pcm: bytes, candidate: bool) -> Verdict:
        """One chunk, and what it is if it is a ``candidate``."""
        if self._silenced:
            return Verdict.AGREED
        self._since = 0 if candidate else self._since + 1
        self._trust = max(0, self._trust - 1)
        if self._since >= self.CALM:
            self._rest()
        if self._judge is None and self._since >= self.LEISURE:
            self._ready()
        if self._looking:
            self._tail += pcm
        else:
            self._remember(pcm)
            if candidate and not self._trust:
                self._look()
        self._read()
        if self._trust or self._silenced:
            return Verdict.AGREED
        return Verdict.REFUSED if self._refused else Verdict.DOUBT

    @property
    def refused(self) -> bool:
        """Whether what goes on now has been found to be no speech."""
        return self._refused

    @property
    def _silenced(self) -> bool:
        """There is no network to ask."""
        return self.state in (Neural.OFF, Neural.FAILED)

    def _remember(self, pcm: bytes) -> None:
        # Whole windows from the end: a look is up to date from its first moment.
        self._tail = (self._tail + pcm)[-self.CONTEXT * WINDOW_BYTES :]

    def _ready(self) -> Judge | None:
        """The network, loaded where it is not yet; None: it is not to be had."""
        if self._judge is None and self._load is not None:
            try:
                self._judge = self._load()
                self.state = Neural.ON
            except NeuralFailed as error:
                self._fail(str(error))
        return self._judge

    def _look(self) -> None:
        judge = self._ready()
        if judge is None:
            return
        try:
            judge.reset()
        except NeuralFailed as error:
            self._fail(str(error))
            return
        self._looking = True
        self._looked = 0
        self._before = 0.0
        self._tail = self._tail[len(self._tail) % WINDOW_BYTES :]

    def _read(self) -> None:
        while self._looking and self._judge is not None and len(self._tail) >= WINDOW_BYTES:
            window, self._tail = self._tail[:WINDOW_BYTES], self._tail[WINDOW_BYTES:]
            try:
                likely = self._judge.judge(window)
            except NeuralFailed as error:
                self._fail(str(error))
                return
            self.windows += 1
            self._looked += 1
            if self._convinced(likely):
                self.agreed += 1
                self._known, self._refused, self._looking = True, False, False
                self._trust = self.TRUST
            elif self._looked >= self.REFUSED:
                self._known, self._refused = False, True
            self._before = likely

    def _convinced(self, likely: float) -> bool:
        if self._known:
            return likely > self.STILL_LIKELY
        return likely > self.CERTAIN or min(likely, self._before) > self.LIKELY

    def _rest(self) -> None:
        """What comes next is judged on its own."""
        self._trust = 0
        self._looking = self._refused = self._known = False

    def _fail(self, reason: str) -> None:
        """webrtcvad alone from here on; a second try would cost as much and end the same."""
        log.warning("%s; webrtcvad decides alone", reason)
        self.state, self.reason = Neural.FAILED, reason
        self._judge, self._looking, self._tail = None, False, b""


class Detector:
    """A voice activity detector of three stages, each asked only if the one before says yes.

    The capture thread calls ``is_speech`` or ``is_candidate``, one of them once for each chunk; ``level_dbfs`` and
    ``progress`` may be read by any thread.

    Attributes:
        on_candidate: called when a chunk may be speech, before the network is asked: a look begins with 0.7 ms of work
            on x86, and several times that on a board.
    """

    def __init__(self, vad: Vad, floor: NoiseFloor, confirmation: Confirmation) -> None:
        self._vad = vad
        self._floor = floor
        self._confirmation = confirmation
        self._unmeasured = 0
        self.on_candidate: Callable[[], object] | None = None
        self.doubtful = False  # the last chunk may be speech; it is neither confirmed nor refused

    def is_candidate(self, pcm: bytes) -> bool:
        """Whether a chunk may hold speech, as far as it costs nothing to know.

        Raises:
            ValueError: it is no chunk (CHUNK_BYTES of S16_LE mono at 16 kHz).
        """
        self.doubtful = False
        candidate = self._stands_out(pcm)
        self._confirmation.keep(pcm)
        return candidate

    def is_speech(self, pcm: bytes) -> bool:
        """Whether a chunk holds speech; see ``doubtful`` if not.

        Raises:
            ValueError: it is no chunk.
        """
        candidate = self._stands_out(pcm)
        if candidate and self.on_candidate is not None and not self._confirmation.refused:
            self.on_candidate()
        verdict = self._confirmation.weigh(pcm, candidate)
        self.doubtful = candidate and verdict is Verdict.DOUBT
        return candidate and verdict is Verdict.AGREED

    def _stands_out(self, pcm: bytes) -> bool:
        heard = self._vad.hears(pcm)
        self._unmeasured += 1
        if not heard and self._unmeasured < _QUIET_STRIDE:
            self._floor.pass_by()
            return False
        self._unmeasured = 0
        return self._floor.hear(power(pcm)) and heard

    @property
    def fault(self) -> str:
        """Why the neural stage is missing, in a sentence for the owner; empty when it is not."""
        return self._confirmation.reason

    @property
    def level_dbfs(self) -> float:
        """Level of the last chunk."""
        return self._vad.level_dbfs

    def progress(self) -> Progress:
        """State and counters."""
        neural = self._confirmation
        return Progress(neural.state, neural.reason, neural.windows, neural.agreed, self._floor.level_dbfs)


def open_detector(talk: Talk) -> Detector:
    """The detector that this configuration asks for.

    The network itself is loaded when the gate first needs it, which a kiosk that only listens while its button is held
    never does.
    """
    vad = Vad(talk.vad_aggressiveness, talk.min_dbfs)
    load = Silero if talk.confirm_vad == "neural" else None
    return Detector(vad, NoiseFloor(talk.min_dbfs, MARGIN_DB), Confirmation(load))
