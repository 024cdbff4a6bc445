"""Counters add up, never fall below nothing, and come back from JSON as they went."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kioskd.core.tally import NAMES, USAGE_NAMES, ZERO, Tally, more, tally_of, total

numbers = st.integers(0, 10**9)
tallies = st.builds(
    Tally,
    st.integers(0, 10**8).map(lambda ms: ms / 1000),
    *[numbers] * 6,
    usage=st.dictionaries(st.sampled_from(["input_tokens", "output_tokens", "seconds"]), numbers.filter(bool)),
)


@settings(max_examples=60, deadline=None)
@given(tallies, tallies)
def test_what_was_added_can_be_taken_away_again(one: Tally, other: Tally) -> None:
    back = one.plus(other).minus(other)
    assert back.usage == one.usage
    for name in NAMES:
        assert getattr(back, name) == pytest.approx(getattr(one, name), abs=2e-6)


@settings(max_examples=60, deadline=None)
@given(tallies)
def test_a_tally_comes_back_from_json(one: Tally) -> None:
    assert tally_of(json.loads(json.dumps(one.row()))) == one
    assert tally_of(json.loads(json.dumps(one.whole_row()))) == one


def test_a_counter_that_fell_counts_as_nothing() -> None:
    assert Tally(turns=2, usage={"a": 1}).minus(Tally(turns=5, usage={"a": 3, "b": 1})) == ZERO


def test_nothing_is_an_empty_row() -> None:
    assert ZERO.row() == {} and tally_of({}) == ZERO


def test_a_service_cannot_invent_names_without_end() -> None:
    usage = more({"total_tokens": 5}, {"total_tokens": 7} | {f"invented_{number}": 1 for number in range(1000)})
    assert usage["total_tokens"] == 12 and len(usage) == USAGE_NAMES


@pytest.mark.parametrize(
    "row",
    [
        {"turns": -1},
        {"turns": "3"},
        {"turns": True},
        {"session_s": float("nan")},
        {"session_s": float("inf")},
        {"bytes_up": 1e300},
        {"usage": []},
        {"usage": {"a": None}},
        {"usage": {"a" * 100: 1}},
        {"usage": {str(number): 1 for number in range(USAGE_NAMES + 1)}},
    ],
)
def test_what_no_counter_holds_is_refused(row: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        tally_of(row)


def test_several_services_are_one_sum() -> None:
    whole = total({"a": Tally(turns=1, usage={"x": 1}), "b": Tally(turns=2, usage={"x": 2, "y": 0.5})})
    assert whole == Tally(turns=3, usage={"x": 3, "y": 0.5})
