"""Blips, grace, and the one way that leads to switching off."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kioskd.core.ignition import Ignition, Power


def seen(debounce_s: float = 0.5, grace_s: float = 10.0) -> Ignition:
    one = Ignition(debounce_s, grace_s, unseen_s=600.0)
    one.level(True, 0.0)
    return one


def test_a_blip_shorter_than_the_debounce_does_nothing() -> None:
    one = seen()
    assert one.level(False, 1.0) is Power.BLIP and one.due == pytest.approx(1.5)
    assert one.level(True, 1.49) is Power.ON and one.due is None
    assert one.level(True, 100.0) is Power.ON and (one.blips, one.returned) == (1, 0)


def test_off_for_the_grace_switches_off_and_nothing_leads_back() -> None:
    one = seen()
    one.level(False, 1.0)
    assert one.level(False, 1.5) is Power.ENDING and one.due == pytest.approx(11.5)
    assert one.level(False, 11.4) is Power.ENDING
    assert one.level(False, 11.5) is Power.OFF and one.due is None
    assert one.level(True, 11.6) is Power.OFF


def test_power_that_returns_within_the_grace_cancels() -> None:
    one = seen()
    one.level(False, 1.0)
    one.level(False, 2.0)
    assert one.level(True, 11.49) is Power.ON and one.returned == 1
    one.level(False, 12.0)
    assert one.level(False, 13.0) is Power.ENDING, "the grace begins anew"
    assert one.due == pytest.approx(22.5)


def test_a_look_that_comes_late_counts_from_the_edge() -> None:
    one = seen()
    one.level(False, 1.0)
    assert one.level(False, 60.0) is Power.OFF


def test_no_grace_switches_off_right_after_the_debounce() -> None:
    one = seen(grace_s=0.0)
    one.level(False, 1.0)
    assert one.level(False, 1.5) is Power.OFF


def test_a_line_that_was_never_on_leaves_time_to_mend_it() -> None:
    one = Ignition(0.5, 10.0, unseen_s=600.0)
    one.level(False, 0.0)
    assert one.level(False, 500.0) is Power.ENDING
    assert one.level(False, 600.5) is Power.OFF


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.floats(0.001, 20.0)), max_size=40))
def test_it_never_switches_off_before_the_line_was_off_for_debounce_and_grace(moves: list[tuple[bool, float]]) -> None:
    one, now, off_since = seen(), 1.0, None
    for on, then_s in moves:
        off_since = None if on else now if off_since is None else off_since
        state = one.level(on, now)
        if state is Power.OFF:
            assert off_since is not None and now - off_since >= 10.5 - 1e-9
            return
        assert not on or state is Power.ON
        now += then_s


def test_a_spike_on_a_line_that_is_wired_the_wrong_way_round_leaves_the_time_to_mend_it() -> None:
    line = Ignition(0.5, 10.0)
    line.level(False, 0.0)
    line.level(True, 1.0)
    line.level(False, 1.002)
    line.level(False, 1.6)
    assert line.level(False, 60.0) is Power.ENDING and not line.seen
    line.level(True, 61.0)
    line.level(False, 61.5)
    assert line.seen, "that was power"
