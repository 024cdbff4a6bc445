"""Is anything of a request lost while the link still wakes? Five hundred sentences through ears, gate and lane, held
sample by sample against what was said.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Mapping

import numpy as np

from benchmarks import corpus
from benchmarks.corpus import CLEAN, NOISES
from benchmarks.figure import Measured, ProbeFailed
from benchmarks.speech import SYLLABLE, TALK, WHOLE, detector, gate
from kioskd.audio.detector import Neural
from kioskd.audio.ears import Ears
from kioskd.core.words import Feed
from kioskd.lanes import CHUNK_FRAMES, UPLINK_HZ, Chunk, UplinkLane

COUNT = 500
# The beginning of a sentence is what is at stake; so much of it is said.
SAID = UPLINK_HZ
# How much later than the gate opened the link takes audio: a handshake that was ready, to one slower than the sentence.
LATEST_S = 3.0
SNR_DB = 20.0
SEED = 11


@dataclass(slots=True)
class Line:
    """The far end of the lane: takes nothing until it is attached, then everything.

    Attributes:
        taken: since the last sentence, end marks too.
    """

    lane: UplinkLane
    taken: list[Chunk] = field(default_factory=list)

    def drain(self) -> None:
        """Take what is there."""
        for chunk in self.lane.clear():
            self.taken.append(chunk)


def said(number: int, chance: np.random.Generator) -> tuple[bytes, int, int]:
    """One sentence's beginning between two silences, in a room; with the bounds of the speech in samples."""
    utterance = corpus.utterances()[number * 7 % len(corpus.utterances())]
    word = utterance.sound[utterance.onset :][:SAID] * corpus.gain(chance.uniform(-6.0, 3.0))
    lead = int(chance.uniform(0.4, 1.2) * UPLINK_HZ)
    total = (lead + len(word) + UPLINK_HZ) // CHUNK_FRAMES * CHUNK_FRAMES
    room = corpus.at_dbfs(chance.standard_normal(total), chance.uniform(-75.0, -60.0))
    name = (CLEAN, *NOISES)[number % (len(NOISES) + 1)]
    if name != CLEAN:
        start = int(chance.integers(0, 50 * UPLINK_HZ))
        room += corpus.noise(name, 60.0)[start : start + total] * corpus.gain(-SNR_DB)
    room[lead : lead + len(word)] += word
    return corpus.pcm(room), lead, lead + len(word)


def wake_loss() -> Mapping[str, Measured]:
    """First syllables that did not go up as they were said, of COUNT."""
    chance = np.random.default_rng(SEED)
    overflows: list[float] = []
    lane = UplinkLane(TALK.connect_buffer_s, overflows.append)
    ears_of_kiosk = detector(WHOLE)
    ears = Ears(lane, lambda event: True, gate(), ears_of_kiosk)
    ears.feed(Feed.GATED, False, 0.0)
    heard: list[bytes] = []
    lost, faults, waited = 0, 0, []
    for number in range(COUNT):
        data, onset, end = said(number, chance)
        late = int(chance.uniform(0.0, LATEST_S) * UPLINK_HZ / CHUNK_FRAMES)
        begins = len(heard)
        heard += corpus.chunks(data)
        line = utter(ears, lane, heard[begins:], begins, late)
        waited.append(late * CHUNK_FRAMES * 1000 / UPLINK_HZ)
        faults += not whole(line.taken, heard)
        first, last = (begins + at // CHUNK_FRAMES for at in (onset, min(end, onset + SYLLABLE) - 1))
        lost += not set(range(first, last + 1)) <= {int(chunk.at) for chunk in line.taken if not chunk.ends}
    progress = ears_of_kiosk.progress()
    if progress.neural is Neural.FAILED:
        raise ProbeFailed(progress.reason)
    story = f"of {COUNT} sentences, in quiet and 20 dB above four noises, the link 0 to {LATEST_S:g} s late"
    detail = {"not_as_said": faults, "overflows": len(overflows), "latest_link_ms": round(max(waited))}
    return {"wake_loss": Measured(float(lost + faults + len(overflows)), story, detail)}


def utter(ears: Ears, lane: UplinkLane, pieces: list[bytes], begins: int, late: int) -> Line:
    """Say it, from chunk ``begins`` on; the link comes ``late`` chunks after the first one lies in the lane."""
    line = Line(lane)
    waiting = late
    attached = False
    for number, pcm in enumerate(pieces):
        ears.hear(Chunk(pcm, float(begins + number)))
        if lane.pushed > lane.taken and not attached:
            waiting -= 1
        if waiting < 0 and not attached:
            lane.attach(line.drain)
            attached = True
    lane.attach(line.drain)
    lane.attach(None)
    return line


def whole(taken: list[Chunk], heard: list[bytes]) -> bool:
    """Whether these chunks are what was heard, sample by sample, without a hole or a double between two end marks."""
    expected = -1
    for chunk in taken:
        number = int(chunk.at)
        if chunk.ends:
            expected = -1
        elif chunk.pcm != heard[number] or expected not in (-1, number):
            return False
        else:
            expected = number + 1
    return True
