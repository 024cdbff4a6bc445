"""Hours and days, whatever the clock does: nothing is lost, nothing counts twice, and the books stay bounded."""

from __future__ import annotations

from datetime import datetime, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kioskd.core.books import DAYS, HOURS, SLACK, Books, Hour, Now, day_of, hour_named, hour_of
from kioskd.core.tally import ZERO, Tally, total

BERLIN = ZoneInfo("Europe/Berlin")
FIVE_YEARS_S = 5 * 365.25 * 86400


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


class Box:
    """A box with a clock that can be set, in Berlin."""

    def __init__(self, wall: float, zone: ZoneInfo | None = BERLIN) -> None:
        self.wall, self.boot, self.zone = wall, 100.0, zone
        self.books = Books(self.now())

    def now(self) -> Now:
        try:
            offset = datetime.fromtimestamp(self.wall, self.zone).utcoffset() if self.zone else None
        except (OverflowError, ValueError, OSError):
            offset = None
        return Now(self.wall, int(offset.total_seconds()) if offset is not None else 0, self.boot)

    def wait(self, seconds: float) -> None:
        self.wall += seconds
        self.boot += seconds
        self.books.tick(self.now())

    def set(self, wall: float) -> None:
        self.wall = wall
        self.books.tick(self.now())

    def use(self, turns: int = 1, service: str = "hydra-1") -> None:
        self.books.tick(self.now())
        self.books.book(service, Tally(turns=turns, session_s=turns * 0.1))

    def sums(self) -> tuple[int, int]:
        hours = sum(total(bucket).turns for bucket in self.books.hours.values())
        return hours, sum(total(bucket).turns for bucket in self.books.days.values())


def today(box: Box) -> int:
    return total(box.books.today).turns


def this_hour(box: Box) -> int:
    return total(box.books.this_hour).turns


def test_an_hour_and_a_day_end_when_the_clock_on_the_wall_says_so() -> None:
    box = Box(at("2026-11-21T23:59:58+01:00"))
    box.use()
    assert (this_hour(box), today(box)) == (1, 1)
    box.wait(3)
    assert (this_hour(box), today(box), box.books.day) == (0, 0, "2026-11-22")
    box.use(2)
    assert {day: total(bucket).turns for day, bucket in box.books.days.items()} == {"2026-11-21": 1, "2026-11-22": 2}


def test_the_hour_that_summer_times_end_repeats_is_two_and_the_day_has_25() -> None:
    box = Box(at("2026-10-25T00:00:00+02:00"))
    for _ in range(25):
        box.use()
        box.wait(3600)
    assert box.books.day == "2026-10-26" and len(box.books.hours) == 25
    assert total(box.books.days["2026-10-25"]).turns == 25
    labels = [hour.label for hour in sorted(box.books.hours)]
    assert labels[2:4] == ["2026-10-25T02:00+02:00", "2026-10-25T02:00+01:00"]


def test_the_day_on_which_summer_time_begins_has_23() -> None:
    box = Box(at("2026-03-29T00:00:00+01:00"))
    for _ in range(23):
        box.use()
        box.wait(3600)
    assert box.books.day == "2026-03-30" and total(box.books.days["2026-03-29"]).turns == 23
    assert "2026-03-29T03:00+02:00" in [hour.label for hour in box.books.hours]


def test_an_hour_of_a_half_hour_zone_begins_on_its_own_clock() -> None:
    kolkata = 19800
    assert hour_of(at("2026-11-21T10:29:00+05:30"), kolkata).label == "2026-11-21T10:00+05:30"
    assert hour_of(at("2026-11-21T10:31:00+05:30"), kolkata).label == "2026-11-21T10:00+05:30"


def test_what_was_used_before_the_clock_was_set_belongs_to_when_it_really_was() -> None:
    box = Box(at("2021-01-01T00:00:00+01:00"))
    box.use(3)
    box.wait(300)
    box.use(4)
    box.set(at("2026-11-21T16:20:00+01:00"))
    assert box.books.jumps == 1
    assert (this_hour(box), today(box)) == (7, 7)
    assert list(box.books.days) == ["2026-11-21"], "the wrong day is gone"
    assert box.sums() == (7, 7)


def test_a_jump_of_five_years_and_back_leaves_everything_where_it_was() -> None:
    box = Box(at("2026-11-21T16:20:00+01:00"))
    box.use(3)
    box.wait(3600)
    box.use(4)
    hours, days = dict(box.books.hours), dict(box.books.days)
    box.set(box.wall + FIVE_YEARS_S)
    assert today(box) == 7, "no clock forgives a budget"
    box.wait(60)
    box.set(box.wall - FIVE_YEARS_S)
    assert (box.books.hours, box.books.days) == (hours, days)


def test_ten_minutes_over_midnight_move_what_was_used_in_them_and_no_more() -> None:
    box = Box(at("2026-11-21T12:00:00+01:00"))
    box.use(5)
    box.wait(11 * 3600 + 55 * 60)
    box.use(2)
    box.set(at("2026-11-22T00:05:00+01:00"))
    assert today(box) == 2 and total(box.books.days["2026-11-21"]).turns == 5


