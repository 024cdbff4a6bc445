"""Where a visitor's turn begins and ends in the incoming audio: the house's detector and gate, counted in milliseconds.

Time here is audio time, the milliseconds received since the session began: a client that pauses stops the clock.
"""

from __future__ import annotations

from typing import NamedTuple, Union

from kioskd.core.gate import Gate
from kioskd.core.vad import Vad
from kioskd.lanes import CHUNK_BYTES, CHUNK_MS, Chunk

# End of turn after this much silence: between the 600 and 700 ms that people leave between sentences.
HANGOVER_MS = 660
# webrtcvad's strictest mode: 98 % of clean speech, 1 % of silence (other modes fire on hum and wind).
AGGRESSIVENESS = 3
MIN_DBFS = -55.0
# As the daemon's own gate: what it sends from before its gate opened must open this one.
PREROLL_MS = 300
START_MS = 80
START_WINDOW_MS = 100


class Began(NamedTuple):
    """The visitor began to speak at ``at_ms``."""

    at_ms: int


class Ended(NamedTuple):
    """The visitor's turn is over.

    Attributes:
        at_ms: where the silence began.
        pcm: the whole utterance, S16_LE mono 16 kHz, with preroll and hangover.
        voiced_ms: how much of it was speech to the detector.
    """

    at_ms: int
    pcm: bytes
    voiced_ms: int


Found = Union[Began, Ended]


class TurnDetector:
    """Cuts a stream of PCM of any piece length into turns. One session, one detector.

    Args:
        longest_ms: a turn is ended after this long, so that a noisy hall cannot fill the memory.
    """

    def __init__(self, longest_ms: int, hangover_ms: int = HANGOVER_MS) -> None:
        self._vad = Vad(AGGRESSIVENESS, MIN_DBFS)
        self._gate = Gate(PREROLL_MS, START_MS, START_WINDOW_MS, hangover_ms)
        self._hangover_ms = hangover_ms
        self._longest_ms = longest_ms
        self._rest = b""
        self._utterance: list[bytes] = []
        self._voiced = 0
        self.heard_ms = 0

    def feed(self, pcm: bytes) -> list[Found]:
        """Take more audio; what it brought to light, in order."""
        data = self._rest + pcm
        whole = len(data) - len(data) % CHUNK_BYTES
        self._rest = data[whole:]
        found: list[Found] = []
        for start in range(0, whole, CHUNK_BYTES):
            found += self._chunk(data[start : start + CHUNK_BYTES])
        return found

    def _chunk(self, pcm: bytes) -> list[Found]:
        self.heard_ms += CHUNK_MS
        voiced = self._vad.is_speech(pcm)
        self._voiced += voiced
        step = self._gate.step(Chunk(pcm, self.heard_ms / 1000), voiced)
        self._utterance += [chunk.pcm for chunk in step.out]
        if step.opened:
            return [Began(self.heard_ms - CHUNK_MS * len(step.out))]
        if step.closed:
            return [self._end(self._hangover_ms)]
        if len(self._utterance) * CHUNK_MS >= self._longest_ms:
            self._gate.force_close()
            return [self._end(0)]
        if not self._utterance and not voiced:
            self._voiced = 0
        return []

    def _end(self, silence_ms: int) -> Ended:
        ended = Ended(self.heard_ms - silence_ms, b"".join(self._utterance), self._voiced * CHUNK_MS)
        self._utterance, self._voiced = [], 0
        return ended
