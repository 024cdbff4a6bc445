"""What is played next and what was: a lane and a mixer, on a clock of the test, without a device."""

from __future__ import annotations

import struct

from kioskd.audio.mixer import Mixer
from kioskd.audio.supply import Supply
from kioskd.core.events import Event, PlaybackCut, PlaybackDrained, PlaybackStarted
from kioskd.lanes import PlaybackLane

HZ = 24000
LATENCY_S = 0.03


def level(value: int, ms: int) -> bytes:
    return struct.pack("<h", value) * (HZ * ms // 1000)


class Stage:
    """A supply whose periods a speaker of the test takes, each in no time."""

    def __init__(self) -> None:
        self.lane, self.mixer = PlaybackLane(60.0), Mixer({})
        self.mixer.tune(HZ)
        self.facts: list[Event] = []
        self.now = 1000.0
        self.supply = Supply(self.lane, self.mixer, self.post, lambda: self.now)

    def post(self, event: Event) -> bool:
        self.facts.append(event)
        return True

    def take(self, most: int = 100) -> bytes:
        """Hand over all the sound there is, or so many periods of it."""
        heard = b""
        while most and (period := self.supply.next()) is not None:
            self.now += 0.01
            self.mixer.handed(period)
            self.supply.sounded(self.now, LATENCY_S)
            heard, most = heard + period, most - 1
        return heard


def test_what_is_put_in_comes_out_and_is_told_once() -> None:
    stage = Stage()
    stage.lane.put(level(5000, 20), HZ, "r1")
    stage.lane.put(level(6000, 20), HZ, "r1")
    assert stage.take() == level(5000, 20) + level(6000, 20)
    assert stage.facts == [PlaybackStarted(1000.01)]
    stage.supply.drained(1001.0)
    assert stage.facts[1:] == [PlaybackDrained(1001.0)] and not stage.supply.playing


def test_it_is_still_only_while_nothing_sounds_waits_or_is_held_back() -> None:
    stage = Stage()
    assert stage.supply.still
    stage.lane.put(level(5000, 25), HZ, "r1")
    assert not stage.supply.still
    stage.take(2)
    assert not stage.supply.still, "half a period is left"
    stage.take()
    stage.supply.drained(stage.now)
    assert not stage.supply.still, "the sound has not fallen to silence yet"
    while stage.mixer.loaded:
        stage.mixer.handed(stage.mixer.silence())
    assert stage.supply.still
    stage.lane.cut("r1")
    stage.supply.notice_cut()
    assert not stage.supply.still, "a cut has to be told"


def test_a_cut_tells_how_much_was_heard_and_what_was_at_hand_dies() -> None:
    stage = Stage()
    stage.lane.put(level(5000, 100), HZ, "r1")
    stage.take(5)
    stage.lane.cut("r1")
    assert stage.supply.next() is not None, "nobody has looked at the lane yet: one period may still go"
    stage.supply.notice_cut()
    assert stage.supply.cut and stage.supply.next() is None
    (cut,) = [fact for fact in stage.facts if isinstance(fact, PlaybackCut)]
    assert (cut.response, cut.heard_ms) == ("r1", 20), "of 50 ms handed over the device still holds 30"
    stage.supply.cut = False
    stage.lane.put(level(7000, 10), HZ, "r2")
    assert stage.take() == level(7000, 10)


def test_sound_that_no_device_took_was_not_heard() -> None:
    stage = Stage()
    stage.lane.put(level(5000, 20), HZ, "r1")
    while (period := stage.supply.next()) is not None:
        stage.mixer.handed(period)
        stage.supply.sounded(stage.now, None)
    stage.lane.cut("r1")
    stage.supply.notice_cut()
    assert [type(fact) for fact in stage.facts] == [PlaybackStarted]


def test_a_hole_in_an_answer_is_counted_and_the_end_of_a_cue_is_none() -> None:
    stage = Stage()
    stage.lane.put(level(5000, 20), HZ, "r1")
    stage.take()
    stage.now += 0.1
    stage.lane.put(level(5000, 20), HZ, "r1")
    stage.take()
    assert stage.supply.holes.underruns == 1
    stage.lane.put(level(5000, 20), HZ, source="cue")
    stage.take()
    stage.now += 0.1
    stage.lane.put(level(5000, 20), HZ, source="cue")
    stage.take()
    assert stage.supply.holes.underruns == 1
