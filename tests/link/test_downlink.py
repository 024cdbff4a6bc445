"""Answers into the lane: whole, or cut at one place."""

from __future__ import annotations

from kioskd.lanes import PlaybackLane
from kioskd.link.downlink import Downlink, Placed
from kioskd.wire.facts import Audio


def piece(response: str, seconds: float) -> Audio:
    return Audio(response, b"\0\0" * round(seconds * 1000), 1000)


def test_what_fits_is_taken() -> None:
    lane = PlaybackLane(1.0)
    assert Downlink(lane, 5.0).put(piece("a", 1.0)) is Placed.TAKEN
    assert lane.waiting_s == 1.0


def test_an_answer_that_does_not_fit_has_an_end_and_no_holes() -> None:
    lane = PlaybackLane(1.0)
    downlink = Downlink(lane, 5.0)
    assert downlink.put(piece("a", 0.9)) is Placed.TAKEN
    assert downlink.put(piece("a", 0.5)) is Placed.FULL
    while lane.take(0) is not None:
        continue
    assert downlink.put(piece("a", 0.5)) is Placed.DROPPED  # it would fit now, in the wrong place
    assert downlink.put(piece("b", 0.5)) is Placed.TAKEN
    assert downlink.overlong_s == 1.0


def test_a_response_that_was_cut_at_the_lane_is_no_overflow() -> None:
    lane = PlaybackLane(1.0)
    lane.cut("a")
    downlink = Downlink(lane, 5.0)
    assert downlink.put(piece("a", 0.5)) is Placed.TAKEN
    assert downlink.overlong_s == 0.0 and lane.late == 1


def test_audio_without_end_is_endless_whatever_it_calls_itself() -> None:
    downlink = Downlink(PlaybackLane(1.0), 2.0)
    placed = [downlink.put(piece(str(number), 1.0)) for number in range(5)]
    assert placed == [Placed.TAKEN, Placed.FULL, Placed.FULL, Placed.ENDLESS, Placed.ENDLESS]
