"""Periods out of slices: bytes untouched where they can be, soft where they are cut."""

from __future__ import annotations

import math
import struct
import subprocess
import sys
from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kioskd.audio.mixer import DUCKED, Mixer, fall, scaled
from kioskd.core.resample import make_resampler
from kioskd.lanes import Slice

HZ = 24000


def piece(pcm: bytes, rate_hz: int = HZ, source: str = "service") -> Slice:
    return Slice(pcm, rate_hz, source, 0)


def level(value: int, frames: int) -> bytes:
    return struct.pack("<h", value) * frames


def mixer(service: float = 1.0, cue: float = 1.0, rate_hz: int = HZ) -> Mixer:
    made = Mixer({"service": service, "cue": cue})
    made.tune(rate_hz)
    return made


def play(made: Mixer, *pieces: Slice) -> bytes:
    """All periods of sound, as the thread would ask for them."""
    out = []
    for each in pieces:
        made.add(each)
        while (period := made.period()) is not None:
            made.handed(period)
            out.append(period)
    if (period := made.finish()) is not None:
        made.handed(period)
        out.append(period)
    return b"".join(out)


def shorts(pcm: bytes) -> array[int]:
    return array("h", pcm)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 700), min_size=1, max_size=6))
def test_at_full_volume_and_equal_rate_every_byte_goes_through(lengths: list[int]) -> None:
    sound = b"".join(struct.pack("<h", 1000 + n) for n in range(sum(lengths)))
    pieces, at = [], 0
    for length in lengths:
        pieces.append(piece(sound[2 * at : 2 * (at + length)]))
        at += length
    out = play(mixer(), *pieces)
    assert out[: len(sound)] == sound
    assert len(out) % 480 == 0 and len(out) - len(sound) < 480


def test_a_last_part_of_a_period_ends_softly() -> None:
    out = shorts(play(mixer(), piece(level(9000, 300))))
    assert len(out) == 480 and out[299] == 9000 and out[-1] == 0
    assert max(abs(b - a) for a, b in zip(out[299:], out[300:])) < 60


def test_a_cut_forgets_the_sound_and_falls_softly_within_one_period() -> None:
    made = mixer()
    made.add(piece(level(12000, 2400)))
    period = made.period()
    assert period is not None
    made.handed(period)
    made.cut()
    assert made.period() is None and not made.partial
    first = made.silence()
    made.handed(first)
    steps = shorts(struct.pack("<h", 12000) + first)
    assert steps[-1] == 0 and max(abs(b - a) for a, b in zip(steps, steps[1:])) < 60
    assert made.silence() == bytes(480)


def test_a_cut_forgets_what_the_converter_held() -> None:
    made = mixer(rate_hz=48000)
    made.add(piece(level(12000, 720)))
    assert made.period() is not None
    made.cut()
    assert made.finish() is None
    made.add(piece(level(0, 720)))
    assert made.period() == bytes(960)


@pytest.mark.parametrize(("from_hz", "to_hz"), [(24000, 48000), (48000, 24000), (16000, 44100)])
def test_other_rates_are_converted_with_their_whole_length(from_hz: int, to_hz: int) -> None:
    sound = array("h", [round(9000 * math.sin(2 * math.pi * 440 * i / from_hz)) for i in range(from_hz // 5)]).tobytes()
    pieces = [piece(sound[i : i + 998], from_hz) for i in range(0, len(sound), 998)]
    out = play(mixer(rate_hz=to_hz), *pieces)
    converter = make_resampler(from_hz, to_hz)
    whole = converter.process(sound) + converter.drain()
    assert out[: len(whole)] == whole
    assert 0 <= len(out) - len(whole) < 2 * to_hz // 100


def test_a_cue_behind_an_answer_does_not_mix_with_it() -> None:
    made = mixer(service=1.0, cue=0.5)
    made.add(piece(level(8000, 300)))
    first = made.period()
    assert first == level(8000, 240)
    made.handed(first)
    made.add(piece(level(8000, 480), source="cue"))
    second = made.period()
    assert second is not None and shorts(second)[:60] == shorts(level(8000, 60)) and shorts(second)[-1] == 0
    assert made.period() == level(4000, 240)


def test_each_source_has_its_own_volume_at_once() -> None:
    made = mixer(service=0.5, cue=0.25)
    assert shorts(play(made, piece(level(8000, 240)))) == shorts(level(4000, 240))
    made.silence()
    assert shorts(play(made, piece(level(8000, 240), source="cue"))) == shorts(level(2000, 240))


def test_ducking_runs_down_within_one_period_and_back() -> None:
    made = mixer()
    made.add(piece(level(10000, 2400)))
    assert made.period() == level(10000, 240)
    made.ducked = True
    ramp = shorts(made.period() or b"")
    assert ramp[0] > 9900 and list(ramp) == sorted(ramp, reverse=True)
    low = shorts(made.period() or b"")
    assert set(low) == {int(10000 * DUCKED)} and ramp[-1] - low[0] < 40
    assert 20 * math.log10(low[0] / 10000) == pytest.approx(-12, abs=0.01)
    made.ducked = False
    made.period()
    assert made.period() == level(10000, 240)


def test_a_new_volume_runs_in_too() -> None:
    made = mixer()
    made.add(piece(level(10000, 2400)))
    made.period()
    made.volumes["service"] = 0.0
    assert shorts(made.period() or b"")[0] > 9900
    assert made.period() == bytes(480)


def test_sound_that_starts_ducked_starts_low() -> None:
    made = mixer()
    made.ducked = True
    made.add(piece(level(10000, 240)))
    assert shorts(made.period() or b"")[0] == int(10000 * DUCKED)


def test_a_device_of_another_rate_takes_over_in_mid_slice() -> None:
    made = mixer()
    made.add(piece(level(5000, 4800)))
    made.period()
    made.tune(48000)
    period = made.period()
    assert period is not None and len(period) == 960
    assert len(made.silence()) == 960


def test_scaling_keeps_full_scale_in_bounds() -> None:
    loud = struct.pack("<2h", 32767, -32768)
    assert scaled(loud, 1.0, 1.0) is loud
    assert shorts(scaled(loud, 0.5, 0.5)) == array("h", [16383, -16384])
    assert shorts(scaled(loud, 0.0, 1.0)) == array("h", [16383, -32768])


def test_a_fall_ends_at_zero_from_either_side() -> None:
    assert list(shorts(fall(400, 4))) == [300, 200, 100, 0]
    assert list(shorts(fall(-400, 4))) == [-300, -200, -100, 0]


def test_equal_rates_need_no_numpy() -> None:
    code = (
        "import sys; from kioskd.audio.mixer import Mixer; from kioskd.lanes import Slice\n"
        "m = Mixer({'service': 0.5}); m.tune(24000); m.add(Slice(b'ab' * 500, 24000, 'service', 0))\n"
        "m.period(), m.finish(), m.silence(); sys.exit('numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=30).returncode == 0
