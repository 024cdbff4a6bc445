"""When does an utterance begin and end? A pure gate over chunks that a detector called speech or not.

    state \\ heard   VOICE      ENOUGH     SILENCE    PASSED
    QUIET           STARTING   SPEAKING   QUIET      QUIET
    STARTING        STARTING   SPEAKING   STARTING   QUIET
    SPEAKING        SPEAKING   SPEAKING   STOPPING   QUIET
    STOPPING        SPEAKING   SPEAKING   STOPPING   QUIET

VOICE: speech or what may be speech, not yet start_ms of it in the window, or no word yet that it is speech. ENOUGH:
start_ms of it, and the last chunk is speech for certain. SILENCE: none, but the window still holds some (closed) or the
hangover runs (open). PASSED: the window holds none (closed), or the hangover is over (open). The gate is open in
SPEAKING and STOPPING. Doubtful chunks stir it, count for start_ms and belong to the utterance; they never open it, nor
do they keep it open.
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from itertools import islice
from typing import NamedTuple, Sequence

from kioskd.core.words import Vad
from kioskd.lanes import CHUNK_MS, Chunk


class Heard(Enum):
    """What a chunk amounts to."""

    VOICE = "voice"
    ENOUGH = "enough"
    SILENCE = "silence"
    PASSED = "passed"


TRANSITIONS: dict[tuple[Vad, Heard], Vad] = {
    (Vad.QUIET, Heard.VOICE): Vad.STARTING,
    (Vad.QUIET, Heard.ENOUGH): Vad.SPEAKING,
    (Vad.QUIET, Heard.SILENCE): Vad.QUIET,
    (Vad.QUIET, Heard.PASSED): Vad.QUIET,
    (Vad.STARTING, Heard.VOICE): Vad.STARTING,
    (Vad.STARTING, Heard.ENOUGH): Vad.SPEAKING,
    (Vad.STARTING, Heard.SILENCE): Vad.STARTING,
    (Vad.STARTING, Heard.PASSED): Vad.QUIET,
    (Vad.SPEAKING, Heard.VOICE): Vad.SPEAKING,
    (Vad.SPEAKING, Heard.ENOUGH): Vad.SPEAKING,
    (Vad.SPEAKING, Heard.SILENCE): Vad.STOPPING,
    (Vad.SPEAKING, Heard.PASSED): Vad.QUIET,
    (Vad.STOPPING, Heard.VOICE): Vad.SPEAKING,
    (Vad.STOPPING, Heard.ENOUGH): Vad.SPEAKING,
    (Vad.STOPPING, Heard.SILENCE): Vad.STOPPING,
    (Vad.STOPPING, Heard.PASSED): Vad.QUIET,
}
# What follows the end of a wake word within about this time is the same breath (what is kept of the word included).
BREATH_MS = 600
OPEN = frozenset({Vad.SPEAKING, Vad.STOPPING})


class GateStep(NamedTuple):
    """What one chunk did.

    Attributes:
        state: the state after it.
        opened: an utterance begins; ``out`` holds its preroll too.
        closed: it ended; the last of ``out`` is the end mark.
        stirred: QUIET became STARTING.
        calmed: STARTING became QUIET: it was not speech.
        out: what belongs to the utterance, oldest first; empty while closed.
    """

    state: Vad
    opened: bool = False
    closed: bool = False
    stirred: bool = False
    calmed: bool = False
    out: tuple[Chunk, ...] = ()


def _chunks(ms: float) -> int:
    """How many chunks hold at least ``ms``."""
    return -int(-ms // CHUNK_MS)


class Gate:
    """One gate; whoever steps it owns it. ``state`` may be read by any thread.

    Args:
        preroll_ms: kept from before the first voiced chunk of the window that opened the gate.
        start_ms: this much speech ...
        start_window_ms: ... within this time opens (never shorter than ``start_ms``).
        hangover_ms: silence in one piece that closes; it belongs to the utterance.
        doubt_ms: speech may have begun this long before the window and have been in doubt until now; the preroll is
            counted from there.
    """

    def __init__(
        self, preroll_ms: int, start_ms: int, start_window_ms: int, hangover_ms: int, doubt_ms: int = 0
    ) -> None:
        self._preroll = _chunks(preroll_ms)
        self._start = max(1, _chunks(start_ms))
        # Rounded down, unlike the others: a longer window would open on sparser speech than was asked for.
        self._window = max(self._start, start_window_ms // CHUNK_MS)
        self.hangover_chunks = max(1, _chunks(hangover_ms))
        # Which of the last chunks may hold speech: the window, and before it what was in doubt for long.
        self._voices: deque[bool] = deque(maxlen=self._window + _chunks(doubt_ms))
        most = max(self._preroll, _chunks(BREATH_MS)) + self._window + _chunks(doubt_ms)
        self._kept: deque[Chunk] = deque(maxlen=most)
        self._whole = False  # whatever is kept belongs to the next utterance
        self._silent = 0
        self._at = 0.0
        self.state = Vad.QUIET

    def step(self, chunk: Chunk, voiced: bool, doubtful: bool = False) -> GateStep:
        """Take one chunk: ``voiced`` if it is speech, ``doubtful`` if it may be."""
        before = self.state
        self._at = chunk.at
        after = self.state = TRANSITIONS[before, self._weigh(before in OPEN, voiced, doubtful)]
        if before in OPEN:
            if after in OPEN:
                return GateStep(after, out=(chunk,))
            return GateStep(after, closed=True, out=(chunk, self._close()))
        self._keep(chunk)
        if after in OPEN:
            return GateStep(after, opened=True, out=self.take_preroll())
        if after is before:
            return GateStep(after)
        return GateStep(after, stirred=after is Vad.STARTING, calmed=after is Vad.QUIET)

    def _weigh(self, is_open: bool, voiced: bool, doubtful: bool) -> Heard:
        self._voices.append(voiced or doubtful)
        self._silent = 0 if voiced else self._silent + 1
        if is_open:
            if voiced:
                return Heard.VOICE
            return Heard.PASSED if self._silent >= self.hangover_chunks else Heard.SILENCE
        recent = sum(islice(reversed(self._voices), self._window))
        if voiced and recent >= self._start:
            return Heard.ENOUGH
        if voiced or doubtful:
            return Heard.VOICE
        return Heard.SILENCE if recent else Heard.PASSED

    def _keep(self, chunk: Chunk) -> None:
        if len(self._kept) == self._kept.maxlen:
            self._whole = False
        self._kept.append(chunk)

    def take_preroll(self) -> tuple[Chunk, ...]:
        """What would go up first if an utterance began here; it is not kept any longer.

        At most the preroll, then whatever follows the first chunk that may have held speech: of those in the window,
        and of those that were in doubt before it.
        """
        kept = tuple(self._kept)
        self._kept.clear()
        if self._whole:
            self._whole = False
            return kept
        voices = tuple(self._voices)[-len(kept) :] if kept else ()
        onset = len(kept) - (len(voices) - voices.index(True) if True in voices else 0)
        return kept[max(0, onset - self._preroll) :]

    def start_behind(self, word: Sequence[Chunk]) -> None:
        """Forget everything but these chunks, the end of a wake word: what is said in the same breath begins there.

        They go up, whatever the preroll, if speech follows before they would have to be forgotten.
        """
        self.reset()
        for chunk in word[-(self._kept.maxlen or 1) :]:
            self._keep(chunk)
        self._whole = True

    def force_close(self) -> GateStep:
        """End it here: the end mark if an utterance was open, ``calmed`` if one was about to open."""
        before = self.state
        if before in OPEN:
            return GateStep(Vad.QUIET, closed=True, out=(self._close(),))
        self.reset()
        return GateStep(Vad.QUIET, calmed=before is Vad.STARTING)

    def reset(self) -> None:
        """Forget everything, the preroll too."""
        self.state = Vad.QUIET
        self._silent = 0
        self._whole = False
        self._voices.clear()
        self._kept.clear()

    def _close(self) -> Chunk:
        self.reset()
        return Chunk(b"", self._at)
