"""What the doctor plays is bearable, and the same each time."""

from __future__ import annotations

import numpy as np
import pytest

from kioskd.audio.doctor import stimulus
from kioskd.audio.doctor.sweep import decibels, power


def test_it_lasts_ten_seconds_and_is_the_same_each_time() -> None:
    one, two = stimulus.programme(), stimulus.programme()
    assert 9.0 < one.seconds < 10.0
    assert np.array_equal(one.samples, two.samples)


def test_it_never_clips() -> None:
    assert np.max(np.abs(stimulus.programme().samples)) < 0.95


def test_it_is_played_as_loud_as_answers_are() -> None:
    whole, half = stimulus.programme(), stimulus.programme(0.5)
    assert half.samples == pytest.approx(0.5 * whole.samples)


def test_the_parts_are_where_they_are_said_to_be() -> None:
    said = stimulus.programme()
    assert np.array_equal(said.samples[said.sweep], stimulus.SWEEP.samples)
    assert not np.any(said.samples[said.sweep.stop : said.speech.start]), "a pause in which the room fades"
    assert said.judged.stop == said.speech.stop == len(said.samples)
    assert said.judged.stop - said.judged.start == 2 * stimulus.RATE_HZ


def test_the_noise_has_the_level_and_the_spectrum_of_speech() -> None:
    noise = stimulus.speech_noise(5.0)
    assert decibels(power(noise)) == pytest.approx(stimulus.SPEECH_DBFS, abs=0.7)
    lines = np.square(np.abs(np.fft.rfft(noise)))
    pitch = np.fft.rfftfreq(len(noise), 1 / stimulus.RATE_HZ)

    def band_db(low: float, high: float) -> float:
        return decibels(float(np.mean(lines[(pitch >= low) & (pitch < high)])))

    assert 12 < band_db(300, 500) - band_db(1200, 2000) < 17, "9 dB an octave, most of it near 1.2 kHz"
    assert band_db(20, 60) < band_db(300, 500) - 25


def test_it_has_syllables_and_breaths() -> None:
    noise = stimulus.speech_noise(3.2)
    levels = [decibels(power(noise[at : at + 320])) for at in range(0, len(noise) - 320, 320)]
    assert max(levels) - min(levels[5:-5]) > 15
