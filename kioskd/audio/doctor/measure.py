"""Figures of a room out of what was played and what was heard. Pure, with numpy; takes about half a second."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from kioskd.audio.doctor.stimulus import RATE_HZ, SWEEP, Programme, programme
from kioskd.audio.doctor.sweep import Response, Samples, decibels, from_pcm, power
from kioskd.audio.doctor.take import Take
from kioskd.audio.doctor.verdict import Figures, tail_ms
from kioskd.core.resample import make_resampler

# The direct sound stands this far above what the same division makes of noise alone (its highest of 50 000 samples
# stands 13 dB above its mean).
HEARD_DB = 20.0
# A later sound may be louder than the direct one (a reflection that is focused, a loudspeaker's own case): the first
# that comes within 6 dB of the loudest is the arrival.
ARRIVAL = 0.5
# A full-scale sample of S16 and what converters make of it on their way.
FULL_SCALE = 32_700 / 32_768
# Half of an S16 step is -96 dBFS; less than this is not told apart from nothing.
NOTHING = 1e-9
# What was played is what was meant, but for the converters, which take 2 % of the power (the upper end of the band);
# sound that broke off once and went on later is wholly different from there on.
TORN = 0.1
DECAY_DB, OVER_NOISE_DB = 40.0, 10.0
# Noise is listened to until shortly before the sweep.
MARGIN_S = 0.05
LEAST_NOISE_S = 0.4
LEAD_S = 0.1


class MeasureError(Exception):
    """What was recorded cannot be measured; the text is a sentence."""


@dataclass(frozen=True)
class Placed:
    """A take, aligned. ``start``: index in ``raw`` at which a wire without delay would have the programme begin."""

    raw: Samples
    clean: Samples | None
    start: int
    noise: float  # power
    said: Programme

    def heard(self, where: slice, delay_s: float) -> slice:
        """Where in ``raw`` a part of the programme lies."""
        shift = max(0, self.start + round(delay_s * RATE_HZ))
        return slice(shift + where.start, shift + where.stop)


@dataclass(frozen=True)
class Measured:
    """Figures, and what a picture of them needs.

    Attributes:
        response: the room's impulse response; time 0 is the moment of writing.
        decay_db: how the room fades after a voice ends, from the arrival on, shape (samples,).
    """

    figures: Figures
    placed: Placed
    response: Response
    decay_db: Samples


def reference(take: Take) -> tuple[bytes, float]:
    """What was played at RATE_HZ, S16_LE mono, and when its first sample was written."""
    if take.played_hz == RATE_HZ:
        return take.played, take.played_at
    converter = make_resampler(take.played_hz, RATE_HZ)
    return converter.process(take.played), take.played_at - converter.delay_s


def place(take: Take) -> Placed:
    """Find the programme in what was played, and by the clock in what was heard.

    Raises:
        MeasureError: it was not played to its end, or not all of it was recorded.
    """
    said = programme(take.volume)
    pcm, written_at = reference(take)
    played = from_pcm(pcm)
    if len(played) < len(said.samples):
        raise MeasureError("The speaker did not play all of it: see its state in kioskctl status.")
    size = 1 << (len(played) + len(SWEEP.samples)).bit_length()
    match = np.fft.irfft(np.fft.rfft(played, size) * np.conj(np.fft.rfft(SWEEP.samples, size)), size)
    found = int(np.argmax(match[: len(played)]))
    start = found + round((written_at - take.raw_at) * RATE_HZ)
    whole = played[found : found + len(said.samples)]
    if len(whole) < len(said.samples) or power(whole - said.samples) > TORN * power(said.samples):
        raise MeasureError("The sound was torn on its way to the speaker: is this board busy? Try again.")
    raw = from_pcm(take.raw)
    quiet = raw[: max(0, start - round(MARGIN_S * RATE_HZ))]
    if len(quiet) < LEAST_NOISE_S * RATE_HZ or len(raw) < start + len(said.samples):
        raise MeasureError("The microphone did not record all of it: see its state in kioskctl status.")
    raw = raw - np.median(quiet)  # some converters have an offset
    clean = None if take.clean is None else from_pcm(take.clean)[: len(raw)]
    return Placed(raw, clean, start, _steady(raw[: len(quiet)]), said)


def _steady(quiet: Samples) -> float:
    """The power of steady noise: a door that slams is not the room's."""
    block = RATE_HZ // 20
    blocks = quiet[: len(quiet) // block * block].reshape(-1, block)
    return float(np.median(np.mean(np.square(blocks), axis=1)))


def measure(take: Take) -> Measured:
    """All figures of a take.

    Raises:
        MeasureError: nothing can be said about it.
    """
    placed = place(take)
    lead = min(placed.start, round(LEAD_S * RATE_HZ))
    until = placed.start + placed.said.speech.start
    response = SWEEP.respond(placed.raw[placed.start - lead : until] / take.volume, lead / RATE_HZ)
    delay_s = arrival(response)
    everything = placed.heard(slice(0, len(placed.said.samples)), delay_s or 0.0)
    loud = np.abs(from_pcm(take.raw)[everything])
    alone = Figures(
        noise_floor_dbfs=decibels(max(placed.noise, NOTHING)),
        heard=delay_s is not None,
        peak_dbfs=decibels(max(float(np.max(loud)) ** 2, NOTHING)),
        clipped=float(np.mean(loud >= FULL_SCALE)),
        lost_ms=take.lost_ms,
    )
    if delay_s is None:
        return Measured(alone, placed, response, np.zeros(0))
    curve = decay_db(response, delay_s)
    return Measured(_figures(alone, placed, response, delay_s, curve, take.latency_s), placed, response, curve)


def _figures(
    alone: Figures, placed: Placed, response: Response, delay_s: float, curve: Samples, latency_s: float
) -> Figures:
    heard = placed.heard(placed.said.judged, delay_s)
    reference_power = power(placed.said.samples[placed.said.judged])
    echo_power = power(placed.raw[heard]) - placed.noise
    if echo_power < placed.noise:  # the response is the surer witness: the sweep rises far above the noise by division
        echo_power = _echo_by(response, delay_s, len(curve), placed)
    echo_power = max(echo_power, NOTHING)
    echo_dbfs = decibels(echo_power)
    fall_db = min(DECAY_DB, echo_dbfs - decibels(max(placed.noise, NOTHING)) - OVER_NOISE_DB)
    decay_ms = _falls_by(curve, fall_db)
    residual = None if placed.clean is None else max(power(placed.clean[heard]), NOTHING)
    return replace(
        alone,
        delay_ms=delay_s * 1000,
        reference_dbfs=decibels(reference_power),
        echo_dbfs=echo_dbfs,
        return_loss_db=decibels(reference_power / echo_power),
        decay_ms=decay_ms,
        tail_ms=tail_ms(decay_ms, (delay_s - latency_s) * 1000),
        distortion=SWEEP.distortion(response, delay_s),
        erle_db=None if residual is None else decibels(echo_power / residual),
        residual_dbfs=None if residual is None else decibels(residual),
    )


def _echo_by(response: Response, delay_s: float, length: int, placed: Placed) -> float:
    """The power that the speech-like sound must have after this response."""
    taps = response.window(delay_s - 0.002, delay_s + length / response.rate_hz)
    said = placed.said.samples[placed.said.judged]
    size = 1 << (len(said) + len(taps)).bit_length()
    return power(np.fft.irfft(np.fft.rfft(said, size) * np.fft.rfft(taps, size), size)[: len(said)])


def arrival(response: Response) -> float | None:
    """When the direct sound arrives, in seconds after it was written; None when there is none."""
    first_s = -0.02
    taps = np.abs(response.window(first_s, 10.0))
    loudest = float(np.max(taps))
    if decibels(loudest**2) - decibels(max(float(np.median(np.square(taps))), 1e-20)) < HEARD_DB + 3.4:
        return None  # the median of squared noise lies 3.4 dB below its mean
    if loudest**2 < NOTHING:
        return None
    return max(0.0, first_s + int(np.argmax(taps >= ARRIVAL * loudest)) / response.rate_hz)


def decay_db(response: Response, delay_s: float) -> Samples:
    """How the echo of a steady sound fades when that ends: the energy still to come (Schroeder, JASA 37, 1965).

    Returns:
        dB, from the arrival on, 0.0 first; it ends where it meets the noise.
    """
    energy = np.square(response.window(delay_s - 0.002, 10.0))
    noise = float(np.mean(energy[-len(energy) // 6 :]))
    width = round(0.02 * response.rate_hz)
    smooth = np.convolve(energy, np.ones(width) / width, "valid")
    sunk = smooth < 2 * noise
    end = int(np.argmax(sunk)) + width // 2 if bool(np.any(sunk)) else len(energy)
    left = np.cumsum(np.maximum(energy[: max(end, 1)] - noise, 0.0)[::-1])[::-1]
    if left[0] <= 0:
        return np.zeros(1)
    return np.asarray(10 * np.log10(np.maximum(left / left[0], 1e-12)))


def _falls_by(curve: Samples, fall_db: float) -> float:
    """When the curve has fallen so far, in ms; its whole length when it never does."""
    if fall_db <= 0:
        return 0.0
    below = curve <= -fall_db
    return float(np.argmax(below) if bool(np.any(below)) else len(curve)) * 1000 / RATE_HZ
