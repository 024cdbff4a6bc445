"""The local sounds: distinct, soft, and at the volume asked for."""

from __future__ import annotations

import subprocess
import sys
from array import array

import numpy
import pytest

from kioskd.audio.cues import CUES, cue

NAMES = ["woken", "understood", "confirm", "refused", "done", "again", "offline", "busy"]
RISING, FALLING, LEVEL = ["woken", "understood", "done"], ["refused", "again", "offline"], ["confirm", "busy"]


def samples(name: str, rate_hz: int = 24000, volume: float = 1.0) -> array[int]:
    return array("h", cue(name, rate_hz, volume))


def test_every_cue_that_the_machine_can_ask_for_is_there() -> None:
    assert sorted(CUES) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("rate_hz", [16000, 24000, 44100, 48000])
def test_a_cue_is_short_and_loud_enough_and_never_clips(name: str, rate_hz: int) -> None:
    pcm = samples(name, rate_hz)
    assert 0.1 < len(pcm) / rate_hz < 1.0
    assert 20000 < max(pcm) < 32767


@pytest.mark.parametrize("name", NAMES)
def test_a_cue_begins_and_ends_in_silence_without_a_click(name: str) -> None:
    pcm = samples(name)
    assert abs(pcm[0]) < 50 and abs(pcm[-1]) < 50
    # the steepest step of a pure tone of 900 Hz at this level; an edge cut square would leap further
    assert max(abs(b - a) for a, b in zip(pcm, pcm[1:])) < 26213 * 2 * 3.15 * 900 / 24000
    spectrum = abs(numpy.fft.rfft(numpy.array(pcm) * 1.0)) ** 2
    hz = numpy.fft.rfftfreq(len(pcm), 1 / 24000)
    assert spectrum[hz > 3000].sum() / spectrum.sum() < 1e-5


def test_rising_means_yes_falling_means_no_and_level_means_wait() -> None:
    for name in NAMES:
        pitches = [note.hz for note in CUES[name] if note.hz]
        assert (name in RISING) == (pitches == sorted(set(pitches))), name
        assert (name in FALLING) == (pitches[-1] < pitches[0]), name
        assert (name in LEVEL) == (len(set(pitches)) == 1), name


def test_no_two_cues_sound_alike() -> None:
    assert len({cue(name) for name in NAMES}) == len(NAMES)


def test_volume_scales_the_sound() -> None:
    loud, soft = max(samples("done", volume=1.0)), max(samples("done", volume=0.25))
    assert abs(soft / loud - 0.25) < 0.01
    assert not any(samples("done", volume=0.0))


def test_volume_beyond_full_scale_does_not_overflow() -> None:
    assert max(samples("done", volume=9.0)) == 32767


def test_a_cue_is_made_once() -> None:
    assert cue("woken", 24000, 0.5) is cue("woken", 24000, 0.5)


def test_an_unknown_cue_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(KeyError, match="no cue 'bell'; there are woken"):
        cue("bell")


def test_cues_need_no_numpy() -> None:
    code = "import sys; from kioskd.audio.cues import cue; cue('done'); sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=30).returncode == 0
