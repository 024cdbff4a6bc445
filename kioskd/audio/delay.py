"""How long the kiosk's sound takes from the reference to the microphone, measured while it begins to speak.

A canceller that knows a room goes on knowing it when the output is closed and opened again, but for one thing: the way
to the ear may have become longer or shorter by some milliseconds. That can be measured, in half a second of speech.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kioskd.audio.reference import BLOCK_FRAMES
from kioskd.lanes import UPLINK_HZ

if TYPE_CHECKING:
    from numpy.typing import NDArray

# So much is listened to, from the first loud block on. Shorter, and the echo of a syllable after 200 ms of buffers is
# not in it any more.
BLOCKS = 64
# Two powers of two above: lags up to LONGEST do not fold back.
_SIZE = 16384
LONGEST = _SIZE - BLOCKS * BLOCK_FRAMES  # samples, 384 ms
# Where speech is and room is not: below it noise, above it little.
LOW_HZ, HIGH_HZ = 200.0, 5000.0
# A peak stands out by so much over the rest of the correlation (its root mean square), or it is none: noise reaches
# 5.5, and echoes stand at 10 and more. Two voices may reach that too, where it means nothing: who uses a delay must see
# the same one twice.
CLEAR = 9.0


class Delay:
    """Collects one stretch of sound and measures it. Capture thread only; numpy is there when a canceller is."""

    def __init__(self) -> None:
        self._far: list[bytes] = []
        self._near: list[bytes] = []
        self._done = False

    @property
    def done(self) -> bool:
        """Whether this opening has been measured."""
        return self._done

    def restart(self) -> None:
        """The output was opened again: the next loud block begins another stretch."""
        self._far, self._near, self._done = [], [], False

    def add(self, far: bytes, near: bytes, loud: bool) -> float | None:
        """A block of reference and what was heard meanwhile; the delay in milliseconds, once, when it is known.

        Args:
            loud: whether the reference is; the stretch begins with one that is.

        Returns:
            None as long as there is nothing to tell; and for a stretch in which no echo stands out, for good.
        """
        if self._done or not (loud or self._far):
            return None
        self._far.append(far)
        self._near.append(near)
        if len(self._far) < BLOCKS:
            return None
        self._done = True
        lag = between(b"".join(self._far), b"".join(self._near))
        self._far, self._near = [], []
        return None if lag is None else lag * 1000.0 / UPLINK_HZ


def between(far: bytes, near: bytes) -> int | None:
    """By how many samples ``near`` follows ``far`` (S16_LE mono at 16 kHz, as long as each other); None when unclear.

    The correlation of both with their spectra made flat (GCC-PHAT: Knapp and Carter 1976): a sharp peak in a room too.
    """
    import numpy  # WebRtc has loaded it

    def spectrum(pcm: bytes) -> NDArray[Any]:
        return numpy.fft.rfft(numpy.frombuffer(pcm, "<i2").astype(numpy.float64), _SIZE)

    cross = numpy.conj(spectrum(far)) * spectrum(near)
    first, last = (round(hz * _SIZE / UPLINK_HZ) for hz in (LOW_HZ, HIGH_HZ))
    flat = numpy.zeros_like(cross)
    flat[first:last] = cross[first:last] / numpy.maximum(numpy.abs(cross[first:last]), 1e-9)
    likeness = numpy.fft.irfft(flat, _SIZE)[:LONGEST]
    at = int(numpy.argmax(likeness))
    noise = float(numpy.sqrt(numpy.mean(likeness**2)))
    return at if noise > 0.0 and float(likeness[at]) > CLEAR * noise else None
