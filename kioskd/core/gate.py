"""When does an utterance begin and end? A pure gate over chunks that a detector called speech or not.

    state \\ heard   VOICE      ENOUGH     SILENCE    PASSED
    QUIET           STARTING   SPEAKING   QUIET      QUIET
    STARTING        STARTING   SPEAKING   STARTING   QUIET
    SPEAKING        SPEAKING   SPEAKING   STOPPING   QUIET
    STOPPING        SPEAKING   SPEAKING   STOPPING   QUIET

VOICE: speech, not yet start_ms of it in the window. ENOUGH: start_ms of it. SILENCE: none, but the window still holds
some (closed) or the hangover runs (open). PASSED: the window holds none (closed), or the hangover is over (open).
The gate is open in SPEAKING and STOPPING.
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from typing import NamedTuple

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
    """

    def __init__(self, preroll_ms: int, start_ms: int, start_window_ms: int, hangover_ms: int) -> None:
        self._preroll = _chunks(preroll_ms)
        self._start = max(1, _chunks(start_ms))
        # Rounded down, unlike the others: a longer window would open on sparser speech than was asked for.
        self._window: deque[bool] = deque(maxlen=max(self._start, start_window_ms // CHUNK_MS))
        self.hangover_chunks = max(1, _chunks(hangover_ms))
        self._kept: deque[Chunk] = deque(maxlen=self._preroll + (self._window.maxlen or 0))
        self._silent = 0
        self._at = 0.0
        self.state = Vad.QUIET

    def step(self, chunk: Chunk, voiced: bool) -> GateStep:
        """Take one chunk."""
        before = self.state
        self._at = chunk.at
        after = self.state = TRANSITIONS[before, self._weigh(before in OPEN, voiced)]
        if before in OPEN:
            if after in OPEN:
                return GateStep(after, out=(chunk,))
            return GateStep(after, closed=True, out=(chunk, self._close()))
        self._kept.append(chunk)
        if after in OPEN:
            return GateStep(after, opened=True, out=self.take_preroll())
        if after is before:
            return GateStep(after)
        return GateStep(after, stirred=after is Vad.STARTING, calmed=after is Vad.QUIET)

    def _weigh(self, is_open: bool, voiced: bool) -> Heard:
        self._window.append(voiced)
        self._silent = 0 if voiced else self._silent + 1
        if voiced:
            return Heard.ENOUGH if sum(self._window) >= self._start else Heard.VOICE
        passed = self._silent >= self.hangover_chunks if is_open else not any(self._window)
        return Heard.PASSED if passed else Heard.SILENCE

    def take_preroll(self) -> tuple[Chunk, ...]:
        """What would go up first if an utterance began here; it is not kept any longer.

        At most the preroll, then whatever the window holds from its first voiced chunk on.
        """
        kept = tuple(self._kept)
        self._kept.clear()
        window = tuple(self._window)[-len(kept) :] if kept else ()
        onset = len(kept) - (len(window) - window.index(True) if True in window else 0)
        return kept[max(0, onset - self._preroll) :]

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
        self._window.clear()
        self._kept.clear()

    def _close(self) -> Chunk:
        self.reset()
        return Chunk(b"", self._at)
