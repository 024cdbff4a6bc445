"""What fills the first moments of a hole."""

from __future__ import annotations

import math
from array import array

from hypothesis import given, settings
from hypothesis import strategies as st

from kioskd.audio.conceal import CONCEALED_MS, Concealment

HZ = 24000


def voice(frames: int, hz: float = 220.0, peak: int = 9000) -> array[int]:
    return array("h", [round(peak * math.sin(2 * math.pi * hz * i / HZ + 0.7)) for i in range(frames)])


def steepest(samples: array[int]) -> int:
    return max(abs(b - a) for a, b in zip(samples, samples[1:]))


@settings(max_examples=30, deadline=None)
@given(st.floats(80, 1000), st.integers(1, 700))
def test_sound_goes_on_without_a_click_and_ends_at_zero(hz: float, step: int) -> None:
    last = voice(240, hz)
    hidden = Concealment(last.tobytes(), HZ)
    drawn = array("h", last)
    while not hidden.spent:
        drawn.frombytes(hidden.take(step))
    drawn.frombytes(hidden.take(240))
    assert steepest(drawn[239:]) <= steepest(last) + 9000 * 2 // (HZ * CONCEALED_MS // 1000) + 2
    assert not any(drawn[240 + HZ * CONCEALED_MS // 1000 - 1 :])


def test_it_becomes_softer_all_the_time() -> None:
    hidden = Concealment(voice(240).tobytes(), HZ)
    first, second = (array("h", hidden.take(240)) for _ in range(2))
    assert 5000 < max(map(abs, first)) < 9000
    assert max(map(abs, second)) < max(map(abs, first)) / 1.5 and hidden.spent


def test_what_has_faded_by_itself_is_not_drawn_out() -> None:
    hidden = Concealment(voice(240, peak=150).tobytes(), HZ)
    assert hidden.spent and hidden.take(10) == bytes(20)


def test_out_of_nothing_comes_nothing() -> None:
    assert Concealment(b"", HZ).take(5) == bytes(10)


def test_a_few_samples_are_enough() -> None:
    hidden = Concealment(voice(20).tobytes(), HZ)
    assert len(hidden.take(480)) == 960 and hidden.spent


def test_full_scale_stays_in_bounds() -> None:
    hidden = Concealment(array("h", [-32768, 32767] * 100).tobytes(), HZ)
    assert min(array("h", hidden.take(480))) >= -32768
