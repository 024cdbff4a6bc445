"""Whether the clock can be believed."""

from __future__ import annotations

from pathlib import Path
from typing import Callable

import pytest

from kioskd.checkup.clock import TIME_ERROR, Discipline, adjtimex, against, battery, synchronised
from kioskd.core.finding import Grade

Put = Callable[[str, str], Path]
NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("found", "grade"),
    [
        (Discipline(0, 0x2001, 1500), Grade.OK),
        (Discipline(TIME_ERROR, 0x40, 16_000_000), Grade.WARN),
        (Discipline(0, 0x40, 1500), Grade.WARN),
        (Discipline(TIME_ERROR, 0, 1500), Grade.WARN),
    ],
)
def test_a_clock_that_nobody_keeps_is_warned_of(found: Discipline, grade: Grade) -> None:
    (told,) = synchronised(lambda: found)
    assert told.grade is grade and told.data["error_ms"] == found.error_us / 1000
    # A small Debian keeps no clock at all until this is installed.
    assert grade is Grade.OK or "apt install systemd-timesyncd" in told.advice


def test_a_kernel_that_refuses_is_not_known() -> None:
    def refuse() -> Discipline:
        raise OSError(1, "Operation not permitted")

    (told,) = synchronised(refuse)
    assert told.grade is Grade.UNKNOWN


def test_this_kernel_says_something_that_can_be_true() -> None:
    found = adjtimex()
    assert 0 <= found.state <= TIME_ERROR and 0 <= found.error_us <= 100_000_000


def test_a_battery_clock_is_held_to_the_time(put: Put, tmp_path: Path) -> None:
    put("class/rtc/rtc0/name", "rtc-ds1307 1-0068\n")
    put("class/rtc/rtc0/since_epoch", f"{NOW:.0f}\n")
    (told,) = battery(tmp_path, NOW + 2)
    assert told.grade is Grade.OK and "ds1307" in told.sentence
    (told,) = battery(tmp_path, NOW + 86_400)
    assert told.grade is Grade.WARN and "86400 s behind" in told.sentence


def test_a_board_without_one_is_told_what_that_means(put: Put, tmp_path: Path) -> None:
    put("class/rtc/rtc0/name", "no battery answers\n")
    (told,) = battery(tmp_path, NOW)
    assert told.grade is Grade.UNKNOWN and "power cut" in told.sentence


@pytest.mark.parametrize(("apart_s", "grade"), [(0, Grade.OK), (29, Grade.OK), (-31, Grade.FAIL), (3600, Grade.FAIL)])
def test_the_services_own_clock_is_the_judge(apart_s: float, grade: Grade) -> None:
    (told,) = against(NOW, NOW + apart_s)
    assert told.grade is grade
    assert grade is Grade.OK or ("ahead of" if apart_s > 0 else "behind") in told.sentence
    assert list(against(None, NOW)) == []
