"""The wake word: four fixed phrases whose models come in the wheel of pymicro_wakeword, of which this is the only
importer. It costs 0.4 % of a core while it hears, so it hears only where somebody may be speaking.
"""

from __future__ import annotations

import logging
from collections import deque
from typing import Callable, NamedTuple, Protocol

from kioskd.core.words import PartState
from kioskd.lanes import CHUNK_MS, Chunk

log = logging.getLogger(__name__)

# How much of what came just before is shown when somebody begins to speak: the model needs the onset of the phrase.
# With 300 ms and a fresh start it found as many phrases as one that hears all the time, or more (measured, 16 voices).
CONTEXT_CHUNKS = 300 // CHUNK_MS
# Pauses within the phrase, and its end, which the model tells some 200 ms late.
LINGER_CHUNKS = 1000 // CHUNK_MS
# The model tells a phrase 120 to 300 ms after its end (measured): so much may already be what is said behind it.
LATE_CHUNKS = 300 // CHUNK_MS
# What a library of another version, or one whose model is torn, answers with. Anything else is our own fault.
_BROKEN = (AttributeError, TypeError, KeyError, ValueError, RuntimeError, OSError, MemoryError)


class Ear(Protocol):
    """Hears one phrase. One thread."""

    def hear(self, pcm: bytes) -> bool:
        """Whether the phrase ended in this chunk, or shortly before it."""

    def reset(self) -> None:
        """Forget what came before."""


class WakeWordFailed(Exception):
    """The wake word's library is missing or broken. The text is a sentence for the owner."""


class MicroWakeWord:
    """One model of pymicro_wakeword: TFLite and numpy, 16 MB in memory.

    Args:
        word: a value of talk.wake_word; the package calls its models the same.

    Raises:
        WakeWordFailed: the library is not there, or has no such model.
    """

    def __init__(self, word: str) -> None:
        try:
            # Here and not above: 110 ms and numpy, for the one mode that needs them.
            from pymicro_wakeword import MicroWakeWord as Network
            from pymicro_wakeword import MicroWakeWordFeatures, Model
        except (ImportError, OSError) as error:
            raise WakeWordFailed(
                f"wake word missing: pip install pymicro-wakeword, or choose another talk.mode ({error})"
            ) from error
        try:
            self._network = Network.from_builtin(Model(word))
            self._features = MicroWakeWordFeatures()
        except _BROKEN as error:
            raise WakeWordFailed(
                f"wake word broken: reinstall pymicro-wakeword ({type(error).__name__}: {error})"
            ) from error

    def hear(self, pcm: bytes) -> bool:
        """See ``Ear``.

        Raises:
            WakeWordFailed: the model gave up.
        """
        heard = False
        try:
            for features in self._features.process_streaming(pcm):
                heard = bool(self._network.process_streaming(features)) or heard
        except _BROKEN as error:
            raise WakeWordFailed(f"wake word broken: it gave up ({type(error).__name__}: {error})") from error
        return heard

    def reset(self) -> None:
        """See ``Ear``. Loads the model afresh (0.4 ms): there is no other way to clear its memory."""
        try:
            self._features.reset()
            self._network.reset()
        except _BROKEN as error:
            raise WakeWordFailed(f"wake word broken: it gave up ({type(error).__name__}: {error})") from error


class Progress(NamedTuple):
    """What the spotter did.

    Attributes:
        state: STARTING before the model is loaded, RUNNING, or FAILED.
        reason: a sentence for the owner if FAILED, else empty.
        heard: how often the word was heard.
        chunks: how many chunks the model was shown.
    """

    word: str
    state: PartState
    reason: str
    heard: int
    chunks: int


class Spotter:
    """Shows the model what may hold the word. Capture thread only; ``progress`` may be read by any.

    Args:
        word: for people and for WakeHeard.
        load: gives the model; called at the first ``prepare``. Raises WakeWordFailed.
    """

    def __init__(self, word: str, load: Callable[[], Ear]) -> None:
        self.word = word
        self._load = load
        self._ear: Ear | None = None
        self._recent: deque[Chunk] = deque(maxlen=max(CONTEXT_CHUNKS + 1, LATE_CHUNKS))
        self._linger = 0
        self._state, self._reason = PartState.STARTING, ""
        self._heard = self._chunks = 0

    def prepare(self) -> bool:
        """Load the model, now rather than in the middle of the first phrase. True if that failed just now."""
        if self._state is not PartState.STARTING:
            return False
        try:
            self._ear = self._load()
        except WakeWordFailed as error:
            self._fail(error)
            return True
        self._state = PartState.RUNNING
        return False

    def hear(self, chunk: Chunk, candidate: bool) -> bool:
        """One chunk, and whether it may hold speech; True if the word was heard."""
        self._recent.append(chunk)
        if self._ear is None or not (candidate or self._linger):
            return False
        try:
            heard = self._show(self._ear, chunk)
        except WakeWordFailed as error:
            self._fail(error)
            return False
        self._linger = LINGER_CHUNKS if candidate else self._linger - 1
        if heard:
            self._heard += 1
            self._linger = 0
        return heard

    def _show(self, ear: Ear, chunk: Chunk) -> bool:
        fresh = not self._linger
        if fresh:
            ear.reset()
        shown = tuple(self._recent) if fresh else (chunk,)
        self._chunks += len(shown)
        # All of them: the model must not have a hole in what it heard.
        return any([ear.hear(each.pcm) for each in shown])

    def behind(self) -> tuple[Chunk, ...]:
        """The last chunks, in which something may have been said behind the word before the model told of it."""
        return tuple(self._recent)[-LATE_CHUNKS:]

    def forget(self) -> None:
        """What comes next does not follow what came last."""
        self._linger = 0
        self._recent.clear()

    def progress(self) -> Progress:
        """State and counters."""
        return Progress(self.word, self._state, self._reason, self._heard, self._chunks)

    def _fail(self, error: WakeWordFailed) -> None:
        log.warning("= %s; only the button opens a conversation", error)
        self._ear = None
        self._state, self._reason = PartState.FAILED, str(error)


def open_spotter(mode: str, word: str) -> Spotter | None:
    """The spotter that talk.mode and talk.wake_word ask for; None: no word opens this kiosk."""
    return Spotter(word, lambda: MicroWakeWord(word)) if mode == "wake_word" else None
