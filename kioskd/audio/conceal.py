"""What is played where the next sound of an answer is late: its last moment, back and forth, ever softer. Pure, and
no numpy.

Played backwards, sound goes on from its last sample without a leap, and keeps its colour; a straight repetition would
leap at each seam and buzz at the rate of its period.
"""

from __future__ import annotations

from array import array

# Two periods. A hole is rarely longer, and speech drawn out for longer is heard as a stutter.
CONCEALED_MS = 20
# Below this peak (-44 dBFS) the sound has ended by itself, or its end is not heard: nothing is drawn out.
AUDIBLE = 200


class Concealment:
    """The continuation of what was last heard. One use.

    Args:
        last: what the device was given last, S16_LE mono, at least a few ms of it.
        rate_hz: samples a second.
    """

    def __init__(self, last: bytes, rate_hz: int) -> None:
        heard = array("h", last)
        self._length = rate_hz * CONCEALED_MS // 1000 if heard and max(map(abs, heard)) >= AUDIBLE else 0
        back_and_forth = heard[::-1] + heard
        self._source = back_and_forth * (self._length // len(back_and_forth) + 1) if self._length else array("h")
        self._given = 0

    @property
    def spent(self) -> bool:
        """True when only silence is left."""
        return self._given >= self._length

    def take(self, frames: int) -> bytes:
        """The next ``frames`` samples; silence behind the last that is not."""
        start, length = self._given, self._length
        self._given = min(length, start + frames)
        drawn = array("h", [self._source[i] * (length - 1 - i) // length for i in range(start, self._given)])
        return drawn.tobytes().ljust(2 * frames, b"\0")
