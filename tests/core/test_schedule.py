"""Hours and holidays: outside them, and without a clock, nothing runs."""

from __future__ import annotations

from typing import Any

from kioskd.config.sections import Policy
from kioskd.core.schedule import Wall, closed

MONDAY = Wall("2026-12-21", 0, 9 * 60, True)


def code(wall: Wall | None, **policy: Any) -> str | None:
    shut = closed(Policy(**policy), wall)
    if shut is None:
        return None
    assert shut.say and shut.why
    return shut.code


def test_without_a_schedule_the_clock_does_not_matter() -> None:
    assert code(None) is None and code(MONDAY._replace(trusted=False)) is None


def test_within_the_hours_it_runs_and_outside_it_does_not() -> None:
    office = {"hours": ("mon-fri 08:00-18:00", "sat 09:00-13:00")}
    assert code(MONDAY, **office) is None
    assert code(MONDAY._replace(minute=18 * 60), **office) == "hours"
    assert code(MONDAY._replace(weekday=5, minute=12 * 60), **office) is None
    assert code(MONDAY._replace(weekday=6), **office) == "hours"


def test_on_a_holiday_it_does_not_run() -> None:
    assert code(MONDAY, holidays=("2026-12-21",)) == "holiday"
    assert code(MONDAY, hours=("daily 00:00-24:00",), holidays=("2026-12-21",)) == "holiday"
    assert code(MONDAY, holidays=("2026-12-25",)) is None


def test_a_clock_that_is_not_set_refuses_what_has_a_schedule() -> None:
    for wall in (None, MONDAY._replace(trusted=False)):
        assert code(wall, hours=("daily 00:00-24:00",)) == "clock"
        assert code(wall, holidays=("2026-12-25",)) == "clock"


def test_hours_that_nobody_can_read_allow_nothing() -> None:
    assert code(MONDAY, hours=("always",)) == "hours"
