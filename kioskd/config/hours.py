"""``policy.hours`` and ``policy.holidays``: parts of the week as ``mon-fri 08:00-18:30``, dates as ``2026-12-25``."""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache
from typing import NamedTuple

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MINUTES = 24 * 60

_PART = re.compile(r"([a-z]{3}(?:[-,][a-z]{3})*|daily) ([0-9]{2}:[0-9]{2})-([0-9]{2}:[0-9]{2})", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_FORM = "must be like mon-fri 08:00-18:30, sat,sun 09:00-13:00 or daily 22:00-06:00"


class Hours(NamedTuple):
    """A part of the week: from the minute ``begin`` of each of these days (0: Monday), ``length`` minutes long."""

    days: frozenset[int]
    begin: int
    length: int

    def hold(self, weekday: int, minute: int) -> bool:
        """Whether this minute of the day lies within them; what began the day before may last into it."""
        into = minute - self.begin
        return (weekday in self.days and 0 <= into < self.length) or (
            (weekday - 1) % 7 in self.days and into + DAY_MINUTES < self.length
        )


@lru_cache(maxsize=256)
def hours(text: str) -> Hours:
    """Read one.

    Raises:
        ValueError: it is none; the text is a sentence.
    """
    match = _PART.fullmatch(text)
    if match is None:
        raise ValueError(_FORM)
    begin, until = _minute(match[2]), _minute(match[3])
    if begin == DAY_MINUTES:
        raise ValueError("24:00 is the end of a day; a day begins at 00:00")
    if begin == until:
        raise ValueError("begins and ends at the same minute; the whole day is 00:00-24:00")
    return Hours(_days(match[1]), begin, until - begin if until > begin else until - begin + DAY_MINUTES)


def _days(text: str) -> frozenset[int]:
    if text == "daily":
        return frozenset(range(7))
    days: set[int] = set()
    for part in text.split(","):
        names = part.split("-")
        if len(names) > 2 or not all(name in WEEKDAYS for name in names):
            raise ValueError(f"{part} names no days; they are {', '.join(WEEKDAYS)}")
        first, last = WEEKDAYS.index(names[0]), WEEKDAYS.index(names[-1])
        days.update((first + step) % 7 for step in range((last - first) % 7 + 1))
    return frozenset(days)


def _minute(text: str) -> int:
    hour, minute = int(text[:2]), int(text[3:])
    if minute > 59 or hour * 60 + minute > DAY_MINUTES:
        raise ValueError(f"{text} is no time of the day")
    return hour * 60 + minute


def is_date(text: str) -> bool:
    """Whether it is a day of the calendar, as ``2026-12-25``."""
    if not _DATE.fullmatch(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
