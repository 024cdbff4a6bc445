"""The audio lanes: bounded in seconds, counted, cut by epoch and by response."""

from __future__ import annotations

import threading

from hypothesis import given, strategies as st

from kioskd.lanes import CHUNK_BYTES, CHUNK_MS, Chunk, PlaybackLane, UplinkLane


def chunk(number: int) -> Chunk:
    return Chunk(number.to_bytes(2, "little") * (CHUNK_BYTES // 2), float(number))


def uplink(seconds: float) -> tuple[UplinkLane, list[float]]:
    lost: list[float] = []
    return UplinkLane(seconds, lost.append), lost


def test_chunks_come_out_as_they_went_in() -> None:
    lane, lost = uplink(1.0)
    for number in range(5):
        lane.push(chunk(number))
    assert [lane.take() for _ in range(6)] == [*map(chunk, range(5)), None]
    assert lost == [] and lane.dropped == 0


@given(st.integers(1, 60), st.integers(0, 300))
def test_a_full_lane_drops_the_oldest_and_counts(capacity: int, pushed: int) -> None:
    lane, lost = uplink(capacity * CHUNK_MS / 1000)
    for number in range(pushed):
        lane.push(chunk(number))
    kept = [lane.take() for _ in range(len(lane))]
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
    lane.attach(None)
    lane.push(chunk(3))
    assert rung == [1, 1]


def test_a_cut_kills_what_waits_and_what_comes_late() -> None:
    lane = PlaybackLane(10)
    assert lane.put(b"\1\0" * 240, 24000, "r1")
    epoch = lane.cut("r1")
    assert lane.take(0) is None
    assert not lane.put(b"\1\0" * 240, 24000, "r1"), "a straggler of the cut response"
    assert lane.put(b"\2\0" * 240, 24000, "r2")
    piece = lane.take(0)
    assert piece is not None and piece.epoch == epoch and piece.pcm == b"\2\0" * 240
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


def test_what_was_cut_is_not_glued_to_what_follows() -> None:
    lane = PlaybackLane(10.0)
    lane.put(b"\1\1", 16_000, "a")
    epoch = lane.cut("a")
    lane.put(b"\2\2", 16_000, "b")
    piece = lane.take(0)
    assert piece is not None and (piece.pcm, piece.epoch) == (b"\2\2", epoch)
