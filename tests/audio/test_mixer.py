"""Periods out of slices: bytes untouched where they can be, soft where they are cut."""

from __future__ import annotations

import math
import struct
import subprocess
import sys
import time
from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kioskd.audio.conceal import CONCEALED_MS
from kioskd.audio.mixer import DUCKED, JOIN_MS, RAMP_MS, Mixer, fall, joined, sane, scaled
from kioskd.core.resample import make_resampler
from kioskd.lanes import Slice

HZ = 24000


def piece(pcm: bytes, rate_hz: int = HZ, source: str = "service", response: str = "r") -> Slice:
    return Slice(pcm, rate_hz, source, 0, response)


def voice(frames: int, start: int = 0, peak: int = 12000, hz: float = 300.0) -> bytes:
    at = range(start, start + frames)
    return array("h", [round(peak * math.sin(2 * math.pi * hz * i / HZ)) for i in at]).tobytes()


def steepest(pcm: bytes) -> int:
    samples = shorts(pcm)
    return max(abs(b - a) for a, b in zip(samples, samples[1:]))


# Between two samples of ``voice``; a click would leap further.
STEEPEST = 12000 * 2 * math.pi * 300 / HZ


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


def take(made: Mixer) -> bytes:
    """One period that the device takes: sound, else silence."""
    period = made.period() or made.silence()
    made.handed(period)
    return period


def test_a_cut_forgets_the_sound_and_fades_out_what_would_have_come_within_one_period() -> None:
    made = mixer(service=0.8)
    made.add(piece(voice(2400)))
    before = take(made) + take(made)
    made.cut()
    assert made.period() is None and not made.partial and made.falling
    fade = take(made)
    assert fade == scaled(voice(240, 480), 0.8, 0.0) and fade[-2:] == bytes(2)
    assert steepest(before + fade) < STEEPEST + 60
    assert not made.falling and take(made) == bytes(480)


