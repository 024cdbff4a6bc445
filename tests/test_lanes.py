"""The audio lanes: bounded in seconds, counted, cut by epoch and by response."""

from __future__ import annotations

import threading
import time
from collections import deque

from hypothesis import given, strategies as st

from kioskd.lanes import CHUNK_BYTES, CHUNK_MS, MOST_TOGETHER, Chunk, PlaybackLane, UplinkLane


def chunk(number: int) -> Chunk:
    return Chunk(number.to_bytes(2, "little") * (CHUNK_BYTES // 2), float(number))


def uplink(seconds: float) -> tuple[UplinkLane, list[float]]:
    lost: list[float] = []
    return UplinkLane(seconds, lost.append), lost


def test_chunks_come_out_as_they_went_in() -> None:
    lane, lost = uplink(1.0)
    for number in range(5):
        lane.push(chunk(number))
    assert lane.take() == [chunk(0)] and lane.take(2) == [chunk(1), chunk(2)]
    assert lane.take(9) == [chunk(3), chunk(4)] and lane.take() == [] and lane.taken == 5
    assert lost == [] and lane.dropped == 0


def test_a_frame_never_reaches_across_a_mark_whatever_was_counted_before() -> None:
    """The capture thread may drop the head of a full lane between the counting and the taking."""
    lane, _ = uplink(0.08)
    mark = Chunk(b"", 1.0)
    for each in (chunk(1), chunk(2), mark, chunk(3)):
        lane.push(each)
    assert lane.together(2) == 2
    lane.push(chunk(4))
    assert lane.take(2) == [chunk(2)], "as far as the mark"
    lane.push(chunk(5))
    assert lane.take(2) == [mark], "alone"
    assert lane.clear() == [chunk(3), chunk(4), chunk(5)] and lane.taken == 5


class Snatched(deque[Chunk]):
    """The other thread takes the last ones between the look and the taking."""

    def popleft(self) -> Chunk:
        self.clear()
        return super().popleft()


def test_a_lane_that_is_emptied_in_the_same_moment_raises_nothing() -> None:
    lane, lost = uplink(0.04)
    lane._ring = Snatched()
    for number in range(3):
        lane.push(chunk(number))
    assert (len(lane), lane.dropped, lost) == (0, 0, [])
    lane.push(chunk(4))
    assert lane.take(2) == [] and lane.taken == 0


def test_speech_goes_together_as_far_as_its_mark_and_a_mark_alone() -> None:
    for waits, together in (("", 0), ("s", 1), ("ss", 2), ("sss", 2), ("sE", 1), ("ssE", 2), ("E", 1), ("Es", 1)):
        lane, _ = uplink(1.0)
        for kind in waits:
            lane.push(chunk(1) if kind == "s" else Chunk(b"", 1.0))
        assert lane.together(MOST_TOGETHER) == together, waits


@given(st.integers(MOST_TOGETHER, 60), st.integers(0, 300))
def test_a_full_lane_drops_the_oldest_and_counts(capacity: int, pushed: int) -> None:
    lane, lost = uplink(capacity * CHUNK_MS / 1000)
    for number in range(pushed):
        lane.push(chunk(number))
    kept = lane.clear()
    assert kept == [chunk(number) for number in range(max(0, pushed - capacity), pushed)]
    assert lane.dropped == max(0, pushed - capacity)
    assert len(lost) == (1 if pushed > capacity else 0), "told once for each utterance"


def test_each_utterance_that_lost_audio_is_told() -> None:
    lane, lost = uplink(0.1)
    for _ in range(2):
        for number in range(10):
            lane.push(chunk(number))
        lane.push(Chunk(b"", 1.0))
    assert len(lost) == 2


def test_nobody_is_woken_without_a_bell() -> None:
    lane, _ = uplink(1.0)
    rung: list[int] = []
    lane.push(chunk(1))
    assert rung == []
    lane.attach(lambda: rung.append(1))
    assert rung == [1], "what waited is told at once"
    lane.push(chunk(2))
    assert rung == [1], "whoever takes looks again"
    assert len(lane.take(2)) == 2
    lane.push(chunk(3))
    assert rung == [1, 1], "an empty lane is waited for"
    lane.take()
    lane.attach(None)
    lane.push(chunk(4))
    assert rung == [1, 1]


def test_a_taker_that_looks_again_until_nothing_is_there_misses_no_chunk() -> None:
    """Threads, and a bell that rings for an empty lane only: every chunk is taken without a second ring for it."""
    lane, _ = uplink(60.0)
    bell = threading.Event()
    lane.attach(bell.set)
    pushing = threading.Thread(target=lambda: [lane.push(chunk(number % 100)) for number in range(2000)])
    taken: list[Chunk] = []
    pushing.start()
    while len(taken) < 2000:
        assert bell.wait(5.0), f"{len(taken)} taken, {len(lane)} wait and nobody was told"
        bell.clear()
        while found := lane.take(MOST_TOGETHER):
            taken.extend(found)
    pushing.join()
    assert taken == [chunk(number % 100) for number in range(2000)]


def test_a_cut_kills_what_waits_and_what_comes_late() -> None:
    lane = PlaybackLane(10)
    assert lane.put(b"\1\0" * 240, 24000, "r1")
    epoch = lane.cut("r1")
    assert lane.take(0) is None
    assert not lane.put(b"\1\0" * 240, 24000, "r1"), "a straggler of the cut response"
    assert lane.put(b"\2\0" * 240, 24000, "r2")
    piece = lane.take(0)
    assert piece is not None and piece.epoch == epoch and piece.response == "r2" and piece.pcm == b"\2\0" * 240
    assert lane.late == 1


def test_the_playback_lane_is_bounded_in_seconds() -> None:
    lane = PlaybackLane(1.0)
    taken = sum(lane.put(bytes(4800), 24000) for _ in range(20))
    assert taken == 10 and lane.refused == 10
    assert abs(lane.waiting_s - 1.0) < 1e-9


def test_taking_wakes_when_something_is_put() -> None:
    lane = PlaybackLane(1.0)
    got: list[object] = []
    thread = threading.Thread(target=lambda: got.append(lane.take(10)))
    thread.start()
    lane.put(bytes(480), 24000)
    thread.join(10)
    assert len(got) == 1 and got[0] is not None


def test_waking_lets_go_of_an_empty_lane() -> None:
    lane = PlaybackLane(1.0)
    thread = threading.Thread(target=lane.take, args=(10,))
    thread.start()
    while thread.is_alive():
        lane.wake()
        thread.join(0.01)
    assert lane.take(0) is None


def test_remembered_cuts_are_bounded() -> None:
    lane = PlaybackLane(1.0)
    for number in range(1000):
        lane.cut(f"r{number}")
    assert lane.put(b"\0\0", 24000, "r0"), "forgotten long ago"
    assert not lane.put(b"\0\0", 24000, "r999")


def test_crumbs_cost_no_more_memory_than_the_sound_they_hold() -> None:
    """A service that sends an answer sample by sample."""
    lane = PlaybackLane(10.0)
    crumbs = [number.to_bytes(2, "little") for number in range(2_000)]
    for crumb in crumbs:
        assert lane.put(crumb, 16_000, "r")
    lane.put(b"\1\1", 16_000, source="cue")
    pieces = []
    while (piece := lane.take(0)) is not None:
        pieces.append(piece)
    assert b"".join(piece.pcm for piece in pieces[:-1]) == b"".join(crumbs)
    assert len(pieces) < 12 and pieces[-1].source == "cue"
    assert lane.waiting_s < 1e-6


def test_a_long_slice_is_given_in_parts_and_the_rest_still_waits() -> None:
    lane = PlaybackLane(60.0)
    whole = b"".join((n % 30000).to_bytes(2, "little") for n in range(24_000 * 2))
    assert lane.put(whole, 24_000, "r") and lane.put(b"\7\7", 24_000, "s")
    first = lane.take(0)
    assert first is not None and len(first.pcm) == 2 * 24_000 * lane.TAKEN_MS // 1000 and first.response == "r"
    assert abs(lane.waiting_s - (2.0 - lane.TAKEN_MS / 1000)) < 1e-3
    pieces = [first]
    while (piece := lane.take(0)) is not None:
        pieces.append(piece)
    assert b"".join(piece.pcm for piece in pieces) == whole + b"\7\7"
    assert pieces[-1].response == "s" and lane.waiting_s == 0


def test_the_rest_of_a_long_slice_dies_with_a_cut() -> None:
    lane = PlaybackLane(60.0)
    lane.put(b"\1\0" * 24_000, 24_000, "r")
    lane.take(0)
    lane.cut("r")
    assert lane.take(0) is None and lane.waiting_s == 0 and lane.cut_response == "r"
    lane.put(b"\2\0" * 4_900, 24_000, "s")
    pieces = [lane.take(0), lane.take(0)]
    assert b"".join(piece.pcm for piece in pieces if piece is not None) == b"\2\0" * 4_900


def test_ten_times_as_fast_as_speech_stays_within_bounds_and_costs_the_same_throughout() -> None:
    """Three minutes of deltas of 20 ms for a lane of one, taken at the pace of speech."""
    now = [0.0]
    lane = PlaybackLane(60.0, lambda: now[0])
    lane.hold_at_most(0.24)
    piece, taken_s = b"\1\0" * 480, 0.0
    costs = []
    for number in range(9000):
        now[0] += 0.002
        began = time.perf_counter()
        lane.put(piece, 24_000, "r")
        costs.append(time.perf_counter() - began)
        if number % 10 == 0 and (got := lane.take(0)) is not None:
            taken_s += len(got.pcm) / 48_000
        assert lane.waiting_s <= 60.0
    assert lane.refused > 0 and taken_s > 0
    early, late = sorted(costs[:1000])[500], sorted(costs[-1000:])[500]
    assert late < 5 * early + 1e-4
    assert lane.held_back_s == 0.0


def test_what_is_held_back_is_given_when_its_time_has_come() -> None:
    now = [0.0]
    lane = PlaybackLane(60.0, lambda: now[0])
    lane.hold_at_most(0.24)
    for at in (0.0, 0.3, 0.4, 0.7):  # bursts of 200 ms, each second one 100 ms late
        now[0] = at
        lane.put(b"\1\0" * 4800, 24_000, "r")
    assert 0.1 <= lane.held_back_s < 0.12
    while lane.take(0) is not None:
        continue
    now[0] = 10.0
    lane.put(b"\1\0" * 2400, 24_000, "s")
    lane.put(b"\1\0" * 240, 24_000, source="cue")
    assert lane.take(0) is None and lane.wait(0) and lane.waiting_s > 0.1
    now[0] = 10.05
    assert lane.take(0.001) is None
    now[0] = 10.12
    piece = lane.take(0)
    assert piece is not None and piece.response == "s"
    piece = lane.take(0)
    assert piece is not None and piece.source == "cue"


def test_a_cue_is_never_held_back() -> None:
    lane = PlaybackLane(60.0, lambda: 0.0)
    lane.hold_at_most(0.24)
    lane.put(b"\1\0" * 240, 24_000, source="cue")
    assert lane.take(0) is not None


def test_a_wake_up_before_the_wait_is_not_lost() -> None:
    lane = PlaybackLane(1.0)
    lane.wake()
    assert not lane.wait(10)
    lane.wake()
    assert lane.take(10) is None


def test_crumbs_of_two_answers_are_not_glued_together() -> None:
    lane = PlaybackLane(10.0)
    for response in ("a", "b"):
        lane.put(b"\1\1", 16_000, response)
    pieces = [lane.take(0), lane.take(0)]
    assert [piece.response for piece in pieces if piece is not None] == ["a", "b"]


def test_what_was_cut_is_not_glued_to_what_follows() -> None:
    lane = PlaybackLane(10.0)
    lane.put(b"\1\1", 16_000, "a")
    epoch = lane.cut("a")
    lane.put(b"\2\2", 16_000, "b")
    piece = lane.take(0)
    assert piece is not None and (piece.pcm, piece.epoch) == (b"\2\2", epoch)


def test_crumbs_of_two_answers_in_turns_cost_no_more_memory_than_sound_does() -> None:
    lane = PlaybackLane(1.0)
    taken = sum(lane.put(b"\1\0", 48_000, f"r{number % 2}") for number in range(48_000))
    assert taken == len(lane._ring) == PlaybackLane.SLICES_A_SECOND and lane.refused == 48_000 - taken


def test_honest_pieces_are_never_too_many() -> None:
    lane = PlaybackLane(2.0)
    pieces = 2 * 48_000 // 48  # of a millisecond each
    assert all(lane.put(bytes(96), 48_000, "r") for _ in range(pieces))


def test_the_next_session_may_call_its_answers_the_same() -> None:
    lane = PlaybackLane(1.0)
    lane.cut("resp_1")
    assert not lane.put(bytes(480), 24_000, "resp_1")
    lane.forget_cuts()
    assert lane.put(bytes(480), 24_000, "resp_1") and lane.late == 1
