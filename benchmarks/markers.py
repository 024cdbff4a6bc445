"""A sound that is found again: a short chirp in what a visitor says, and the search for it in what was recorded.

Pure; numpy is loaded by whoever calls (a benchmark may afford it).
"""

from __future__ import annotations

import random
from array import array
from typing import Any, NamedTuple, Sequence

MARKER_S = 0.008
LOW_HZ, HIGH_HZ = 1200, 5500
PEAK = 16_000  # of 32767
# Of a perfect match. Speech and noise stay below 0.4, a chirp that went through a canceller above 0.8.
ALIKE = 0.65
APART_S = 0.05
FAINT = 300.0  # the root of the energy of what may be a marker: silence matches anything


class Pair(NamedTuple):
    """A marker on its way: when it was spoken and when it was heard, monotonic seconds."""

    spoken_at: float
    heard_at: float


def shape(rate_hz: int) -> Any:
    """The marker at that rate, its peak at most 1.0."""
    import numpy as np

    at = np.arange(int(rate_hz * MARKER_S)) / rate_hz
    sweep = np.sin(2 * np.pi * (LOW_HZ * at + (HIGH_HZ - LOW_HZ) / MARKER_S * at * at / 2))
    return np.hanning(len(at)) * sweep


def marker(rate_hz: int) -> bytes:
    """The marker as S16_LE mono."""
    return array("h", (int(PEAK * value) for value in shape(rate_hz))).tobytes()


def find(pcm: bytes, rate_hz: int) -> list[int]:
    """Frames at which markers begin in S16_LE mono, in order."""
    import numpy as np

    wanted = shape(rate_hz)
    wanted /= np.linalg.norm(wanted)
    frames, block = len(pcm) // 2, 60 * rate_hz
    found: list[int] = []
    for start in range(0, max(0, frames - len(wanted) + 1), block):
        # A minute at a time, overlapping by a marker: a run of minutes shall not need hundreds of megabytes.
        sound = np.frombuffer(pcm, "<i2", min(frames - start, block + len(wanted) - 1), 2 * start).astype(np.float32)
        energy = np.concatenate(([0.0], np.cumsum(np.square(sound, dtype=np.float64))))
        loud = np.sqrt(np.maximum(energy[len(wanted) :] - energy[: -len(wanted)], 1e-9))
        likeness = np.where(loud > FAINT, np.correlate(sound, wanted.astype(np.float32), "valid") / loud, 0.0)
        found += [start + at for at in peaks(likeness, int(APART_S * rate_hz))]
    return found


def peaks(likeness: Any, apart: int) -> list[int]:
    """Where it is highest, once for each ``apart`` frames in which it exceeds ALIKE."""
    import numpy as np

    above = np.flatnonzero(likeness > ALIKE)
    found = []
    while len(above):
        near = above[above < above[0] + apart]
        found.append(int(near[np.argmax(likeness[near])]))
        above = above[above >= above[0] + apart]
    return found


def pairs(spoken_at: Sequence[float], heard_at: Sequence[float], within_s: float) -> list[Pair]:
    """Each spoken marker with the first one heard behind it, before the next is spoken and within ``within_s``."""
    found = []
    for number, spoken in enumerate(spoken_at):
        end = min([spoken + within_s, *spoken_at[number + 1 : number + 2]])
        heard = next((at for at in heard_at if spoken < at < end), None)
        if heard is not None:
            found.append(Pair(spoken, heard))
    return found


def said(word: bytes, rate_hz: int, count: int, cycle_s: float, seed: int = 3) -> bytes:
    """A visitor: ``count`` times the word with a marker right behind it, in a whisper of noise.

    A word begins each ``cycle_s`` and up to 40 ms more, so that markers fall on every part of a chunk alike.
    """
    chance = random.Random(seed)
    mark, pieces = marker(rate_hz), []
    for _ in range(count):
        frames = int(rate_hz * (cycle_s + chance.uniform(0, 0.04))) - len(word + mark) // 2
        bed = array("h", (chance.randint(-20, 20) for _ in range(max(0, frames))))
        pieces.append(word + mark + bed.tobytes())
    return b"".join(pieces)


def holes(pcm: bytes, rate_hz: int, begin: int, end: int, least_ms: float = 2.0) -> int:
    """How often the sound between two frames stops for ``least_ms`` or longer: an underrun, as an ear finds it."""
    import numpy as np

    silent = np.abs(np.frombuffer(pcm, "<i2")[begin:end].astype(np.int32)) < 8
    edges = np.flatnonzero(np.diff(np.concatenate(([0], silent.astype(np.int8), [0]))))
    return int(np.sum(edges[1::2] - edges[::2] >= rate_hz * least_ms / 1000))
