"""Gestures, drawn: one character is 100 ms, # is down. tap below 400 ms, double within 350, hold 700, long 2500."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kioskd.config.panel import Gestures
from kioskd.panel.button import Fact, What
from kioskd.panel.gestures import Recogniser, Seen, recognisers

STEP_S = 0.1
ALL = ("press", "tap", "double", "hold", "long")


def facts(wire: str) -> list[Fact]:
    """What a settled button says of a drawn wire, which begins and ends released."""
    found, down = [], False
    for place, char in enumerate(wire + "."):
        if (char == "#") != down:
            down = not down
            found.append(Fact(What.DOWN if down else What.UP, place * STEP_S))
    return found


def run(wire: str, *wanted: str, looks: list[float] | None = None) -> list[Seen]:
    """All gestures of a drawn wire; ``looks``: further times at which somebody asks."""
    waiting = recognisers(set(wanted or ALL), Gestures())
    seen: list[Seen | None] = []
    times: list[tuple[float, Fact | None]] = [(fact.at, fact) for fact in facts(wire)]
    times += [(look, None) for look in looks or []]
    for at, fact in sorted(times, key=lambda one: one[0]):
        seen += [one.advance(at) if fact is None else one.take(fact) for one in waiting]
    seen += [one.advance(1000.0) for one in waiting]
    return sorted([one for one in seen if one is not None], key=lambda one: (one.at, one.gesture))


def drawn(wire: str, *wanted: str) -> str:
    return " ".join(f"{one.gesture}@{one.began * 10:.0f}" for one in run(wire, *wanted))


@pytest.mark.parametrize(
    ("wire", "wanted", "seen"),
    [
        (".##....", "tap", "tap@1"),
        (".####....", "tap", ""),  # 400 ms is no tap
        (".##.##....", "tap", "tap@1 tap@4"),
        (".##.##....", "double", "double@1"),
        (".##.##....", "tap double", "double@1"),  # one thing, not two
        (".##....##....", "tap double", "tap@1 tap@7"),  # too far apart
        (".##.##.##....", "tap double", "double@1 tap@7"),
        (".##.##.##.##...", "tap double", "double@1 double@7"),
        (".##.#####....", "tap double", "tap@1"),  # the second is none
        (".##.########....", "tap double hold", "tap@1 hold@4"),
        (".#####.##....", "double", ""),  # the first is none
        (".######....", "hold", ""),
        (".#######....", "hold", "hold@1"),
        ("." + "#" * 24 + "....", "hold long", "hold@1"),
        ("." + "#" * 25 + "....", "hold long", "long@1"),  # one of them, not both
        ("." + "#" * 60 + "....", "long", "long@1"),  # once, however long
        (".#....", "press", "press@1"),
        (".##....", "press tap", "press@1 tap@1"),
        ("......", "press tap double hold long", ""),
    ],
)
def test_what_a_wire_becomes(wire: str, wanted: str, seen: str) -> None:
    assert drawn(wire, *wanted.split()) == seen


def test_a_tap_is_known_at_once_where_nobody_waits_for_a_second() -> None:
    for wanted, waits in ((("tap",), False), (("tap", "double"), True)):
        (tap,) = [one for one in recognisers(set(wanted), Gestures()) if type(one).__name__ == "Tap"]
        tap.take(Fact(What.DOWN, 1.0))
        assert (tap.take(Fact(What.UP, 1.1)) is None) == waits
        assert tap.due == (pytest.approx(1.45) if waits else None)


def test_a_long_press_is_known_while_it_is_held() -> None:
    (long,) = recognisers({"long"}, Gestures())
    long.take(Fact(What.DOWN, 1.0))
    assert long.due == 3.5 and long.advance(3.4) is None
    assert long.advance(3.5) == Seen("long", 1.0, 3.5)
    assert long.due is None and long.take(Fact(What.UP, 4.0)) is None


@pytest.mark.parametrize("gesture", ALL[1:])
def test_a_press_that_is_stuck_becomes_nothing_more(gesture: str) -> None:
    waiting = recognisers({gesture}, Gestures(long_ms=20000, hold_ms=5000))
    told = [Fact(What.DOWN, 1.0), Fact(What.STUCK, 4.0), Fact(What.UP, 4.0), Fact(What.FREED, 9.0)]
    seen = [one.take(fact) for fact in told for one in waiting] + [one.advance(100.0) for one in waiting]
    assert [one for one in seen if one is not None] == []


WIRES = st.text(alphabet=".#", min_size=1, max_size=60)
LOOKS = st.lists(st.floats(min_value=0, max_value=7), max_size=12)


@settings(max_examples=200, deadline=None)
@given(WIRES, LOOKS, st.sets(st.sampled_from(ALL), min_size=1))
def test_when_somebody_looks_does_not_change_what_was_meant(wire: str, looks: list[float], wanted: set[str]) -> None:
    assert run(wire, *wanted, looks=looks) == run(wire, *wanted)


@settings(max_examples=200, deadline=None)
@given(WIRES)
def test_one_press_is_one_gesture_and_two_make_one_double(wire: str) -> None:
    seen = run(wire, "tap", "double", "hold", "long")
    began = {round(fact.at, 3) for fact in facts(wire) if fact.what is What.DOWN}
    doubles = [one for one in seen if one.gesture == "double"]
    singles = [one for one in seen if one.gesture != "double"]
    assert len({one.began for one in seen}) == len(seen)
    assert 2 * len(doubles) + len(singles) <= len(began)
    assert {round(one.began, 3) for one in seen} <= began


@settings(max_examples=100, deadline=None)
@given(WIRES)
def test_what_is_due_comes_when_it_is_due(wire: str) -> None:
    """Whoever sleeps until ``due`` misses nothing and never wakes for nothing."""
    waiting: list[Recogniser] = recognisers(set(ALL), Gestures())
    for fact in facts(wire):
        for one in waiting:
            if one.due is not None and one.due <= fact.at:
                assert one.advance(one.due) is not None
            one.take(fact)
    for one in waiting:
        if one.due is not None:
            assert one.advance(one.due) is not None
        assert one.due is None
