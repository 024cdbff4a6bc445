"""What a device speaks against what the kiosk speaks: rates (a polyphase windowed-sinc FIR, linear-phase, exact to the
sample) and channels.

numpy does the work and is imported only when two rates really differ: it costs 12 MB and about 0.1 s.
"""

from __future__ import annotations

from array import array
from math import ceil, gcd
from operator import add
from typing import Any, Protocol

# Zero crossings of the sinc on each side of its centre, at the lower of the two rates: 180 taps for 48 -> 16 kHz,
# 1.9 ms held back. With the window below the transition is 0.2 of the lower Nyquist frequency wide.
CROSSINGS = 30
# Kaiser window, about 94 dB of stop band (Kaiser's formula: beta = 0.1102 (A - 8.7)): below what 16 bit can show.
BETA = 9.4
# Middle of the transition band, as part of the lower Nyquist frequency: flat to 0.8, closed from 1.0 on.
CUTOFF = 0.9
# Coefficients are whole numbers of 2**-20. With 16 bit samples every product and sum is then a whole number below
# 2**53, exact in a double whatever the order of adding: cutting the input elsewhere cannot change a single bit.
SCALE = 1 << 20

# About so many outputs are one product of matrices, in which their windows overlap: more multiplications than needed,
# and still the quickest (measured on x86, 10 ms of 48 -> 16 kHz: 15 us in groups of 16 or 32, 18 us of 8, 46 us of 64,
# and 32 us with a window at a time).
GROUP = 16
# Outputs of 20 ms at 48 kHz.
LONGEST_CYCLE = 960


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
        self._groups = _groups(self._bank, self._up, self._down)
        self.delay_s = (self._taps * self._up // 2) / (self._up * from_hz)
        self.reset()

    def reset(self) -> None:
        """Forget the past."""
        import numpy

        self._past: Any = numpy.zeros(self._taps - 1)  # the input samples that the next window still needs
        self._given = 0  # output samples; kept below a cycle of the groups, together with `_taken`
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
        given, taken = (self._groups.given, self._groups.taken) if self._groups else (self._up, self._down)
        cycles = min(self._taken // taken, self._given // given)
        self._taken -= cycles * taken
        self._given -= cycles * given
        out *= 1 / SCALE
        numpy.clip(numpy.rint(out, out=out), -32768, 32767, out=out)
        return bytes(out.astype("<i2").tobytes())

    def _convolve(self, samples: Any, start: int, end: int) -> Any:
        """Output samples ``start`` to ``end``, times SCALE: whole cycles quickly, what is before and behind singly."""
        import numpy

        if self._groups is None:
            return self._singly(samples, start, end)
        given = self._groups.given
        first = min(end, -(start // -given) * given)
        cycles = (end - first) // given
        last = first + cycles * given
        parts = [self._singly(samples, start, first)] if first > start else []
        if cycles:
            parts.append(self._groups.convolve(samples, first * self._down // self._up - self._taken, cycles))
        if end > last:
            parts.append(self._singly(samples, last, end))
        return parts[0] if len(parts) == 1 else numpy.concatenate(parts or [numpy.empty(0)])

    def _singly(self, samples: Any, start: int, end: int) -> Any:
        import numpy

        places = numpy.arange(start, end) * self._down
        windows = numpy.lib.stride_tricks.sliding_window_view(samples, self._taps)
        return numpy.einsum("ij,ij->i", windows[places // self._up - self._taken], self._bank[places % self._up])

    def drain(self) -> bytes:
        """What the filter still holds, cut to the length of the delay."""
        held = self.process(bytes(2 * ceil(self.delay_s * self._from_hz)))
        self.reset()
        return held


class _Groups:
    """A cycle of the phases, cut into groups of outputs: each is its stretch of the input times one matrix.

    Attributes:
        given: outputs of a cycle, a multiple of ``up``.
        taken: inputs of a cycle.
    """

    def __init__(self, bank: Any, up: int, down: int, size: int) -> None:
        import numpy

        self.given = max(size, up)
        self.taken = self.given * down // up
        rows = numpy.arange(self.given) * down // up  # where the window of each output begins
        begins = rows[::size]
        taps = bank.shape[1]
        span = int((rows.reshape(-1, size)[:, -1] - begins).max()) + taps
        self._matrices: Any = numpy.zeros((len(begins), span, size))
        for n in range(self.given):
            group, column = divmod(n, size)
            at = rows[n] - begins[group]
            self._matrices[group, at : at + taps, column] = bank[n * down % up]
        self._stretches: Any = begins[:, None, None] + numpy.arange(span)  # shape (groups, 1, span)
        self._cycles, self._places = 0, self._stretches

    def convolve(self, samples: Any, begin: int, cycles: int) -> Any:
        """Whole cycles of outputs, times SCALE; the first window begins at ``samples[begin]``."""
        import numpy

        if cycles != self._cycles:
            steps = numpy.arange(cycles)[:, None] * self.taken
            self._cycles, self._places = cycles, self._stretches + steps
        # A stretch may reach a little beyond the last window, where its matrix has zeros.
        stretches = samples[begin:].take(self._places, mode="clip")
        return (stretches @ self._matrices).transpose(1, 0, 2).reshape(-1)


def _groups(bank: Any, up: int, down: int) -> _Groups | None:
    """Groups of about GROUP outputs, where the phases can be cut so: several rounds of few, or even parts of many.

    None where a cycle is longer than a period of sound, which would never be whole, or has no such part.
    """
    size = GROUP // up * up if up <= GROUP else next((n for n in range(GROUP, 4 * GROUP) if up % n == 0), 0)
    return _Groups(bank, up, down, size) if size and up <= LONGEST_CYCLE else None


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
