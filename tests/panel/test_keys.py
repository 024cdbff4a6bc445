"""One key at a time, and only what really went down."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from kioskd.core.confirm_events import CLEAR, ENTER
from kioskd.panel.keys import CODES, LOOKS, OneKey


def looks(*seen: str) -> list[str]:
    one = OneKey()
    return [key for down in seen if (key := one.look(down))]


def test_a_key_counts_once_however_long_it_is_held() -> None:
    assert looks("", "", "5", "5", "5", "5", "", "", "5", "5") == ["5", "5"]


def test_a_single_look_is_a_bounce() -> None:
    assert looks("", "", "5", "", "5", "", "5", "", "") == []


def test_what_is_held_from_the_start_counts_after_it_came_up() -> None:
    assert looks("5", "5", "5", "", "", "5", "5") == ["5"]


def test_several_at_once_are_none_until_all_came_up() -> None:
    assert looks("", "", "15", "15", "1", "1", "5", "5", "", "", "5", "5") == ["5"]


def test_enter_and_clear_have_a_meaning() -> None:
    assert looks("", "", "#", "#", "", "", "*", "*") == [ENTER, CLEAR]


def test_the_codes_of_a_number_pad_are_its_digits() -> None:
    assert [CODES[code] for code in range(2, 12)] == list("1234567890")
    assert [CODES[code] for code in (79, 80, 81, 75, 76, 77, 71, 72, 73, 82)] == list("1234567890")
    assert CODES[28] == CODES[96] == ENTER and CODES[14] == CODES[1] == CLEAR
    assert [CODES[code] for code in (30, 48, 46, 32)] == list("ABCD")


@settings(max_examples=150, deadline=None)
@given(st.lists(st.frozensets(st.sampled_from("12#"), max_size=2), max_size=60))
def test_between_two_keys_everything_was_up(seen: list[frozenset[str]]) -> None:
    one = OneKey()
    up, found = 0, []
    for down in seen:
        key = one.look(down)
        up = up + 1 if not down else 0
        if key:
            found.append(key)
            assert len(down) == 1
    quiet = sum(1 for place in range(LOOKS - 1, len(seen)) if not any(seen[place - LOOKS + 1 : place + 1]))
    assert len(found) <= quiet
