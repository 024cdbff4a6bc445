"""A week as an owner writes it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kioskd.config.hours import DAY_MINUTES, hours, is_date


def at(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])


@pytest.mark.parametrize(
    ("text", "weekday", "minute", "within"),
    [
        ("mon-fri 08:00-18:30", 0, "08:00", True),
        ("mon-fri 08:00-18:30", 4, "18:29", True),
        ("mon-fri 08:00-18:30", 4, "18:30", False),
        ("mon-fri 08:00-18:30", 0, "07:59", False),
        ("mon-fri 08:00-18:30", 5, "12:00", False),
        ("sat,sun 09:00-13:00", 6, "12:59", True),
        ("sat-mon 09:00-13:00", 0, "12:59", True),
        ("sat-mon 09:00-13:00", 4, "12:59", False),
        ("fri 22:00-06:00", 4, "23:00", True),
        ("fri 22:00-06:00", 5, "05:59", True),
        ("fri 22:00-06:00", 5, "06:00", False),
        ("fri 22:00-06:00", 4, "05:00", False),
        ("sun 22:00-06:00", 0, "05:00", True),
        ("daily 00:00-24:00", 3, "23:59", True),
    ],
)
def test_a_minute_lies_within_or_it_does_not(text: str, weekday: int, minute: str, within: bool) -> None:
    assert hours(text).hold(weekday, at(minute)) is within


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "must be like"),
        ("08:00-18:00", "must be like"),
        ("Mon 08:00-18:00", "must be like"),
        ("mon 8:00-18:00", "must be like"),
        ("mon-wed-fri 08:00-18:00", "names no days"),
        ("mit 08:00-18:00", "names no days"),
        ("mon 08:00-25:00", "25:00 is no time"),
        ("mon 08:60-09:00", "08:60 is no time"),
        ("mon 24:00-08:00", "24:00 is the end"),
        ("mon 08:00-08:00", "same minute"),
        ("mon 08:00-18:00\n", "must be like"),
        ("mon ٠٨:00-18:00", "must be like"),
    ],
)
def test_what_is_no_part_of_the_week_is_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        hours(text)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, DAY_MINUTES - 1), st.integers(0, DAY_MINUTES), st.integers(0, 6))
def test_a_part_of_one_day_is_as_long_as_it_says(begin: int, until: int, day: int) -> None:
    if begin == until:
        return
    part = hours(f"{('mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun')[day]} {_text(begin)}-{_text(until)}")
    held = sum(part.hold(weekday, minute) for weekday in range(7) for minute in range(DAY_MINUTES))
    assert held == part.length == (until - begin) % DAY_MINUTES or (begin, until, held) == (0, DAY_MINUTES, DAY_MINUTES)


def _text(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def test_a_date_is_a_day_of_the_calendar() -> None:
    assert is_date("2028-02-29") and not is_date("2027-02-29")
    assert not is_date("20261225") and not is_date("25.12.2026") and not is_date("2026-12-25 ")