@settings(max_examples=60, deadline=None)
@given(st.integers(241, 2000), st.integers(0, 7), st.booleans(), st.floats(80, 1000))
def test_a_cut_never_clicks(frames: int, periods: int, ducked: bool, hz: float) -> None:
    made = mixer()
    made.add(piece(voice(frames, 0, 12000, hz)))
    heard = take(made)
    made.ducked = ducked
    for _ in range(min(periods, frames // 240 - 1)):
        heard += take(made)
    made.cut()
    for _ in range(3):
        heard += take(made)
    assert steepest(heard) < 12000 * 2 * math.pi * hz / HZ + 120
    assert heard[-480:] == bytes(480)


def test_a_period_that_was_chosen_and_not_taken_is_the_one_that_fades() -> None:
    made = mixer()
    made.add(piece(voice(2400, hz=317)))
    before = take(made)
    assert made.period() is not None  # the device had no room for it
    made.cut()
    fade = take(made)
    assert fade == scaled(voice(480, hz=317)[480:], 1.0, 0.0) and steepest(before + fade) < STEEPEST + 60


def test_a_cut_of_the_last_crumb_falls_softly() -> None:
    made = mixer()
    made.add(piece(level(12000, 250)))
    before = take(made)
    made.cut()
    fade = take(made)
    assert steepest(before + fade) < 120 and fade[-2:] == bytes(2)


def test_a_cut_in_silence_stays_silent() -> None:
    made = mixer()
    made.add(piece(voice(100)))
    made.cut()
    assert not made.falling and take(made) == bytes(480)


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
    assert ramp[0] > 9800 and list(ramp) == sorted(ramp, reverse=True)
    assert ramp[HZ * RAMP_MS // 1000] == int(10000 * DUCKED), "who speaks over it does not wait for all of a period"
    low = shorts(made.period() or b"")
    assert set(low) == {int(10000 * DUCKED)} and ramp[-1] - low[0] < 40
    assert 20 * math.log10(low[0] / 10000) == pytest.approx(-12, abs=0.01)
    made.ducked = False
    made.period()
    assert made.period() == level(10000, 240)


def test_either_of_two_wishes_lowers_the_voice() -> None:
    made = mixer()
    made.add(piece(level(10000, 2400)))
    made.giving_way = made.ducked = True
    low = {int(10000 * DUCKED)}
    assert set(shorts(made.period() or b"")) == low
    made.giving_way = False
    assert set(shorts(made.period() or b"")) == low
    made.giving_way, made.ducked = True, False
    assert set(shorts(made.period() or b"")) == low
    made.giving_way = False
    made.period()
    assert made.period() == level(10000, 240)


def test_a_new_volume_runs_in_too() -> None:
    made = mixer()
    made.add(piece(level(10000, 2400)))
    made.period()
    made.set_volume("service", 0.0)
    assert shorts(made.period() or b"")[0] > 9800
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


def hole(made: Mixer, first: bytes, then: Slice, periods: int) -> bytes:
    """Sound that breaks off, and goes on after so many periods."""
    made.add(piece(first))
    heard = b""
    while (period := made.period() or made.break_off("r")) is not None:
        made.handed(period)
        heard += period
    for _ in range(periods):
        assert made.break_off("r") is None
        heard += take(made)
    made.add(then)
    while (period := made.period()) is not None:
        made.handed(period)
        heard += period
    return heard


@settings(max_examples=60, deadline=None)
@given(st.integers(481, 1500), st.integers(0, 6), st.integers(0, 5000), st.floats(80, 1000))
def test_a_hole_in_an_answer_is_hidden_without_a_click(frames: int, periods: int, later: int, hz: float) -> None:
    heard = hole(mixer(), voice(frames, 0, 9000, hz), piece(voice(960, later, 9000, hz)), periods)
    assert heard[: 2 * frames] == voice(frames, 0, 9000, hz)
    # Two sounds of this pitch at once, and the gains' own slopes.
    assert steepest(heard) < 2 * 9000 * 2 * math.pi * hz / HZ + 2 * 9000 / (HZ * JOIN_MS / 1000) + 20


def test_a_hole_is_filled_for_a_moment_and_no_longer() -> None:
    heard = shorts(hole(mixer(), voice(960), piece(voice(480)), 5))
    filled = HZ * CONCEALED_MS // 1000
    assert max(map(abs, heard[960 : 960 + filled // 2])) > 4000
    assert not any(heard[960 + filled : 960 + 5 * 240])


def test_sound_behind_a_hole_comes_in_softly_and_is_then_untouched() -> None:
    heard = hole(mixer(), level(9000, 480), piece(level(9000, 960)), 4)
    back = shorts(heard[2 * (480 + 4 * 240) :])
    join = HZ * JOIN_MS // 1000
    assert back[0] == 0 and list(back[:join]) == sorted(back[:join]) and set(back[join:]) == {9000}


def test_another_answer_behind_the_end_of_one_is_untouched() -> None:
    for periods in (2, 3, 50):
        heard = hole(mixer(), level(9000, 480), piece(level(9000, 960), response="s"), periods)
        assert heard.endswith(level(9000, 960))


def test_an_end_that_has_faded_by_itself_is_left_alone() -> None:
    quiet = voice(480) + level(100, 300)
    heard = hole(mixer(), quiet, piece(b""), 4)
    assert heard.startswith(quiet) and steepest(heard[960:]) < 120
    assert not any(shorts(heard[2 * 960 :]))


def test_nothing_is_drawn_out_behind_a_cut() -> None:
    made = mixer()
    made.add(piece(voice(2400)))
    take(made)
    made.cut()
    take(made)
    assert made.break_off("r") is None and take(made) == bytes(480)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 900)), min_size=1, max_size=8), st.booleans())
def test_each_sample_is_counted_for_its_answer(pieces: list[tuple[str, int]], converted: bool) -> None:
    made = mixer(rate_hz=48000 if converted else HZ)
    counts = {"a": 0, "b": 0}
    for response, frames in [*pieces, ("", 0)]:
        if frames:
            made.add(piece(voice(frames), response=response))
        while (period := made.period() or (None if frames else made.break_off(response))) is not None:
            made.handed(period)
            for name, samples in made.parts:
                counts[name] += samples
    for name in "ab":
        there = sum(frames for response, frames in pieces if response == name)
        assert counts[name] == there * (2 if converted else 1)


def test_measurements_are_played_as_they_are() -> None:
    made = mixer(service=0.1, cue=0.1)
    made.set_volume("doctor", 0.5)
    made.ducked = True
    made.add(piece(level(9000, 240), source="doctor"))
    assert made.period() == level(9000, 240)


def test_a_source_that_has_no_volume_yet_is_at_full_scale_and_takes_one() -> None:
    made = mixer()
    made.add(piece(level(8000, 480), source="announcement"))
    assert made.period() == level(8000, 240)
    made.set_volume("announcement", 0.5)
    made.add(piece(level(8000, 480), source="announcement"))
    made.period()
    assert made.period() == level(4000, 240)


def test_bad_volumes_are_refused_or_clamped() -> None:
    made = mixer()
    for bad in (math.nan, math.inf, -math.inf):
        with pytest.raises(ValueError, match="no volume"):
            made.set_volume("service", bad)
        with pytest.raises(ValueError):
            Mixer({"service": bad})
    made.add(piece(level(10000, 2400)))
    assert made.period() == level(10000, 240)
    assert (sane(-3.0), sane(7.0), sane(0.25)) == (0.0, 1.0, 0.25)


def test_a_whole_answer_in_one_slice_costs_no_more_than_its_periods() -> None:
    made = mixer()
    made.add(piece(bytes(2 * HZ * 120)))
    count = 0
    began = time.process_time()
    while made.period() is not None:
        count += 1
    # 12 000 periods; copying the rest for each would move 35 GB.
    assert count == 12000 and time.process_time() - began < 5


def test_what_is_joined_stays_in_bounds() -> None:
    assert shorts(joined(level(32767, 4), 32767, 4, False))[0] == 32767
    assert shorts(joined(level(-32768, 4), -32768, 4, False))[0] == -32768


@pytest.mark.parametrize("rate_hz", [HZ, 48000])
def test_a_fresh_device_is_not_led_out_of_a_sound_that_it_never_had(rate_hz: int) -> None:
    made = mixer()
    made.add(piece(level(9000, 2400)))
    lost = made.period()
    assert lost is not None
    made.tune(rate_hz)  # while the period was handed over
    made.handed(lost)
    assert not made.falling and not any(made.silence())
    made.cut()
    assert not any(made.silence())


def test_what_is_drawn_out_counts_as_falling_wherever_it_crosses_zero() -> None:
    made = mixer()
    made.add(piece(voice(480, hz=100.0)))  # whole waves: drawn out, a period ends near zero
    while (period := made.period()) is not None:
        made.handed(period)
    assert made.break_off("r") is None
    count = 0
    while made.falling:
        made.handed(made.silence())
        count += 1
    assert count == CONCEALED_MS // 10


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
