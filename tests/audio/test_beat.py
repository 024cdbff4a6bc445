"""The beat of a device, and how full its ring is kept: on a clock of the test."""

from __future__ import annotations

import pytest

from kioskd.audio.beat import CLOSE_POLLS, CREEP_S, POLL_S, WARY_S, Beat, Depth

BLOCK_S = 0.01
OVERSLEEP_S = 0.0002
PERIOD, RING = 240, 720


def read(beats: int, phase_s: float, stall_at: int = -1, stall_s: float = 0.0) -> list[float]:
    """How late each of ``beats`` pairs of blocks is fetched from a source that delivers a block each BLOCK_S."""
    beat, now, fetched, late = Beat(2 * BLOCK_S), 1.0, 0, []
    began = now + phase_s
    for number in range(beats):
        now = max(now, beat.due_at) + OVERSLEEP_S + (stall_s if number == stall_at else 0.0)
        polls = 0
        while (there := int((now - began) / BLOCK_S + 1e-9)) < fetched + 2:
            now += beat.pause_s(polls, 2 * BLOCK_S) + OVERSLEEP_S
            polls += 1
        fetched += 2
        late.append(now - began - fetched * BLOCK_S)
        beat.came(now, polls, (there - fetched) * BLOCK_S)
    return late


@pytest.mark.parametrize("phase_s", [0.0, 0.003, 0.0099])
def test_a_source_that_delivers_blocks_is_read_within_a_poll_of_its_beat(phase_s: float) -> None:
    late = read(1000, phase_s)[30:]
    assert max(late) <= POLL_S + 2 * OVERSLEEP_S
    assert sum(late) / len(late) < POLL_S


def test_a_beat_that_is_stretched_keeps_its_time() -> None:
    beat = Beat(2 * BLOCK_S)
    beat.came(5.0, 1, 0.0)
    beat.stretch(4 * BLOCK_S)
    assert beat.due_at == pytest.approx(5.0 + 4 * BLOCK_S)
    beat.came(beat.due_at, 1, 0.0)
    assert beat.due_at == pytest.approx(5.0 + 8 * BLOCK_S)


def test_whoever_moved_two_blocks_at_once_looks_again_after_two() -> None:
    beat = Beat(BLOCK_S)
    beat.came(5.0, 1, 0.0)
    beat.moved(2)
    assert beat.due_at == pytest.approx(5.0 + 2 * BLOCK_S)
    beat.came(beat.due_at, 1, 0.0)
    beat.moved(1)
    assert beat.due_at == pytest.approx(5.0 + 3 * BLOCK_S)


def test_the_beat_costs_hardly_more_than_one_look_for_each() -> None:
    beat, now, looks = Beat(2 * BLOCK_S), 0.0, 0
    for number in range(1, 1001):
        now = max(now, beat.due_at) + OVERSLEEP_S
        polls = 0
        while now < number * 2 * BLOCK_S:
            now += beat.pause_s(polls, BLOCK_S) + OVERSLEEP_S
            polls += 1
        looks += 1 + polls
        beat.came(now, polls, 0.0)
    assert looks < 1.2 * 1000 + CLOSE_POLLS


def test_what_piled_up_while_nobody_looked_is_fetched_at_once() -> None:
    late = read(90, 0.0, stall_at=20, stall_s=0.2)
    assert late[20] > 0.19
    assert max(late[60:]) <= POLL_S + 2 * OVERSLEEP_S, "a backlog stayed"


def test_a_source_that_gives_nothing_is_not_polled_without_a_pause() -> None:
    assert Beat.pause_s(0, 0.02) == POLL_S
    assert Beat.pause_s(CLOSE_POLLS, 0.02) == 0.02
    assert Beat.pause_s(CLOSE_POLLS, 0.0) == POLL_S


def test_the_next_look_is_a_little_earlier_when_all_was_there_and_never_in_the_past() -> None:
    beat = Beat(BLOCK_S)
    beat.came(10.0, 1, 0.0)
    assert beat.due_at == 10.0 + BLOCK_S
    beat.came(10.0 + BLOCK_S, 0, 0.0)
    assert beat.due_at == pytest.approx(10.0 + 2 * BLOCK_S - CREEP_S)
    beat.came(99.0, 0, 0.0)
    assert beat.due_at >= 99.0


def test_a_ring_is_kept_full_by_two_periods() -> None:
    depth = Depth()
    assert RING - depth.room(RING, PERIOD, 0.0) == PERIOD, "one is left when the next one is handed over"
    assert depth.room(2 * PERIOD, PERIOD, 0.0) == PERIOD
    assert depth.room(PERIOD, PERIOD, 0.0) == PERIOD, "a ring of one period cannot have more than one free"


def test_a_ring_that_nearly_ran_dry_once_is_left_as_it_is() -> None:
    depth = Depth()
    depth.seen(PERIOD, PERIOD, 5.0)
    assert depth.shallows == 0
    depth.seen(1, PERIOD, 6.0)
    depth.seen(1, PERIOD, 6.0 + WARY_S)
    assert depth.shallows == 2 and depth.room(RING, PERIOD, 6.0 + WARY_S) == 2 * PERIOD


@pytest.mark.parametrize(
    ("shallows", "kept"),
    [
        ([(1, 6.0), (1, 7.0)], 1.5),
        ([(1, 5.0), (1, 6.0), (1, 7.0)], 2),
        ([(1, 6.0), (0, 6.5), (1, 7.0)], 2),
        ([(0, 7.0)], 2),
    ],
)
def test_a_ring_that_ran_dry_or_nearly_so_twice_is_kept_fuller_for_a_while(
    shallows: list[tuple[int, float]], kept: float
) -> None:
    depth = Depth()
    for left, at in shallows:
        depth.seen(left, PERIOD, at)
    assert RING - depth.room(RING, PERIOD, 7.0 + WARY_S / 2) == kept * PERIOD
    assert depth.room(RING, PERIOD, 7.0 + WARY_S) == 2 * PERIOD
