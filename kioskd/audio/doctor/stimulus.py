"""What the doctor plays: a sweep, a pause in which the room fades, and noise with spectrum and rhythm of speech.

The sweep tells delay, decay and distortion. The echo canceller learns nothing from it (one pitch at a time), so that it
is judged by the second sound. Pure, with numpy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kioskd.audio.doctor.sweep import Samples, Sweep, power
from kioskd.audio.doctor.take import PAUSE_S, SWEEP_S
from kioskd.lanes import UPLINK_HZ

RATE_HZ = UPLINK_HZ
# Half of full scale: as loud as the peaks of a spoken answer, and an amplifier that clips there clips every answer.
# Up to 7.6 kHz: what is left of a 16 kHz stream's band by the converters.
SWEEP = Sweep(RATE_HZ, low_hz=100.0, high_hz=7600.0, seconds=SWEEP_S, peak=0.5)
SPEECH_S = 5.0
# AEC3 needs a second or two to learn the room (tests/audio/test_measure.py lets it); the end is what is judged.
JUDGED_S = 2.0
# About as loud as a spoken answer. Guess.
SPEECH_DBFS = -19.0
# The long-term spectrum of speech over both sexes falls by 9 dB an octave above 500 Hz (Byrne et al., JASA 96, 1994,
# rounded), and there is little below 100 Hz.
LOW_HZ, KNEE_HZ, SLOPE = 100.0, 500.0, 1.5
# Four syllables a second, a breath each 1.6 s.
SYLLABLES_HZ, PHRASE_S, BREATH_S = 4.0, 1.6, 0.2
SEED = 20


@dataclass(frozen=True)
class Programme:
    """The whole of what is played.

    Attributes:
        samples: at ``RATE_HZ``, shape (samples,), -1.0 to 1.0.
        sweep: where in it the sweep lies; likewise ``speech``, and ``judged`` the end of the speech.
    """

    samples: Samples
    sweep: slice
    speech: slice
    judged: slice

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.samples) / RATE_HZ


def programme(volume: float = 1.0) -> Programme:
    """Sweep, pause, speech-like noise; the same each time. ``volume``: the gain that answers are played with."""
    speech = speech_noise(SPEECH_S)
    start = len(SWEEP.samples) + round(PAUSE_S * RATE_HZ)
    end = start + len(speech)
    samples = np.zeros(end)
    samples[: len(SWEEP.samples)] = SWEEP.samples
    samples[start:] = speech
    judged = slice(end - round(JUDGED_S * RATE_HZ), end)
    return Programme(samples * volume, slice(0, len(SWEEP.samples)), slice(start, end), judged)


def speech_noise(seconds: float) -> Samples:
    """Noise that a canceller takes for speech, shape (RATE_HZ * seconds,), at SPEECH_DBFS on average."""
    count = round(seconds * RATE_HZ)
    white = np.random.default_rng(SEED).standard_normal(count)
    pitch = np.fft.rfftfreq(count, 1 / RATE_HZ)
    shape = np.minimum(1.0, (np.maximum(pitch, 1.0) / KNEE_HZ) ** -SLOPE) * (pitch > LOW_HZ)
    noise = np.fft.irfft(np.fft.rfft(white) * shape, count) * _rhythm(count)
    scaled = noise * np.sqrt(10 ** (SPEECH_DBFS / 10) / power(noise))
    # The few peaks beyond (noise has a high crest) are bent softly: no clipping of ours shall pass for the speaker's.
    return np.asarray(np.tanh(scaled / 0.9) * 0.9)


def _rhythm(count: int) -> Samples:
    """Loudness over time, 0.0 to 1.0: syllables and breaths."""
    at = np.arange(count) / RATE_HZ
    syllables = 0.15 + 0.85 * np.square(np.sin(np.pi * SYLLABLES_HZ * at))
    breath = (at % PHRASE_S) > PHRASE_S - BREATH_S
    smooth = np.hanning(round(0.03 * RATE_HZ))
    return np.asarray(np.convolve(syllables * ~breath, smooth / smooth.sum(), "same"))
