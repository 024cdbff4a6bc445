"""Rates meet here: lengths exact to the sample, cuts that do not show, tones that stay clean."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kioskd.core.resample import from_mono, make_resampler, to_mono

PAIRS = [(48000, 16000), (24000, 48000), (22050, 24000), (44100, 16000), (16000, 24000), (32000, 16000)]


def tone(hz: float, rate_hz: int, seconds: float = 0.5, level: float = 0.5) -> bytes:
    t = numpy.arange(int(rate_hz * seconds)) / rate_hz
    return bytes(numpy.rint(32767 * level * numpy.sin(2 * math.pi * hz * t)).astype("<i2").tobytes())


def steady(pcm: bytes) -> numpy.ndarray:
    samples = numpy.frombuffer(pcm, dtype="<i2").astype(float)
    return samples[len(samples) // 4 : -len(samples) // 8]


def residue_db(samples: numpy.ndarray, hz: float, rate_hz: int) -> tuple[float, float]:
    """Level of the tone in dBFS, and of everything else relative to the tone."""
    t = numpy.arange(len(samples)) / rate_hz
    basis = numpy.stack([numpy.sin(2 * math.pi * hz * t), numpy.cos(2 * math.pi * hz * t), numpy.ones(len(t))], axis=1)
    fit = basis @ numpy.linalg.lstsq(basis, samples, rcond=None)[0]
    power = numpy.mean(fit**2)
    return 10 * math.log10(2 * power / 32767**2), 10 * math.log10(numpy.mean((samples - fit) ** 2) / power)


@pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS)
@pytest.mark.parametrize("part", [0.05, 0.3, 0.75, 0.8])
def test_a_tone_comes_through_clean_and_at_its_level(from_hz: int, to_hz: int, part: float) -> None:
    hz = part * min(from_hz, to_hz) / 2
    level, noise = residue_db(steady(make_resampler(from_hz, to_hz).process(tone(hz, from_hz))), hz, to_hz)
    assert abs(level + 6.02) < 0.02
    assert noise < -85


@pytest.mark.parametrize(("from_hz", "to_hz"), [pair for pair in PAIRS if pair[0] < pair[1]])
@pytest.mark.parametrize("part", [0.85, 0.92, 0.98])
def test_what_is_near_the_edge_has_no_image_beyond_it(from_hz: int, to_hz: int, part: float) -> None:
    hz = part * from_hz / 2
    level, noise = residue_db(steady(make_resampler(from_hz, to_hz).process(tone(hz, from_hz))), hz, to_hz)
    assert level + noise < -85 - 6.02


@pytest.mark.parametrize(("from_hz", "to_hz"), [pair for pair in PAIRS if pair[0] > pair[1]])
@pytest.mark.parametrize("part", [1.0, 1.01, 1.05, 1.2, 1.36])
def test_what_the_lower_rate_cannot_carry_is_gone(from_hz: int, to_hz: int, part: float) -> None:
    out = steady(make_resampler(from_hz, to_hz).process(tone(part * to_hz / 2, from_hz, level=1.0)))
    assert 20 * math.log10(max(1e-9, numpy.sqrt(2 * numpy.mean(out**2))) / 32767) < -85


@pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_where_the_input_is_cut_does_not_show(from_hz: int, to_hz: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, 700))
    cuts = sorted(data.draw(st.lists(st.integers(0, count), max_size=6)))
    seed = data.draw(st.integers(0, 1000))
    pcm = numpy.random.default_rng(seed).integers(-32768, 32767, count, dtype="<i2").tobytes()
    whole = make_resampler(from_hz, to_hz).process(pcm)
    pieces = make_resampler(from_hz, to_hz)
    joined = b"".join(pieces.process(pcm[2 * a : 2 * b]) for a, b in zip([0, *cuts], [*cuts, count]))
    assert joined == whole
    assert len(whole) // 2 == math.ceil(count * to_hz / from_hz)


@pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS)
def test_an_hour_of_periods_neither_gains_nor_loses_a_sample(from_hz: int, to_hz: int) -> None:
    resampler = make_resampler(from_hz, to_hz)
    piece = bytes(2 * from_hz)
    given_out = sum(len(resampler.process(piece)) // 2 for _ in range(20))
    assert given_out == 20 * to_hz


@pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS)
def test_the_stated_delay_is_the_real_one(from_hz: int, to_hz: int) -> None:
    resampler = make_resampler(from_hz, to_hz)
    assert 0 < resampler.delay_s < 0.003
    click = numpy.zeros(from_hz // 10, dtype="<i2")
    click[from_hz // 20] = 20000
    out = numpy.frombuffer(resampler.process(click.tobytes()), dtype="<i2").astype(float)
    centre = float((numpy.arange(len(out)) * out).sum() / out.sum()) / to_hz
    assert abs(centre - (from_hz // 20) / from_hz - resampler.delay_s) < 0.1 / to_hz


def test_the_filter_is_linear_phase() -> None:
    click = numpy.zeros(400, dtype="<i2")
    click[100] = 30000
    out = numpy.frombuffer(make_resampler(24000, 48000).process(click.tobytes()), dtype="<i2")
    peak = int(out.argmax())
    assert (out[peak - 40 : peak] == out[peak + 40 : peak : -1]).all()


def test_drain_gives_the_last_of_the_sound_and_starts_afresh() -> None:
    resampler = make_resampler(48000, 16000)
    pcm = tone(1000, 48000, 0.02)
    first = resampler.process(pcm)
    rest = resampler.drain()
    assert len(rest) // 2 == round(resampler.delay_s * 16000)
    assert max(abs(numpy.frombuffer(rest, dtype="<i2"))) > 3000
    assert resampler.process(pcm) == first


def test_reset_forgets_the_past() -> None:
    resampler = make_resampler(44100, 16000)
    fresh = resampler.process(tone(700, 44100, 0.1))
    resampler.process(tone(3000, 44100, 0.0333))
    resampler.reset()
    assert resampler.process(tone(700, 44100, 0.1)) == fresh


def test_full_scale_is_clipped_not_wrapped() -> None:
    square = numpy.where(numpy.arange(4800) // 24 % 2, 32767, -32768).astype("<i2").tobytes()
    out = numpy.frombuffer(make_resampler(24000, 48000).process(square), dtype="<i2").astype(int)
    assert out.max() == 32767 and out.min() == -32768
    assert abs(numpy.diff(out)).max() < 50000


def test_an_odd_rate_works_too() -> None:
    level, noise = residue_db(steady(make_resampler(11025, 16000).process(tone(500, 11025))), 500, 16000)
    assert abs(level + 6.02) < 0.1 and noise < -60


@pytest.mark.parametrize(
    ("from_hz", "to_hz"), [(16000, 24000), (44100, 16000), (48000, 16000), (11025, 16000), (24000, 44100)]
)
def test_the_quick_way_gives_the_very_bits_of_the_plain_one(from_hz: int, to_hz: int) -> None:
    quick, plain = (make_resampler(from_hz, to_hz) for _ in range(2))
    assert getattr(quick, "_groups") is not None
    setattr(plain, "_groups", None)
    pcm = numpy.random.default_rng(3).integers(-32768, 32767, 3 * from_hz // 100, dtype="<i2").tobytes()
    assert quick.process(pcm) == plain.process(pcm)


def test_a_rate_without_common_measure_costs_no_more_than_its_filter() -> None:
    resampler = make_resampler(15991, 16000)
    assert getattr(resampler, "_groups") is None
    assert len(resampler.process(bytes(2 * 15991))) == 32000


def test_half_a_sample_is_refused() -> None:
    for pair in ((16000, 16000), (48000, 16000)):
        with pytest.raises(ValueError, match="3 bytes"):
            make_resampler(*pair).process(b"abc")


def test_a_rate_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="0 Hz"):
        make_resampler(0, 16000)


def test_equal_rates_cost_nothing() -> None:
    code = (
        "import sys; from kioskd.core.resample import make_resampler; r = make_resampler(16000, 16000);"
        "assert r.process(b'ab') == b'ab' and r.drain() == b'' and r.delay_s == 0; r.reset();"
        "sys.exit('numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=30).returncode == 0


def shorts(*values: int) -> bytes:
    return numpy.array(values, dtype="<i2").tobytes()


def test_two_channels_are_averaged_so_that_neither_side_is_deaf() -> None:
    assert to_mono(shorts(100, 0, 0, -100, 32767, 32767, -32768, -32768), 2) == shorts(50, -50, 32767, -32768)


def test_of_an_array_of_microphones_the_first_channel_is_heard() -> None:
    assert to_mono(shorts(1, 9, 9, 9, 2, 9, 9, 9), 4) == shorts(1, 2)


def test_one_channel_becomes_many() -> None:
    assert from_mono(shorts(1, -2), 1) == shorts(1, -2)
    assert from_mono(shorts(1, -2), 3) == shorts(1, 1, 1, -2, -2, -2)
    assert to_mono(from_mono(shorts(5, -6), 2), 2) == shorts(5, -6)
    assert to_mono(shorts(5), 1) == shorts(5)
