from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kioskd.wire.text import TEXT_LIMIT, Malformed, amount, clean_text, identifier, whole


@pytest.mark.parametrize(
    "given_value, shown",
    [
        ("plain", "plain"),
        ("two\nlines\tand a tab", "two lines and a tab"),
        ("a\x1b[31mred\x07", "a[31mred"),
        ("right\u202eto left", "rightto left"),
        ("  room  ", "room"),
        (7, "7"),
        (1.5, "1.5"),
        (True, ""),
        (None, ""),
        ({"a": 1}, ""),
        ("é 12°C", "é 12°C"),
    ],
)
def test_words_from_outside_become_one_plain_line(given_value: object, shown: str) -> None:
    assert clean_text(given_value) == shown


@settings(max_examples=150, deadline=None)
@given(st.text(st.characters(exclude_categories=()), max_size=2000))
def test_any_text_becomes_bounded_printable_and_encodable(text: str) -> None:
    shown = clean_text(text)
    assert len(shown) <= TEXT_LIMIT and shown.isprintable()
    assert shown.encode("utf-8").decode("utf-8") == shown
    assert clean_text(shown) == shown


def test_a_text_of_megabytes_is_cut_before_it_is_looked_at() -> None:
    assert clean_text("a" * 5_000_000) == "a" * TEXT_LIMIT
    assert clean_text("\0" * 5_000_000 + "never reached") == ""


def test_an_id_is_kept_exactly_or_not_at_all() -> None:
    assert identifier("call_a b") == "call_a b"
    assert identifier(None) == ""
    for bad in ("x" * (TEXT_LIMIT + 1), "line\nend", "\u202e"):
        with pytest.raises(Malformed):
            identifier(bad)


@pytest.mark.parametrize(
    "value, number",
    [(5, 5), (24000.0, 24000), (24000.5, None), (True, None), ("5", None), (None, None), (10**400, None)]
    + [(float("nan"), None), (float("inf"), None), (-3, -3)],
)
def test_only_a_whole_number_is_a_whole_number(value: object, number: int | None) -> None:
    assert whole(value) == number


@pytest.mark.parametrize(
    ("value", "taken"),
    [(3, 3), (3.0, 3), (1.23456, 1.235), (0, 0), (-0.1, None), (True, None), ("1", None), (1e300, None), (None, None)],
)
def test_an_amount_may_have_a_fraction_but_a_bound(value: object, taken: object) -> None:
    assert amount(value) == taken
