"""A button with its gestures: facts and gestures in the order in which they became certain."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kioskd.config.panel import Gestures
from kioskd.panel.button import Fact, PushButton, What
from kioskd.panel.gestures import Seen, recognisers
from kioskd.panel.pushed import Pushed


def pushed(*wanted: str, stuck_s: float = 45.0, down: bool = False) -> Pushed:
    return Pushed(PushButton(0.03, stuck_s, down, 0.004), recognisers(set(wanted), Gestures()))


def names(told: list[Fact | Seen]) -> list[str]:
    return [one.gesture if isinstance(one, Seen) else one.what.value for one in told]


def test_a_press_and_its_gestures_come_in_their_order() -> None:
    button = pushed("press", "tap", "hold")
    assert names(button.edge(True, 1.0)) == []
    assert names(button.advance(1.004)) == ["down", "press"]
    assert names(button.edge(False, 1.1)) == []
    assert names(button.advance(1.131)) == ["up", "tap"]
    assert button.gestures == 2 and button.due is None


def test_a_long_press_is_not_called_so_while_the_finger_may_have_left() -> None:
    button = pushed("long")
    button.edge(True, 1.0)
    button.advance(1.1)
    button.edge(False, 3.495)  # up 5 ms before it is long, and that settles 25 ms later
    assert names(button.advance(3.51)) == []
    assert button.due == pytest.approx(3.525), "sleep until it has settled, do not spin"
    assert names(button.advance(3.53)) == ["up"]


def test_bouncing_in_the_middle_does_not_end_a_long_press() -> None:
    button = pushed("long")
    button.edge(True, 1.0)
    button.edge(False, 3.495)
    assert names(button.edge(True, 3.51)) == []
    assert names(button.advance(3.513)) == [], "it may be interference that closed it for a moment"
    assert button.due == pytest.approx(3.514)
    assert names(button.advance(3.5141)) == ["long"]


def test_a_stuck_button_ends_without_a_gesture() -> None:
    button = pushed("tap", "double", "hold", stuck_s=0.5)
    button.edge(True, 1.0)
    assert names(button.advance(9.0)) == ["down", "stuck", "up"]
    button.edge(False, 10.0)
    assert names(button.advance(11.0)) == ["freed"]


def test_what_is_held_from_the_start_becomes_nothing() -> None:
    button = pushed("press", "tap", "hold", "long", down=True)
    assert names(button.advance(9.0)) == []
    button.edge(False, 10.0)
    assert names(button.advance(11.0)) == ["freed"]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.floats(min_value=0.0005, max_value=4.0), max_size=25))
def test_whoever_sleeps_until_due_is_told_everything_and_never_spins(waits: list[float]) -> None:
    """The panel's thread, without its clock."""
    button, level, now, told = pushed("press", "tap", "double", "hold", "long"), False, 0.0, []
    late, late_told = pushed("press", "tap", "double", "hold", "long"), []
    for wait in waits:
        edge_at, wakes = now + wait, 0
        while button.due is not None and button.due < edge_at:
            now, wakes = max(now, button.due), wakes + 1
            told += button.advance(now)
            assert wakes < 10
        level, now = not level, edge_at
        told += button.edge(level, now)
        late_told += late.edge(level, now)
    told += button.advance(now + 100)
    late_told += late.advance(now + 100)
    assert sorted(map(str, told)) == sorted(map(str, late_told)), "who comes late is told the same"
    assert [one.what for one in told if isinstance(one, Fact)].count(What.DOWN) == button.button.presses
