"""An exponential sine sweep, and the room's impulse response out of its recording (A. Farina, AES preprint 5093, 2000).

Pure, with numpy (12 MB): import it only where a room is really measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import log

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float64]

# Outside the swept band there is only noise (and the rectified part of a distortion) to be divided by next to nothing:
# the response is let in and out over these parts of the band's lowest and highest pitch.
RISE, FALL = 1.5, 0.93
# Harmonics beyond the fifth of a small speaker drown in the noise of a hall.
HARMONICS = range(2, 6)


def power(samples: Samples) -> float:
    """Mean square; a full-scale square wave has 1.0."""
    return float(np.mean(np.square(samples))) if len(samples) else 0.0


def decibels(ratio: float) -> float:
    """Of a ratio of powers; -200 stands for nothing at all."""
    return 10 * float(np.log10(max(ratio, 1e-20)))


def from_pcm(pcm: bytes) -> Samples:
    """S16_LE mono as numbers from -1.0 to 1.0, shape (samples,)."""
    return np.frombuffer(pcm, dtype="<i2").astype(np.float64) / 32768.0


def to_pcm(samples: Samples) -> bytes:
    """Back to S16_LE; what is beyond full scale is clipped."""
    return bytes(np.clip(np.rint(samples * 32768.0), -32768, 32767).astype("<i2").tobytes())


@dataclass(frozen=True)
class Response:
    """What a room did to the sweep.

    Attributes:
        taps: the impulse response, shape (samples,); a wire gives one sample of about 1.0.
        zero: index in ``taps`` at which a wire without delay would have it; what stands before are harmonics and noise.
        rate_hz: taps a second.
    """

    taps: Samples
    zero: int
    rate_hz: int

    def window(self, start_s: float, end_s: float) -> Samples:
        """The taps between two times; time 0 is a wire's."""
        start, end = (max(0, self.zero + round(at * self.rate_hz)) for at in (start_s, end_s))
        return self.taps[start:end]


@dataclass(frozen=True)
class Sweep:
    """A sine that rises exponentially from ``low_hz`` to ``high_hz``.

    Attributes:
        rate_hz: samples a second.
        seconds: how long it lasts.
        peak: its amplitude, 0.0 to 1.0.
        edge_s: it is faded in and out for so long, so that it does not click.
    """

    rate_hz: int
    low_hz: float
    high_hz: float
    seconds: float
    peak: float = 0.5
    edge_s: float = 0.02

    @cached_property
    def samples(self) -> Samples:
        """Shape (rate_hz * seconds,), -1.0 to 1.0."""
        count = round(self.rate_hz * self.seconds)
        at = np.arange(count) / self.rate_hz
        growth = self._growth_s
        sine = np.sin(2 * np.pi * self.low_hz * growth * np.expm1(at / growth))
        edge = round(self.edge_s * self.rate_hz)
        ramp = 0.5 - 0.5 * np.cos(np.pi * np.arange(edge) / edge)
        sine[:edge] *= ramp
        sine[count - edge :] *= ramp[::-1]
        return np.asarray(self.peak * sine)

    @property
    def _growth_s(self) -> float:
        """The pitch rises by a factor of e in this time."""
        return self.seconds / log(self.high_hz / self.low_hz)

    def harmonic_lead_s(self, order: int) -> float:
        """How far before the response itself that of a harmonic stands: the sweep was this pitch so much later."""
        return self._growth_s * log(order)

    def respond(self, recorded: Samples, lead_s: float) -> Response:
        """The room's impulse response.

        Args:
            recorded: what the microphone heard, shape (samples,).
            lead_s: how much of it lies before the sweep was played.
        """
        size = 1 << (len(recorded) + len(self.samples)).bit_length()
        spectrum = np.fft.rfft(self.samples, size)
        inverse = self._band(size) / np.where(spectrum == 0, 1, spectrum)
        taps = np.fft.irfft(np.fft.rfft(recorded, size) * inverse, size)
        # What is earlier than the recording wraps around to the end of a circular response: bring it to the front.
        before = round(self.harmonic_lead_s(HARMONICS[-1]) * self.rate_hz) + round(0.1 * self.rate_hz)
        lead = round(lead_s * self.rate_hz)
        # Later taps would need more of a recording than there is.
        count = before + max(lead, len(recorded) - len(self.samples))
        return Response(np.roll(taps, before)[:count], before + lead, self.rate_hz)

    def _band(self, size: int) -> Samples:
        """1.0 within the swept band, 0.0 outside, shape (size / 2 + 1,)."""
        pitch = np.fft.rfftfreq(size, 1 / self.rate_hz)
        rise = np.clip((pitch / self.low_hz - 1) / (RISE - 1), 0, 1)
        fall = np.clip((1 - pitch / self.high_hz) / (1 - FALL), 0, 1)
        return np.asarray(np.square(np.sin(np.pi / 2 * rise)) * np.square(np.sin(np.pi / 2 * fall)))

    def distortion(self, response: Response, delay_s: float) -> float:
        """Harmonics against the linear part, as a ratio of amplitudes (0.1 is ten per cent).

        Args:
            response: of this sweep.
            delay_s: when the direct sound arrives.
        """
        # Around each arrival: narrower than the distance of the fourth harmonic from the fifth.
        before_s, after_s = 0.005, 0.06

        def energy(at_s: float) -> float:
            return float(np.sum(np.square(response.window(at_s - before_s, at_s + after_s))))

        linear = energy(delay_s)
        # The noise between the harmonics is no distortion: as much of it is taken off as fell into each window.
        quiet = response.window(delay_s - 0.06 - before_s, delay_s - 0.06 + after_s - 0.01)
        noise = power(quiet) * (before_s + after_s) * self.rate_hz
        harmonics = sum(max(0.0, energy(delay_s - self.harmonic_lead_s(order)) - noise) for order in HARMONICS)
        return float(np.sqrt(harmonics / linear)) if linear else 0.0