def test_a_night_of_suspend_is_no_jump() -> None:
    box = Box(at("2026-11-21T23:00:00+01:00"))
    box.use()
    box.wait(8 * 3600)
    assert box.books.jumps == 0 and today(box) == 0


def test_a_slow_correction_is_no_jump() -> None:
    box = Box(at("2026-11-21T12:00:00+01:00"))
    for _ in range(100):
        box.wait(1)
        box.set(box.wall + 0.4)
    assert box.books.jumps == 0


def test_what_was_kept_from_before_stays_when_this_process_dates_its_own_anew() -> None:
    kept = {"2021-01-01": {"hydra-1": Tally(turns=9)}}
    box = Box(at("2021-01-01T00:00:00+01:00"))
    box.books = Books(box.now(), {}, kept)
    box.use(2)
    box.set(at("2026-11-21T16:20:00+01:00"))
    assert box.books.days["2021-01-01"]["hydra-1"].turns == 9 and today(box) == 2


def test_the_books_are_bounded_and_keep_the_newest() -> None:
    box = Box(at("2024-01-01T12:00:00+01:00"))
    for _ in range(DAYS + 50):
        box.use()
        box.wait(86400)
    assert len(box.books.days) == DAYS and len(box.books.hours) == HOURS
    assert min(box.books.days) == box.books.day_before(DAYS)


def test_a_clock_that_is_years_behind_does_not_push_yesterday_out() -> None:
    box = Box(at("2024-01-01T12:00:00+01:00"))
    for _ in range(DAYS + 1):
        box.use()
        box.wait(86400)
    newest, last_hour = max(box.books.days), max(box.books.hours)
    late = Books(Now(at("2020-05-01T12:00:00+02:00"), 7200, 5.0), box.books.hours, box.books.days)
    late.book("hydra-1", Tally(turns=1))
    assert newest in late.days and total(late.today).turns == 1
    assert last_hour in late.hours and len(box.books.hours) == HOURS


def test_a_copy_of_the_books_does_not_change_under_its_reader() -> None:
    box = Box(at("2026-11-21T12:00:00+01:00"))
    box.use()
    copy = dict(box.books.days)
    box.use()
    assert total(copy["2026-11-21"]).turns == 1 and today(box) == 2


@pytest.mark.parametrize("wall", [-1e18, -1.0, 0.0, 1e11, 1e18, 253_402_300_799.0])
@pytest.mark.parametrize("offset", [-43200, 0, 50400])
def test_no_clock_is_too_wrong(wall: float, offset: int) -> None:
    books = Books(Now(wall, offset, 1.0))
    books.book("a", Tally(turns=1))
    books.tick(Now(at("2026-11-21T18:20:00+00:00"), offset, 2.0))
    assert total(books.today).turns == 1 and hour_named(books.hour.label) == books.hour
    assert books.day_before(10**6) <= books.day


@settings(max_examples=40, deadline=None)
@given(st.floats(0, 4e9), st.sampled_from([-34200, -3600, 0, 3600, 19800, 45900]))
def test_an_hour_is_known_by_its_name(wall: float, offset: int) -> None:
    hour = hour_of(wall, offset)
    assert hour.start <= int(wall) < hour.start + 3600 and hour_named(hour.label) == hour
    assert hour.label.startswith(day_of(wall, offset))


@pytest.mark.parametrize("label", ["", "2026", "2026-11-21T16:00", "2026-13-01T00:00+00:00", "yesterday"])
def test_what_is_no_hour_is_refused(label: str) -> None:
    with pytest.raises(ValueError):
        hour_named(label)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.floats(0.1, 20_000)),
        st.tuples(st.just("use"), st.integers(1, 5)),
        st.tuples(st.just("set"), st.floats(0, 2e9)),
        st.tuples(st.just("shift"), st.floats(-200_000, 200_000)),
    ),
    max_size=25,
)


@settings(max_examples=80, deadline=None)
@given(steps)
def test_whatever_the_clock_does_every_turn_stands_in_one_hour_and_one_day(what: list[tuple[str, float]]) -> None:
    box = Box(at("2026-03-28T20:00:00+01:00"))
    said = 0
    for verb, value in what:
        if verb == "wait":
            box.wait(value)
        elif verb == "use":
            box.use(int(value))
            said += int(value)
        else:
            box.set(value if verb == "set" else max(0.0, box.wall + value))
        assert box.sums() == (said, said)
        assert len(box.books.hours) <= HOURS + SLACK and len(box.books.days) <= DAYS + SLACK
    assert all(tally != ZERO for bucket in box.books.hours.values() for tally in bucket.values())


@settings(max_examples=40, deadline=None)
@given(st.floats(0, 2e9), st.integers(0, 3000))
def test_no_clock_forgives_what_was_used_in_this_very_hour(wrong: float, waited_s: int) -> None:
    box = Box(wrong)
    box.use(3)
    box.wait(waited_s)
    box.use(1)
    right = at("2026-11-21T16:59:00+01:00")
    box.set(right)
    assert today(box) == 4, "the day holds all of it"
    assert this_hour(box) == 4, "and so does its hour"


def test_utc_boxes_work_too() -> None:
    box = Box(datetime(2026, 11, 21, 12, tzinfo=timezone.utc).timestamp(), None)
    box.use()
    assert box.books.hour == Hour(int(box.wall), 0)
