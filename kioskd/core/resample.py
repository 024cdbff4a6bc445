"""What a device speaks against what the kiosk speaks: rates (a polyphase windowed-sinc FIR, linear-phase, exact to the
sample) and channels.

numpy does the work and is imported only when two rates really differ: it costs 12 MB and about 0.1 s.
"""

from __future__ import annotations

from array import array
from math import ceil, gcd
from operator import add
from typing import Any, Protocol

# Zero crossings of the sinc on each side of its centre, at the lower of the two rates: 144 taps for 48 -> 16 kHz,
# 1.5 ms held back. With the window below the transition is 0.21 of the lower Nyquist frequency wide.
CROSSINGS = 24
# Kaiser window, about 80 dB of stop band (Kaiser's formula: beta = 0.1102 (A - 8.7)).
BETA = 7.86
# Middle of the transition band, as part of the lower Nyquist frequency: flat to 0.82, closed from 1.03 on.
CUTOFF = 0.925
# Coefficients are whole numbers of 2**-20. With 16 bit samples every product and sum is then a whole number below
# 2**53, exact in a double whatever the order of adding: cutting the input elsewhere cannot change a single bit.
SCALE = 1 << 20

# Up to this many phases each is one matrix product over a strided view; beyond, one gather is quicker (measured:
# 24 -> 48 kHz 137 us gathered, 39 us by phases; 44.1 -> 16 kHz with 160 phases 54 us gathered; 10 ms periods, x86).
FEW_PHASES = 8


class Resampler(Protocol):
    """A stream of S16_LE mono on its way from one rate to another. One thread at a time."""

    @property
    def delay_s(self) -> float:
        """How much later the sound comes out than it went in."""

    def process(self, pcm: bytes) -> bytes:
        """Convert the next piece, of any length in whole samples.

        After ``n`` samples in all, exactly ``ceil(n * to_hz / from_hz)`` have been given.

        Raises:
            ValueError: half a sample.
        """

    def drain(self) -> bytes:
        """What the filter still holds; then start afresh."""

    def reset(self) -> None:
        """Forget the past, as if nothing had come yet."""


def make_resampler(from_hz: int, to_hz: int) -> Resampler:
    """A resampler between two rates in Hz; between equal rates one that hands the bytes through.

    Raises:
        ValueError: a rate is not positive.
    """
    if from_hz <= 0 or to_hz <= 0:
        raise ValueError(f"cannot convert {from_hz} Hz to {to_hz} Hz")
    return Same() if from_hz == to_hz else Polyphase(from_hz, to_hz)


def to_mono(pcm: bytes, channels: int) -> bytes:
    """One channel out of interleaved S16 frames. No numpy.

    Two channels are averaged, so that a microphone wired to either side is heard (6 dB softer when the other is
    silent). Of more the first is taken: microphone arrays give the processed voice there.
    """
    if channels == 1:
        return pcm
    samples = array("h", pcm)
    if channels > 2:
        return samples[::channels].tobytes()
    return array("h", [both >> 1 for both in map(add, samples[0::2], samples[1::2])]).tobytes()


def from_mono(pcm: bytes, channels: int) -> bytes:
    """The same sound on each of ``channels`` interleaved channels. No numpy."""
    if channels == 1:
        return pcm
    mono = array("h", pcm)
    frames = array("h", bytes(len(pcm) * channels))
    for channel in range(channels):
        frames[channel::channels] = mono
    return frames.tobytes()


class Same:
    """Equal rates: nothing to do."""

    delay_s = 0.0

    def process(self, pcm: bytes) -> bytes:
        """The same bytes."""
        _whole(pcm)
        return pcm

    def drain(self) -> bytes:
        """Nothing is held."""
        return b""

    def reset(self) -> None:
        """Nothing to forget."""


def _whole(pcm: bytes) -> None:
    if len(pcm) % 2:
        raise ValueError(f"{len(pcm)} bytes are not whole 16 bit samples")


