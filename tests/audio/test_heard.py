"""What of an answer came out of the speaker, by a clock that the test moves."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from kioskd.audio.heard import Cut, Heard


def test_what_the_device_still_holds_is_unheard() -> None:
    heard = Heard()
    for number in range(10):
        heard.handed("r", 0.01, number * 0.01, 0.03)
    # The last period ends at 0.12; at 0.095 the device holds 2.5 of them.
    assert heard.cut(0.095) == Cut("r", 75)


def test_everything_is_heard_when_the_device_has_played_it() -> None:
    heard = Heard()
    for number in range(10):
        heard.handed("r", 0.01, number * 0.01, 0.03)
    assert heard.cut(5.0) == Cut("r", 100)


def test_what_was_just_begun_is_unheard() -> None:
    heard = Heard()
    heard.handed("r", 0.01, 1.0, 0.03)
    assert heard.cut(1.0) == Cut("r", 0)


def test_each_response_is_counted_by_itself() -> None:
    heard = Heard()
    heard.handed("a", 1.0, 0.0, 0.03)
    heard.handed("b", 0.5, 1.0, 0.03)
    assert heard.response == "b" and heard.cut(9.0) == Cut("b", 500)
    assert heard.response == "" and heard.cut(9.0) == Cut("", 0)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0.001, 0.01), min_size=1, max_size=50), st.floats(0.0, 0.2), st.floats(0.0, 1.0))
def test_never_less_than_nothing_nor_more_than_all(parts: list[float], latency_s: float, later_s: float) -> None:
    heard, now = Heard(), 5.0
    for length_s in parts:
        heard.handed("r", length_s, now, latency_s)
        now += 0.01
    all_ms = sum(parts) * 1000
    heard_ms = heard.cut(now + later_s).heard_ms
    assert max(0, all_ms - latency_s * 1000) - 11 <= heard_ms <= all_ms + 1
