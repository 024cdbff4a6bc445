"""The ladder of a failing device, rung by rung, by a clock that the test moves."""

from __future__ import annotations

import pytest

from kioskd.audio.speaker import STALL_S, Speaker
from kioskd.audio.streams import DeviceError
from kioskd.core.events import Event, PartChanged
from kioskd.core.words import PartState

PERIOD = b"\1\0" * 240


class World:
    """A clock, and a card that does what the test says: ``absent``, ``stuck`` or ``dying``."""

    def __init__(self) -> None:
        self.now = 50.0
        self.fault = ""
        self.cards: list[Card] = []
        self.opened = 0
        self.events: list[Event] = []
        self.tuned: list[int] = []

    def open(self, spec: str) -> Card:
        self.opened += 1
        if self.fault == "absent":
            raise DeviceError(f"no {spec}; plug it in")
        self.cards.append(Card(self))
        return self.cards[-1]

    def post(self, event: Event) -> bool:
        self.events.append(event)
        return True

    def states(self) -> list[PartState]:
        return [event.state for event in self.events if isinstance(event, PartChanged)]

    def speaker(self, lead_in_ms: int = 0) -> Speaker:
        return Speaker("alsa:card", self.open, self.post, self.tuned.append, 1.0, lambda: self.now, lead_in_ms)


class Card:
    rate_hz = 24000
    latency_s = 0.03
    xruns = 1

    def __init__(self, world: World) -> None:
        self.world = world
        self.heard: list[bytes] = []
        self.closed = 0

    def write(self, pcm: bytes, timeout_s: float) -> bool:
        assert not self.closed
        if self.world.fault == "dying":
            raise DeviceError("alsa:card is gone")
        if self.world.fault == "stuck":
            self.world.now += timeout_s
            return False
        self.world.now += 0.01
        self.heard.append(pcm)
        return True

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def world() -> World:
    return World()


def hand(speaker: Speaker, count: int = 1) -> None:
    for _ in range(count):
        assert speaker.hand(PERIOD, True, lambda: True)


@pytest.mark.parametrize(("lead_in_ms", "periods"), [(0, 0), (1, 1), (30, 3), (31, 4), (1000, 100)])
def test_a_fresh_device_wants_silence_first(world: World, lead_in_ms: int, periods: int) -> None:
    speaker = world.speaker(lead_in_ms)
    assert not speaker.leading
    for opened in (1, 2):
        speaker.serve()
        count = 0
        while speaker.leading:
            assert speaker.hand(bytes(480), False, lambda: True)
            count += 1
        assert count == periods and world.opened == opened
        speaker.rest()


def test_the_void_wants_no_silence(world: World) -> None:
    speaker = world.speaker(30)
    world.fault = "absent"
    speaker.serve()
    assert speaker.serving and not speaker.voiced and not speaker.leading


def test_a_device_is_opened_once(world: World) -> None:
    speaker = world.speaker()
    assert not speaker.serving and speaker.latency_s == 0
    speaker.ready()
    assert speaker.voiced
    speaker.ready()
    speaker.serve()
    hand(speaker)
    assert world.opened == 1 and world.cards[0].heard == [PERIOD]
    assert world.states() == [PartState.RUNNING]
    now = speaker.progress()
    assert now.open and now.periods == 1 and now.latency_s == 0.03 and now.xruns == 1 and now.lost_ms == 0


def test_what_is_no_longer_wanted_is_not_handed_over(world: World) -> None:
    speaker = world.speaker()
    speaker.serve()
    assert not speaker.hand(PERIOD, True, lambda: False)
    assert PERIOD not in world.cards[0].heard


def test_whether_it_is_wanted_is_asked_before_each_try(world: World) -> None:
    speaker = world.speaker()
    speaker.serve()
    world.fault = "stuck"
    asked = iter([True, True, False])
    assert not speaker.hand(PERIOD, True, lambda: next(asked))
    assert not world.cards[0].closed


def test_a_missing_device_is_replaced_by_the_void_and_counted(world: World) -> None:
    speaker = world.speaker()
    world.fault = "absent"
    speaker.serve()
    hand(speaker, 3)
    now = speaker.progress()
    assert (now.state, now.reason, now.open) == (PartState.ABSENT, "no alsa:card; plug it in", False)
    assert now.lost_ms == 30 and speaker.serving and world.tuned == [24000]


