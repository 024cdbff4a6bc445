"""The reference queue: what follows what, when clocks drift, threads are late and devices come and go."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kioskd.audio.reference import (
    BLOCK_BYTES,
    DRY_BLOCKS,
    KEPT_BLOCKS,
    SILENT_BLOCK,
    STANDING,
    WINDOW_BLOCKS,
    Reference,
    Resampler,
)
from kioskd.core.resample import make_resampler


def block(number: int) -> bytes:
    """Every block says which one it is."""
    return array("h", [number % 30000 + 1] * (BLOCK_BYTES // 2)).tobytes()


def number(pcm: bytes | None) -> int | None:
    return None if pcm is None else array("h", pcm)[0] - 1


def never(from_hz: int, to_hz: int) -> Resampler:
    return make_resampler(16000, 16000)


def queue() -> Reference:
    return Reference(never)


def test_what_is_put_is_taken_in_order() -> None:
    reference = queue()
    seen = []
    for n in range(50):
        reference.put(block(n), 16000)
        seen.append(number(reference.take()))
    assert seen == list(range(50))
    assert (reference.blocks, reference.lost, reference.doubled, reference.depth) == (50, 0, 0, 0)


def test_nothing_played_is_no_reference_and_counts_nothing() -> None:
    reference = queue()
    assert [reference.take() for _ in range(100)] == [None] * 100
    assert (reference.lost, reference.doubled) == (0, 0)


def test_the_lead_in_of_a_fresh_device_does_not_stand_in_the_queue() -> None:
    reference = queue()
    for _ in range(3):
        reference.put(SILENT_BLOCK, 16000)
    for n in range(300):
        reference.put(block(n), 16000)
        reference.take()
        assert reference.depth <= STANDING
    assert reference.lost == 0 and reference.doubled == 0, "it was silence, nothing was lost"


def test_a_lost_block_is_replaced_by_the_one_before_and_the_rest_stays_in_place() -> None:
    reference = queue()
    seen = []
    for n in range(100):
        if n != 50:
            reference.put(block(n), 16000)
        seen.append(number(reference.take()))
    assert seen[:50] == list(range(50)) and seen[50] == 49 and seen[51:] == list(range(51, 100))
    assert (reference.doubled, reference.lost) == (1, 0)


def test_a_queue_that_grows_loses_a_block_in_a_silent_moment() -> None:
    reference = queue()
    reference.put(block(0), 16000)
    reference.take()
    for n in range(STANDING + 1):
        reference.put(block(n), 16000)
    for _ in range(2 * WINDOW_BLOCKS):
        reference.put(block(7), 16000)
        reference.take()
    assert reference.depth == STANDING + 1 and reference.lost == 0, "there was no silent moment"
    reference.put(SILENT_BLOCK, 16000)
    for _ in range(5):
        reference.put(block(8), 16000)
        reference.take()
    assert reference.depth == STANDING + 1 and reference.lost == 1
    reference.take()
    assert reference.depth == STANDING


def test_a_queue_that_has_grown_by_much_is_shortened_at_once() -> None:
    reference = queue()
    reference.put(block(0), 16000)
    reference.take()
    for n in range(20):
        reference.put(block(n), 16000)
    for _ in range(WINDOW_BLOCKS + 1):
        reference.put(block(9), 16000)
        reference.take()
    assert reference.depth <= STANDING + 1
    assert reference.lost == 20 - STANDING


def test_bursts_of_either_thread_move_nothing() -> None:
    reference = queue()
    seen: list[int | None] = []
    sent = 0
    for _ in range(100):
        for _ in range(5):
            reference.put(block(sent), 16000)
            sent += 1
        seen += [number(reference.take()) for _ in range(5)]
    assert reference.lost == 0 and reference.doubled <= 4, "only the first burst finds too little"
    settled = [one for one in seen[10:] if one is not None]
    assert settled == list(range(settled[0], settled[0] + 490))


@pytest.mark.parametrize("ppm", [100, -100])
def test_drift_costs_one_block_in_a_hundred_seconds(ppm: int) -> None:
    reference = queue()
    sent = 0
    for n in range(40_000):
        while sent <= n * (1 + ppm * 1e-6):
            reference.put(SILENT_BLOCK if sent % 50 < 5 else block(sent), 16000)
            sent += 1
        assert reference.take() is not None
    changes = reference.lost if ppm > 0 else reference.doubled
    assert 1 <= changes <= 5
    assert reference.lost + reference.doubled == changes


def test_a_closed_output_is_no_underrun() -> None:
    reference = queue()
    reference.put(block(1), 16000)
    assert reference.take() is not None
    reference.rest()
    assert [reference.take() for _ in range(10)] == [None] * 10
    assert reference.doubled == 0
    reference.put(block(2), 16000)
    assert number(reference.take()) == 2


def test_a_device_that_vanished_without_a_word_is_at_rest_after_some_periods() -> None:
    reference = queue()
    reference.put(block(1), 16000)
    taken = [reference.take() for _ in range(100)]
    assert taken[1 : DRY_BLOCKS + 1] == [block(1)] * DRY_BLOCKS and taken[DRY_BLOCKS + 1] is None
    assert reference.doubled == DRY_BLOCKS


def test_nobody_takes_and_the_oldest_is_lost() -> None:
    reference = queue()
    for n in range(KEPT_BLOCKS + 30):
        reference.put(block(n), 16000)
    assert reference.depth == KEPT_BLOCKS and reference.lost == 30


def test_after_a_stalled_capture_the_reference_is_the_newest() -> None:
    reference = queue()
    for n in range(10):
        reference.put(block(n), 16000)
        reference.take()
    reference.forget()
    for n in range(10, 60):
        reference.put(block(n), 16000)
    assert number(reference.take()) == 59 - STANDING


@pytest.mark.parametrize("rate_hz", [8000, 22050, 24000, 44100, 48000])
def test_any_rate_becomes_one_block_for_each_period(rate_hz: int) -> None:
    reference = Reference(make_resampler)
    period, owed = rate_hz // 100, 0.0
    for _ in range(500):
        owed += rate_hz / 100 - period
        frames = period + int(owed)
        owed -= int(owed)
        reference.put(bytes(2 * frames), rate_hz)
        reference.take()
    assert reference.blocks == pytest.approx(500, abs=1)
    assert reference.lost == 0 and reference.doubled <= 2


def test_a_new_rate_in_the_middle_is_taken() -> None:
    reference = Reference(make_resampler)
    for rate_hz in (48000, 24000, 16000):
        for _ in range(20):
            reference.put(bytes(rate_hz // 50), rate_hz)
            assert reference.take() is not None


def test_bad_input_is_refused_and_changes_nothing() -> None:
    reference = Reference(make_resampler)
    with pytest.raises(ValueError):
        reference.put(b"\0", 16000)
    for rate_hz in (0, -1):
        with pytest.raises(ValueError):
            reference.put(bytes(320), rate_hz)
    assert reference.take() is None and reference.blocks == 0
    reference.put(bytes(320), 16000)
    assert reference.take() == SILENT_BLOCK


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(["put", "put", "put", "silence", "take", "take", "take", "rest", "forget"]), max_size=900)
)
def test_whatever_happens_the_queue_is_bounded_and_every_block_is_accounted_for(deeds: list[str]) -> None:
    reference = queue()
    sent = fresh = last = 0
    for deed in deeds:
        if deed in ("put", "silence"):
            reference.put(block(sent) if deed == "put" else SILENT_BLOCK, 16000)
            sent += 1
        elif deed == "take":
            doubled = reference.doubled
            taken = reference.take()
            assert taken is None or len(taken) == BLOCK_BYTES
            if taken is not None and reference.doubled == doubled:
                fresh += 1
                if taken != SILENT_BLOCK:
                    assert number(taken) is not None and (number(taken) or 0) >= last, "never backwards"
                    last = number(taken) or 0
        elif deed == "rest":
            reference.rest()
        else:
            reference.forget()
        assert reference.depth <= KEPT_BLOCKS
    assert reference.blocks == sent
    assert fresh + reference.lost + reference.depth <= sent, "what an opening drops is counted nowhere"


def test_a_queue_that_had_grown_and_ran_dry_all_the_same_is_no_trouble() -> None:
    reference = queue()
    reference.put(block(0), 16000)
    reference.take()
    for _ in range(STANDING + 1):
        reference.put(block(1), 16000)
    for _ in range(WINDOW_BLOCKS + 5):
        reference.put(block(2), 16000)
        reference.take()
    assert reference.lost == 0, "it waits for a silent moment"
    taken = [reference.take() for _ in range(20)]
    assert taken[-1] == block(2) and reference.doubled > 10
