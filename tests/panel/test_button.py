"""The filter, drawn: one character is 10 ms of the wire, # is pressed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kioskd.panel.button import Debounce, Fact, PushButton, What

STEP_S = 0.01
SETTLE_S = 0.03
STUCK_S = 0.2


def edges(wire: str) -> list[tuple[bool, float]]:
    """The changes of a drawn wire, which begins released."""
    found, level = [], False
    for place, char in enumerate(wire):
        if (char == "#") != level:
            level = not level
            found.append((level, place * STEP_S))
    return found


def run(wire: str, down: bool = False, looks: list[float] | None = None) -> list[Fact]:
    """All facts of a drawn wire; ``looks``: further times at which somebody asks."""
    button = PushButton(SETTLE_S, STUCK_S, down)
    changes: list[tuple[float, bool | None]] = [(at, level) for level, at in edges(wire)]
    times = changes + [(look, None) for look in looks or []]
    facts = []
    for at, level in sorted(times, key=lambda time: time[0]):
        facts += button.advance(at) if level is None else button.edge(level, at)
    return facts + button.advance(1000.0)


def drawn(wire: str) -> str:
    return " ".join(f"{fact.what.value}@{fact.at * 1000:.0f}" for fact in run(wire))


@pytest.mark.parametrize(
    "wire, facts",
    [
        ("....", ""),
        (".#..", ""),  # 10 ms: a glitch
        (".##..", ""),  # 20 ms: still one
        (".###.....", "down@10 up@40"),  # 30 ms: the shortest press
        (".#.#.####....", "down@50 up@90"),  # bouncing on the way down
        (".####.#.#.....", "down@10 up@90"),  # and on the way up
        (".####.####....", "down@10 up@100"),  # a short gap is no release
        (".###...###....", "down@10 up@40 down@70 up@100"),
        ("." + "#" * 19 + "....", "down@10 up@200"),  # long, not stuck
        ("." + "#" * 25 + "....", "down@10 stuck@210 up@210 freed@260"),
        ("." + "#" * 25 + "....####...", "down@10 stuck@210 up@210 freed@260 down@300 up@340"),
        ("." + "#" * 19 + ".#" * 3 + "....", "down@10 stuck@210 up@210 freed@260"),  # bounces across the limit
    ],
)
def test_what_a_wire_says(wire: str, facts: str) -> None:
    assert drawn(wire) == facts


def test_a_button_that_may_just_have_come_up_is_not_called_stuck() -> None:
    wire = "." + "#" * 18 + "......"  # up at 190 ms, settled at 220; the limit of 210 passes in between
    assert [(fact.what, round(fact.at, 3)) for fact in run(wire, looks=[0.215])] == [(What.DOWN, 0.01), (What.UP, 0.19)]


def test_a_button_held_from_the_start_counts_only_after_its_release() -> None:
    button = PushButton(SETTLE_S, STUCK_S, down=True)
    assert button.stuck and not button.down
    assert button.advance(5.0) == [] and button.due is None
    button.edge(False, 6.0)
    assert button.advance(7.0) == [Fact(What.FREED, 6.0)]
    button.edge(True, 8.0)
    assert button.advance(8.1) == [Fact(What.DOWN, 8.0)]
    assert button.down and not button.stuck


def test_glitches_and_presses_are_counted() -> None:
    button = PushButton(SETTLE_S, STUCK_S, down=False)
    for level, at in edges(".#..#..####...."):
        button.edge(level, at)
    button.advance(1.0)
    assert (button.glitches, button.presses) == (2, 1)


def test_due_is_when_something_will_be_said_and_never_otherwise() -> None:
    button = PushButton(SETTLE_S, STUCK_S, down=False)
    assert button.due is None
    button.edge(True, 1.0)
    assert button.due == pytest.approx(1.03)
    assert button.advance(button.due) == [Fact(What.DOWN, 1.0)]
    assert button.due == pytest.approx(1.2)
    assert [fact.what for fact in button.advance(button.due)] == [What.STUCK, What.UP]
    assert button.times_stuck == 1
    assert button.due is None


def test_a_press_is_known_sooner_than_a_release() -> None:
    button = PushButton(SETTLE_S, STUCK_S, False, glitch_s=0.004)
    button.edge(True, 1.0)
    assert button.settling and button.certain(1.003) == 1.0
    assert button.advance(1.0035) == []
    assert button.advance(1.0041) == [Fact(What.DOWN, 1.0)]
    assert button.edge(False, 1.05) == [] and button.due == pytest.approx(1.08)
    assert button.edge(True, 1.07) == []  # bouncing: for less than SETTLE_S
    assert button.edge(False, 1.1) == [] and button.advance(1.14) == [Fact(What.UP, 1.1)]


@pytest.mark.parametrize("glitch_s", [0.004, 0.02])
def test_interference_does_not_hold_a_button_that_was_let_go(glitch_s: float) -> None:
    """A lift motor closes the contact for a moment every 25 ms: that must not make of a tap the press that opens."""
    button = PushButton(0.03, 45.0, False, glitch_s)
    facts = button.edge(True, 0.0) + button.edge(False, 0.1)
    for number in range(100):
        at = 0.12 + 0.025 * number
        facts += button.edge(True, at) + button.edge(False, at + 0.9 * glitch_s)
    assert facts + button.advance(10.0) == [Fact(What.DOWN, 0.0), Fact(What.UP, 0.1)]


def test_a_contact_that_bounces_while_it_is_held_stays_held() -> None:
    button = PushButton(0.03, 45.0, False, 0.004)
    facts = button.edge(True, 0.0)
    for number in range(1, 50):
        facts += button.edge(False, 0.02 * number) + button.edge(True, 0.02 * number + 0.012)
        assert button.due is not None
    assert facts + button.advance(2.0) == [Fact(What.DOWN, 0.0)]
    assert button.edge(False, 2.0) + button.advance(3.0) == [Fact(What.UP, 2.0)]


def test_interference_is_no_press_however_often_it_comes() -> None:
    button = PushButton(SETTLE_S, STUCK_S, False, glitch_s=0.004)
    told = []
    for count in range(1000):
        told += button.edge(True, count * 0.005) + button.edge(False, count * 0.005 + 0.003)
    assert told == [] and button.presses == 0 and button.glitches == 1000


WIRES = st.text(alphabet=".#", min_size=1, max_size=80)
LOOKS = st.lists(st.floats(min_value=0, max_value=1), max_size=12)


@settings(max_examples=300, deadline=None)
@given(WIRES, LOOKS)
def test_when_somebody_looks_does_not_change_what_happened(wire: str, looks: list[float]) -> None:
    assert run(wire, looks=looks) == run(wire)


@settings(max_examples=300, deadline=None)
@given(WIRES)
def test_down_and_up_take_turns_and_time_does_not_run_back(wire: str) -> None:
    facts = run(wire)
    turns = [fact.what for fact in facts if fact.what in (What.DOWN, What.UP)]
    assert turns == [What.DOWN, What.UP] * (len(turns) // 2) + [What.DOWN] * (len(turns) % 2)
    assert [fact.at for fact in facts] == sorted(fact.at for fact in facts)


def test_a_switch_reports_where_it_came_to_rest() -> None:
    switch = Debounce(SETTLE_S, level=True)
    assert switch.edge(False, 1.0) is None
    assert switch.edge(True, 1.01) is None
    assert switch.edge(False, 1.02) is None
    assert switch.settle(1.04) is None
    change = switch.settle(1.06)
    assert change is not None and (change.level, change.at) == (False, 1.02)
    assert switch.level is False and switch.due is None
    assert switch.edge(False, 2.0) is None and switch.due is None


def test_an_edge_that_comes_late_brings_the_change_before_it() -> None:
    switch = Debounce(SETTLE_S, level=False)
    switch.edge(True, 1.0)
    change = switch.edge(False, 2.0)
    assert change is not None and (change.level, change.at) == (True, 1.0)
