"""The sweep finds a wire, a room and a bent speaker for what they are."""

from __future__ import annotations

import numpy as np
import pytest

from kioskd.audio.doctor.sweep import Samples, Sweep, decibels, from_pcm, power, to_pcm

SWEEP = Sweep(16_000, low_hz=100.0, high_hz=7600.0, seconds=2.0)
LEAD = 1600


def heard(sound: Samples, delay: int, gain: float, noise: float = 0.0) -> Samples:
    """``sound`` behind a wire of ``delay`` samples, after LEAD samples of nothing."""
    recorded = np.concatenate((np.zeros(LEAD + delay), sound * gain, np.zeros(12_000)))
    return np.asarray(recorded + noise * np.random.default_rng(1).standard_normal(len(recorded)))


def test_the_sweep_begins_and_ends_softly_and_never_clips() -> None:
    assert abs(SWEEP.samples[0]) < 0.001 and abs(SWEEP.samples[-1]) < 0.001
    assert np.max(np.abs(SWEEP.samples)) <= SWEEP.peak
    assert np.max(np.abs(np.diff(SWEEP.samples[:200]))) < 0.02, "no click"


def test_its_pitch_rises_through_the_whole_band() -> None:
    def crossings(samples: Samples) -> float:
        return float(np.sum(np.diff(np.sign(samples)) != 0) / 2 / len(samples) * SWEEP.rate_hz)

    assert 95 < crossings(SWEEP.samples[320:1920]) < 130
    assert 6500 < crossings(SWEEP.samples[-1920:-320]) < 7600


@pytest.mark.parametrize("delay", [0, 1, 37, 8000])
def test_a_wire_is_one_tap_at_its_delay_with_its_gain(delay: int) -> None:
    response = SWEEP.respond(heard(SWEEP.samples, delay, 0.25), LEAD / 16_000)
    loudest = int(np.argmax(np.abs(response.taps)))
    assert loudest - response.zero == delay
    assert response.taps[loudest] == pytest.approx(0.25 * 0.9, rel=0.05), "the band ends at 7.6 of 8 kHz"
    assert decibels(power(response.window(delay / 16_000 + 0.02, 0.7)) / response.taps[loudest] ** 2) < -60


def test_two_paths_are_two_taps() -> None:
    recorded = heard(SWEEP.samples, 100, 0.5)
    recorded[LEAD + 500 : LEAD + 500 + len(SWEEP.samples)] += 0.1 * SWEEP.samples
    taps = SWEEP.respond(recorded, LEAD / 16_000).window(0.0, 0.1)
    assert taps[100] == pytest.approx(0.45, rel=0.05) and taps[500] == pytest.approx(0.09, rel=0.1)


def test_noise_as_loud_as_the_echo_does_not_hide_it() -> None:
    gain = 0.03
    response = SWEEP.respond(heard(SWEEP.samples, 300, gain, noise=gain * 0.35), LEAD / 16_000)
    assert int(np.argmax(np.abs(response.taps))) - response.zero == 300


@pytest.mark.parametrize("limit", [0.4, 0.25, 0.1])
def test_a_speaker_that_clips_is_told_by_its_harmonics(limit: float) -> None:
    bent = np.clip(SWEEP.samples, -limit, limit)
    one = np.clip(SWEEP.peak * np.sin(2 * np.pi * np.arange(10_000) / 10_000), -limit, limit)
    lines = np.abs(np.fft.rfft(one))
    true = float(np.sqrt(np.sum(np.square(lines[2:6]))) / lines[1])
    response = SWEEP.respond(heard(bent, 400, 0.3, noise=1e-4), LEAD / 16_000)
    assert SWEEP.distortion(response, 400 / 16_000) == pytest.approx(true, rel=0.15)


def test_a_straight_speaker_has_no_distortion() -> None:
    response = SWEEP.respond(heard(SWEEP.samples, 400, 0.3, noise=1e-3), LEAD / 16_000)
    assert SWEEP.distortion(response, 400 / 16_000) < 0.01


def test_noise_is_no_distortion() -> None:
    response = SWEEP.respond(heard(SWEEP.samples, 400, 0.3, noise=0.03), LEAD / 16_000)
    assert SWEEP.distortion(response, 400 / 16_000) < 0.03, "14 per cent if it were"


def test_samples_survive_the_way_through_pcm() -> None:
    samples = np.array([0.0, 0.5, -0.5, 1.5, -1.5])
    assert from_pcm(to_pcm(samples)) == pytest.approx([0.0, 0.5, -0.5, 32767 / 32768, -1.0])


def test_nothing_is_minus_two_hundred_decibels() -> None:
    assert decibels(0.0) == -200 and decibels(1.0) == 0 and power(np.zeros(0)) == 0.0
