"""The device's sleep is noticed, and the wall clock told in the kiosk's own time."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from kioskd.core.house_events import ClockTold, Suspended
from kioskd.watches import BUILT, SleepWatch, WallWatch, Watches, boottime


class Clocks:
    """Two clocks of one machine."""

    def __init__(self) -> None:
        self.boot, self.mono = 5000.0, 4000.0

    def run(self, seconds: float, asleep_s: float = 0.0) -> None:
        self.mono += seconds
        self.boot += seconds + asleep_s


def watch(clocks: Clocks) -> SleepWatch:
    return SleepWatch(lambda: clocks.boot, lambda: clocks.mono)


def test_a_night_in_suspend_is_told_once() -> None:
    clocks = Clocks()
    sleep = watch(clocks)
    clocks.run(10)
    assert sleep.look() is None
    clocks.run(0.1, asleep_s=28_800)
    slept = sleep.look()
    assert slept == Suspended(pytest.approx(28_800))
    clocks.run(5)
    assert sleep.look() is None


def test_a_look_that_was_held_up_neither_cries_wolf_nor_hides_a_sleep() -> None:
    clocks = Clocks()
    sleep = watch(clocks)
    clocks.boot += 0.4  # held up between the two readings
    assert sleep.look() is None
    clocks.boot -= 0.4
    clocks.run(1, asleep_s=1.0)
    assert sleep.look() == Suspended(pytest.approx(1.0))


def test_the_real_clocks_agree_on_a_machine_that_does_not_sleep() -> None:
    assert boottime() > 0 and SleepWatch().look() is None


def test_the_wall_is_told_in_the_kiosks_zone_once_a_minute() -> None:
    now = datetime(2027, 1, 1, 23, 30, tzinfo=timezone.utc).timestamp()
    clock = [now]
    wall = WallWatch("Asia/Kolkata", lambda: clock[0])
    assert wall.look() == ClockTold("2027-01-02", 5, 5 * 60, True)
    clock[0] += 59
    assert wall.look() is None
    clock[0] += 1
    assert wall.look() == ClockTold("2027-01-02", 5, 5 * 60 + 1, True)
    wall.forget()
    assert wall.look() is not None


def test_a_clock_before_the_build_is_not_trusted() -> None:
    told = WallWatch("UTC", lambda: BUILT - 1).look()
    assert told is not None and not told.trusted


def test_daylight_saving_moves_the_wall() -> None:
    spring = datetime(2027, 3, 28, 0, 59, tzinfo=timezone.utc).timestamp()
    clock = [spring]
    wall = WallWatch("Europe/Berlin", lambda: clock[0])
    before = wall.look()
    clock[0] += 60
    after = wall.look()
    assert before is not None and after is not None and (before.minute, after.minute) == (119, 180)


def test_an_unknown_zone_is_a_sentence_and_no_schedule_holds() -> None:
    wall = WallWatch("Middle/Earth")
    told = wall.look()
    assert "Middle/Earth" in wall.problem and told is not None and not told.trusted
    assert WallWatch("../../etc/passwd").problem


def test_without_a_zone_the_machines_own_counts() -> None:
    wall = WallWatch(None)
    assert wall.problem == "" and wall.look() is not None


def test_a_sleep_is_news_before_the_wall_and_the_wall_is_told_with_it() -> None:
    clocks = Clocks()
    wall = [BUILT]
    watches = Watches(None, watch(clocks), WallWatch("UTC", lambda: wall[0]))
    assert list(watches.news(wall=False)) == []
    assert [type(news) for news in watches.news(wall=True)] == [ClockTold]
    assert list(watches.news(wall=True)) == []
    clocks.run(0.0, asleep_s=60)
    assert [type(news) for news in watches.news(wall=False)] == [Suspended, ClockTold]
    assert list(watches.news(wall=False)) == [] and watches.problem == ""