def test_a_missing_device_is_tried_again_only_when_it_is_time(world: World) -> None:
    speaker = world.speaker()
    world.fault = "absent"
    speaker.serve()
    assert speaker.retry_in_s == pytest.approx(1.0)
    speaker.try_again()
    assert world.opened == 1
    world.now += 1.1
    speaker.try_again()
    assert world.opened == 2 and speaker.progress().tries == 2
    world.fault = ""
    world.now += 1.1
    speaker.try_again()
    hand(speaker)
    assert world.cards[0].heard[-1] == PERIOD
    assert world.states() == [PartState.ABSENT, PartState.RUNNING]  # told once, not at each try
    assert speaker.progress().reopened == 1 and speaker.retry_in_s is None


def test_a_dying_device_loses_one_period_and_is_closed(world: World) -> None:
    speaker = world.speaker()
    speaker.serve()
    hand(speaker, 20)
    world.fault = "dying"
    hand(speaker)
    assert world.cards[0].closed == 1
    now = speaker.progress()
    assert now.state is PartState.ABSENT and now.reason == "alsa:card is gone"
    assert now.lost_ms == 10 and now.xruns == 1 and not now.open and speaker.serving


def test_a_device_that_stops_taking_is_opened_again_at_once(world: World) -> None:
    speaker = world.speaker()
    speaker.serve()
    hand(speaker, 20)
    world.fault = "stuck"
    began = world.now

    def heal_when_reopened() -> bool:
        if world.now - began > STALL_S - 0.01:
            world.fault = ""
            world.cards[0].world = World()  # the old stream stays stuck
            world.cards[0].world.fault = "stuck"
            world.now += 0.01
        return True

    assert speaker.hand(PERIOD, True, heal_when_reopened)
    assert len(world.cards) == 2 and world.cards[0].closed == 1
    hand(speaker)
    assert world.cards[1].heard[-1] == PERIOD
    assert world.states() == [PartState.RUNNING, PartState.ABSENT, PartState.RUNNING]
    assert speaker.progress().reopened == 1 and speaker.progress().lost_ms == 10


def test_a_device_that_opens_but_never_takes_is_absent(world: World) -> None:
    speaker = world.speaker()
    world.fault = "stuck"
    speaker.serve()
    assert world.states() == [PartState.RUNNING]
    hand(speaker)
    assert world.opened == 1 and world.cards[0].closed == 1
    now = speaker.progress()
    assert now.state is PartState.ABSENT and "takes no sound" in now.reason
    assert speaker.serving


def test_a_device_that_sticks_again_after_reopening_is_absent(world: World) -> None:
    speaker = world.speaker()
    speaker.serve()
    hand(speaker, 20)
    world.fault = "stuck"
    hand(speaker, 2)
    assert world.opened == 2 and all(card.closed == 1 for card in world.cards)
    assert speaker.progress().state is PartState.ABSENT


def test_resting_closes_the_device_and_says_so(world: World) -> None:
    speaker = world.speaker()
    speaker.serve()
    speaker.rest()
    assert world.cards[0].closed == 1 and not speaker.serving
    assert world.states() == [PartState.RUNNING, PartState.ASLEEP]
    assert speaker.progress().xruns == 1


def test_resting_does_not_hide_that_the_device_is_missing(world: World) -> None:
    speaker = world.speaker()
    world.fault = "absent"
    speaker.serve()
    speaker.rest()
    assert not speaker.serving and speaker.progress().state is PartState.ABSENT


def test_each_period_that_a_device_took_is_shown_to_the_hook(world: World) -> None:
    speaker = world.speaker()
    seen: list[tuple[bytes, int, float]] = []
    speaker.taps.add(lambda pcm, rate_hz, at: seen.append((pcm, rate_hz, at)))
    speaker.serve()
    hand(speaker, 4)
    assert [pcm for pcm, _, _ in seen] == world.cards[0].heard
    assert seen[-1][1:] == (24000, world.now)
    world.fault = "dying"
    hand(speaker, 2)
    assert len(seen) == 4


def test_who_wants_to_know_is_told_each_time_a_device_was_closed(world: World) -> None:
    speaker = world.speaker()
    closed: list[int] = []
    speaker.on_rest = lambda: closed.append(world.cards[-1].closed)
    speaker.rest()
    assert closed == []
    speaker.serve()
    speaker.rest()
    speaker.rest()
    assert closed == [1]
    speaker.serve()
    world.fault = "dying"
    hand(speaker)
    assert closed == [1, 1]
    speaker.rest()  # the void
    assert closed == [1, 1]


def test_a_look_tells_the_truth_and_leaves_nothing_open(world: World) -> None:
    speaker = world.speaker()
    speaker.look()
    assert world.opened == 1 and world.cards[0].closed == 1 and not speaker.serving
    assert speaker.progress().state is PartState.ASLEEP
    world.fault = "absent"
    missing = world.speaker()
    missing.look()
    assert missing.progress().state is PartState.ABSENT and "plug it in" in missing.progress().reason
    assert missing.retry_in_s == 1.0, "and it is tried again"