class Polyphase:
    """Different rates: ``up`` / ``down`` is their ratio in lowest terms; ``bank`` has an FIR for each of ``up`` phases.

    Output sample n stands at input position n * down / up; its whole part chooses the window of samples, its
    fraction the phase.
    """

    def __init__(self, from_hz: int, to_hz: int) -> None:
        common = gcd(from_hz, to_hz)
        self._up, self._down = to_hz // common, from_hz // common
        self._from_hz = from_hz
        # As many taps in each phase as the sinc needs at the input's rate.
        self._taps = 2 * ceil(CROSSINGS * max(1.0, self._down / self._up))
        self._bank = _bank(self._up, self._down, self._taps)
        self.delay_s = (self._taps * self._up // 2) / (self._up * from_hz)
        self.reset()

    def reset(self) -> None:
        """Forget the past."""
        import numpy

        self._past: Any = numpy.zeros(self._taps - 1)  # the input samples that the next window still needs
        self._given = 0  # output samples; kept below `up` together with `_taken` below `down`
        self._taken = 0  # input samples

    def process(self, pcm: bytes) -> bytes:
        """Convert the next piece."""
        import numpy

        _whole(pcm)
        if not pcm:
            return b""
        samples = numpy.concatenate((self._past, numpy.frombuffer(pcm, dtype="<i2")))
        fresh = len(pcm) // 2
        end = -((self._taken + fresh) * -self._up // self._down)  # ceil: all n with n * down / up < taken + fresh
        out = self._convolve(samples, self._given, end)
        self._past = samples[fresh:].copy()
        self._taken, self._given = self._taken + fresh, end
        cycles = min(self._taken // self._down, self._given // self._up)
        self._taken -= cycles * self._down
        self._given -= cycles * self._up
        rounded = numpy.floor(out * (1 / SCALE) + 0.5)
        return bytes(numpy.clip(rounded, -32768, 32767).astype("<i2").tobytes())

    def _convolve(self, samples: Any, start: int, end: int) -> Any:
        """Output samples ``start`` to ``end``, times SCALE."""
        import numpy

        windows = numpy.lib.stride_tricks.sliding_window_view(samples, self._taps)
        if self._up > FEW_PHASES:
            places = numpy.arange(start, end) * self._down
            return numpy.einsum("ij,ij->i", windows[places // self._up - self._taken], self._bank[places % self._up])
        out = numpy.empty(end - start)
        for first in range(min(self._up, end - start)):
            # Every `up` outputs the same phase comes round, `down` inputs later: no window is copied.
            row, phase = divmod((start + first) * self._down, self._up)
            mine = out[first :: self._up]
            mine[:] = windows[row - self._taken :: self._down][: len(mine)] @ self._bank[phase]
        return out

    def drain(self) -> bytes:
        """What the filter still holds, cut to the length of the delay."""
        held = self.process(bytes(2 * ceil(self.delay_s * self._from_hz)))
        self.reset()
        return held


def _bank(up: int, down: int, taps: int) -> Any:
    """The filter bank, shape (up, taps): row = phase, columns from the oldest sample to the newest."""
    import numpy

    # One long symmetric low pass at `up` times the input's rate, centred on tap `middle`.
    middle = taps * up // 2
    at = numpy.arange(taps * up) - middle
    cutoff = CUTOFF / max(up, down)  # of the Nyquist frequency at that rate
    window = numpy.i0(BETA * numpy.sqrt(numpy.clip(1 - (at / middle) ** 2, 0, 1)))
    long = numpy.sinc(cutoff * at) * window
    phases = long.reshape(taps, up).T[:, ::-1]
    # Each phase passes a constant unchanged, else the phases would buzz at the conversion's beat.
    phases = phases / phases.sum(axis=1, keepdims=True)
    return numpy.ascontiguousarray(numpy.rint(phases * SCALE))
