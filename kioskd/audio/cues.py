"""The short local sounds, made by arithmetic: no files to lose, no decoder to load.

Each is a few sine notes with soft edges. Rising means yes (woken, understood, done), falling means no (refused, again,
offline), level means wait (confirm: press the button; busy: try again in a while).
"""

from __future__ import annotations

import math
from array import array
from functools import lru_cache
from typing import NamedTuple

# The services speak at 24 kHz, so a cue and an answer share a device opened at that rate.
CUE_HZ = 24_000
# Loudest sample of a cue at volume 1.0, as part of full scale: below clipping, near the level of speech peaks.
PEAK = 0.8
# Raised-cosine edges: without them a tone starts and ends with an audible click. With 8 ms less than a
# hundred-thousandth of a cue's energy lies above 3 kHz (tests/audio/test_cues.py).
EDGE_MS = 8


class Note(NamedTuple):
    """One tone of a cue: pitch in Hz (0 is a rest) and length in ms."""

    hz: float
    length_ms: int


CUES: dict[str, tuple[Note, ...]] = {
    "woken": (Note(660, 70), Note(880, 110)),
    "understood": (Note(523, 60), Note(698, 80)),
    "confirm": (Note(784, 120), Note(0, 70), Note(784, 120), Note(0, 70), Note(784, 160)),
    "refused": (Note(440, 140), Note(311, 240)),
    # What was done is nearly always said in the same breath; the rest keeps the tone off its first syllable.
    "done": (Note(523, 70), Note(659, 70), Note(784, 120), Note(0, 240)),
    "again": (Note(587, 110), Note(0, 40), Note(587, 110), Note(494, 180)),
    "offline": (Note(392, 180), Note(0, 60), Note(330, 180), Note(0, 60), Note(262, 260)),
    "busy": (Note(349, 160), Note(0, 120), Note(349, 160), Note(0, 120), Note(349, 160)),
}


@lru_cache(maxsize=32)
def cue(name: str, rate_hz: int = CUE_HZ, volume: float = 1.0) -> bytes:
    """The sound ``name`` as S16_LE mono. Kept once made. Any thread.

    Raises:
        KeyError: there is no such cue; the sentence names those there are.
    """
    if name not in CUES:
        raise KeyError(f"no cue '{name}'; there are {', '.join(CUES)}")
    return b"".join(_tone(note, rate_hz, volume * PEAK) for note in CUES[name])


def _tone(note: Note, rate_hz: int, level: float) -> bytes:
    frames = rate_hz * note.length_ms // 1000
    if not note.hz:
        return bytes(2 * frames)
    edge = rate_hz * EDGE_MS // 1000
    step = 2 * math.pi * note.hz / rate_hz
    top = 32767 * min(1.0, max(0.0, level))
    samples = array("h", [round(top * math.sin(step * i)) for i in range(frames)])
    for i in range(edge):
        soft = 0.5 - 0.5 * math.cos(math.pi * i / edge)
        samples[i] = round(samples[i] * soft)
        samples[-1 - i] = round(samples[-1 - i] * soft)
    return samples.tobytes()
