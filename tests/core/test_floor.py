"""Rooms whose noise is known, level by level."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kioskd.core.floor import HISTORY_S, NoiseFloor
from kioskd.core.vad import SILENCE_DBFS
from kioskd.lanes import CHUNK_MS

A_SECOND = 1000 // CHUNK_MS
MARGIN_DB = 4.0


def power(level_dbfs: float) -> float:
    return 32768.0**2 * 10 ** (level_dbfs / 10)


def floor(least_dbfs: float = -55.0) -> NoiseFloor:
    return NoiseFloor(least_dbfs, MARGIN_DB)


def hear(room: NoiseFloor, level_dbfs: float, seconds: float) -> int:
    """How many chunks of this level stand out."""
    return sum(room.hear(power(level_dbfs)) for _ in range(round(seconds * A_SECOND)))


def test_at_first_the_owners_word_alone_counts() -> None:
    room = floor()
    assert room.level_dbfs == SILENCE_DBFS
    assert room.hear(power(-54.0)) and not room.hear(power(-56.0))


def test_the_noise_is_known_after_a_second() -> None:
    room = floor()
    hear(room, -40.0, 1.0)
    assert room.level_dbfs == pytest.approx(-40.0, abs=0.01)
    assert not room.hear(power(-40.0 + MARGIN_DB - 0.5))
    assert room.hear(power(-40.0 + MARGIN_DB + 0.5))


def test_a_quiet_room_does_not_lower_the_owners_bound() -> None:
    room = floor()
    hear(room, -80.0, 10.0)
    assert not room.hear(power(-56.0)) and room.hear(power(-54.0))


def test_a_voice_with_its_pauses_is_not_taken_for_noise() -> None:
    room = floor()
    hear(room, -60.0, 3.0)
    for _ in range(20):
        assert hear(room, -26.0, 1.5) == 1.5 * A_SECOND, "every chunk of it stands out"
        hear(room, -60.0, 0.4)
    assert room.level_dbfs < -38.0


def test_a_talker_without_a_pause_stands_out_of_himself_for_as_long_as_the_history_lasts() -> None:
    room = floor()
    hear(room, -60.0, 3.0)
    assert hear(room, -26.0, HISTORY_S - 1) == (HISTORY_S - 1) * A_SECOND


@pytest.mark.parametrize("db_a_second", [0.5, 1.0, 3.0, 10.0])
def test_a_noise_that_rises_deafens_nobody(db_a_second: float) -> None:
    room = floor()
    level = -70.0
    while level < -30.0:
        for _ in range(A_SECOND):
            level += db_a_second / A_SECOND
            room.hear(power(level))
        loud = max(level + MARGIN_DB + 0.1, -54.9)
        assert room.hear(power(loud)), f"a voice over noise at {level:.0f} dBFS"
    hear(room, level, HISTORY_S + 1)
    assert not room.hear(power(level)), "and in the end it is known for what it is"


def test_when_the_noise_stops_the_kiosk_hears_better_at_once() -> None:
    room = floor()
    hear(room, -30.0, 10.0)
    hear(room, -60.0, 1.0)
    assert room.hear(power(-45.0))


def test_a_moment_that_nobody_measured_counts_for_the_time() -> None:
    room = floor()
    for _ in range(A_SECOND // 4):
        room.hear(power(-40.0))
        for _ in range(3):
            room.pass_by()
    room.hear(power(-40.0))
    room.pass_by()
    assert not room.hear(power(-40.0 + MARGIN_DB - 0.5))


def test_what_is_measured_seldom_weighs_for_the_time_between() -> None:
    often, seldom = floor(), floor()
    for room in (often, seldom):
        hear(room, -20.0, 2.0)
    hear(often, -60.0, 0.48)
    for _ in range(6):
        for _ in range(3):
            seldom.pass_by()
        seldom.hear(power(-60.0))
    assert seldom.level_dbfs == pytest.approx(often.level_dbfs, abs=0.01)
    assert often.level_dbfs < -30.0


def test_a_second_without_any_measurement_leaves_what_was_known() -> None:
    room = floor()
    hear(room, -40.0, 2.0)
    for _ in range(100 * A_SECOND):
        room.pass_by()
    assert room.level_dbfs == pytest.approx(-40.0, abs=0.01)


def test_digital_silence_is_a_room_like_any_other() -> None:
    room = floor()
    assert not any(room.hear(0.0) for _ in range(10 * A_SECOND))
    assert room.level_dbfs == SILENCE_DBFS
    assert room.hear(power(-54.0))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.floats(-96, 0), st.integers(1, 80)), min_size=1, max_size=12))
def test_the_floor_never_lies_above_everything_that_was_heard(levels: list[tuple[float, int]]) -> None:
    room = floor()
    loudest = SILENCE_DBFS
    for level, chunks in levels:
        loudest = max(loudest, level)
        for _ in range(chunks):
            room.hear(power(level))
        assert room.level_dbfs <= loudest + 1e-3
        assert room.hear(power(max(loudest + MARGIN_DB, -55.0) + 0.01))
