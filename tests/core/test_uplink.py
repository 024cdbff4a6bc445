"""The pacer: a little world with a lane, a clock and a service that may end the turn."""

from __future__ import annotations

import bisect

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kioskd.core.uplink import BURST_CHUNKS, Move, Pacer
from kioskd.lanes import MOST_TOGETHER

CHUNK_S = 0.02
END = "end"
SPEECH = "speech"


class World:
    """Drives a pacer with exact time: what arrives is a list of (at, SPEECH or END)."""

    def __init__(self, catch_up: float = 1.0, end_of_turn_s: float = 3.0, keepalive_s: float = 10.0) -> None:
        self.now = 100.0
        self.pacer = Pacer(
            self.now, chunk_s=CHUNK_S, catch_up=catch_up, end_of_turn_s=end_of_turn_s, keepalive_s=keepalive_s
        )
        self.lane: list[str] = []
        self.log: list[tuple[float, str]] = []
        self.frames: list[int] = []  # chunks in each frame of speech

    def run(self, arrivals: list[tuple[float, str]], until: float, ends_turn_at: float | None = None) -> None:
        arrivals = sorted(arrivals, key=lambda arrival: arrival[0])
        while True:
            while arrivals and arrivals[0][0] <= self.now:
                self.lane.append(arrivals.pop(0)[1])
            if ends_turn_at is not None and ends_turn_at <= self.now:
                self.pacer.turn_ended()
                ends_turn_at = None
            together = self._together()
            move, at = self.pacer.next(self.now, together)
            if move is not Move.WAIT:
                self._carry_out(move, together)
                continue
            assert at > self.now, "a wait that ends in the past is a busy loop"
            events = [at] + [arrival[0] for arrival in arrivals[:1]]
            if ends_turn_at is not None:
                events.append(ends_turn_at)
            self.now = max(self.now, min(events))
            if self.now >= until:
                return

    def _together(self) -> int:
        """As UplinkLane.together."""
        head = self.lane[:MOST_TOGETHER]
        return max(1, head.index(END)) if END in head else len(head)

    def _carry_out(self, move: Move, together: int) -> None:
        if move is Move.KEEPALIVE:
            self.pacer.kept(self.now)
            self.log.append((self.now, "keepalive"))
        elif move is Move.ZERO:
            self.pacer.silent(self.now)
            self.log.append((self.now, "zero"))
        elif self.lane[0] == END:
            self.lane.pop(0)
            self.pacer.ended()
            self.log.append((self.now, END))
        else:
            del self.lane[:together]
            self.pacer.sent(self.now, together)
            self.frames.append(together)
            self.log.extend([(self.now, SPEECH)] * together)

    def times(self, what: str) -> list[float]:
        return [at for at, kind in self.log if kind == what]


def live(start: float, seconds: float) -> list[tuple[float, str]]:
    """An utterance as a microphone delivers it, with its mark."""
    count = round(seconds / CHUNK_S)
    return [(start + index * CHUNK_S, SPEECH) for index in range(count)] + [(start + seconds, END)]


def test_a_live_chunk_leaves_at_once() -> None:
    world = World()
    arrivals = live(101.0, 2.0)
    world.run(arrivals, 103.1)
    assert world.times(SPEECH) == [at for at, kind in arrivals if kind == SPEECH]


def test_a_loop_that_was_late_by_two_periods_does_not_delay_what_follows() -> None:
    world = World()
    late = [(101.06, SPEECH), (101.06, SPEECH), (101.06, SPEECH), (101.08, SPEECH), (101.10, SPEECH)]
    world.run(live(100.5, 0.5)[:-1] + late, 101.2)
    assert world.times(SPEECH)[-5:] == [at for at, _ in late]


@pytest.mark.parametrize("late_s", [0.01, 0.025, 0.03, 0.04])
def test_a_loop_that_is_late_at_every_turn_falls_no_further_behind(late_s: float) -> None:
    """Behind a wake buffer pairs go up: whoever waits for two must not lose what a late loop did not spend."""
    pacer = Pacer(100.0, chunk_s=CHUNK_S, catch_up=1.0, end_of_turn_s=3.0, keepalive_s=30.0)
    said = [100.0] * 15 + [100.0 + index * CHUNK_S for index in range(1, 251)]
    now, last_at, next_up = 100.0, 0.0, 0
    while next_up < len(said):
        come = bisect.bisect_right(said, now) - next_up
        together = min(come, MOST_TOGETHER)
        move, at = pacer.next(now, together)
        if move is Move.CHUNK:
            pacer.sent(now, together)
            next_up, last_at = next_up + together, now
            continue
        # Woken late, by the pacer's time or (an empty lane) by the next chunk.
        now = (at if come else said[next_up]) + late_s
    assert last_at - said[-1] <= 15 * CHUNK_S


def test_the_wake_buffer_is_paced_in_real_time() -> None:
    world = World()
    world.run([(100.0, SPEECH)] * 100, 103.0)
    times = world.times(SPEECH)
    assert len(times) == 100
    assert times[3] == 100.0 and times[4] > 100.0
    assert abs(times[-1] - (100.0 + (100 - BURST_CHUNKS) * CHUNK_S)) < 1e-6


def test_what_waits_goes_up_two_chunks_in_a_frame_and_ends_no_later_for_it() -> None:
    for count in (99, 100):
        world = World()
        world.run([(100.0, SPEECH)] * count + [(100.0, END)], 103.0)
        assert world.frames == [2] * (count // 2) + [1] * (count % 2)
        assert abs(world.times(END)[0] - (100.0 + (count - BURST_CHUNKS + 1) * CHUNK_S)) < 1e-6


def test_a_microphone_behind_a_wake_buffer_goes_up_two_chunks_in_a_frame() -> None:
    world = World()
    world.run([(100.0, SPEECH)] * 15 + live(100.02, 2.0), 103.0)
    assert world.frames.count(1) <= 2 and sum(world.frames) == 115


def test_a_profile_that_allows_it_catches_up_twice_as_fast() -> None:
    world = World(catch_up=2.0)
    world.run([(100.0, SPEECH)] * 100, 103.0)
    assert abs(world.times(SPEECH)[-1] - (100.0 + (100 - BURST_CHUNKS) * CHUNK_S / 2)) < 1e-6


def test_after_speech_zeros_flow_until_the_service_ends_the_turn() -> None:
    world = World()
    world.run(live(101.0, 1.0), 108.0, ends_turn_at=102.61)
    zeros = world.times("zero")
    assert 29 <= len(zeros) <= 31
    assert zeros[-1] <= 102.61
    assert all(later - earlier >= CHUNK_S - 1e-6 for earlier, later in zip(zeros, zeros[1:]))


def test_zeros_end_after_end_of_turn_s_when_the_service_says_nothing() -> None:
    world = World(end_of_turn_s=3.0)
    world.run(live(101.0, 1.0), 109.0)
    assert 149 <= len(world.times("zero")) <= 151
    assert world.times("zero")[-1] < 105.0


def test_a_loop_that_is_late_at_every_turn_sends_as_many_zeros_as_one_in_time() -> None:
    """A service needs so much silence and not so much time: else a busy board gets no answer."""
    pacer = Pacer(100.0, chunk_s=CHUNK_S, catch_up=1.0, end_of_turn_s=3.0, keepalive_s=30.0)
    pacer.sent(100.0)
    pacer.ended()
    now, zeros = 100.0, 0
    while now < 125.0:
        move, at = pacer.next(now, 0)
        if move is Move.ZERO:
            pacer.silent(now)
            zeros += 1
        now = max(at, now) + (0.1 if move is Move.WAIT else 0.0)
    assert zeros == 150


def test_what_is_said_after_the_turn_is_owed_its_silence_where_the_service_does_not_say_that_it_hears() -> None:
    """HybrIE may not (dialects reference U11): its answer to the last turn comes in the middle of the next."""
    world = World()
    world.run(live(101.0, 1.0), 105.0, ends_turn_at=101.5)
    assert len(world.times("zero")) > 40


def test_no_zeros_when_the_service_ended_the_turn_before_our_gate_closed() -> None:
    world = World()
    world.pacer.heard()
    world.run(live(101.0, 1.0), 105.0, ends_turn_at=101.9)
    assert world.times("zero") == []


def test_speech_that_the_service_hears_again_is_owed_its_silence_again() -> None:
    world = World()
    world.run(live(101.0, 1.0), 101.95, ends_turn_at=101.5)
    world.pacer.heard()
    world.run([(101.98, SPEECH), (102.0, END)], 103.0)
    assert len(world.times("zero")) > 40


def test_lag_is_won_back_from_zeros_and_never_from_speech() -> None:
    world = World()
    # Two seconds wait already when the session begins; 2 s later the visitor speaks again.
    world.run([(100.0, SPEECH)] * 100 + [(100.0, END)] + live(102.5, 0.5), 104.0)
    assert len(world.times(SPEECH)) == 125
    assert world.times(SPEECH)[100] == 102.5  # at once, not behind the zeros owed to the first utterance
    assert not [at for at in world.times("zero") if 102.5 < at < 103.0]


def test_an_idle_session_gets_one_keepalive_a_period_and_nothing_else() -> None:
    world = World(keepalive_s=10.0)
    world.run([], 161.0)
    assert world.log == [(110.0 + index * 10.0, "keepalive") for index in range(6)]


def test_a_microphone_that_dies_in_mid_word_still_keeps_the_session_alive() -> None:
    world = World(keepalive_s=5.0)
    world.run(live(101.0, 1.0)[:-1], 113.0)
    assert world.times("zero") == []
    assert len(world.times("keepalive")) == 2


def test_a_mark_without_speech_sends_nothing() -> None:
    world = World()
    world.run([(101.0, END)], 104.0)
    assert world.log == [(101.0, END)]


UTTERANCE = st.tuples(st.floats(0.0, 4.0), st.integers(0, 150), st.booleans())


@settings(max_examples=40, deadline=None)
@given(st.lists(UTTERANCE, max_size=5), st.sampled_from([1.0, 2.0]), st.floats(100.0, 115.0))
def test_the_service_is_never_fed_faster_than_agreed(
    utterances: list[tuple[float, int, bool]], catch_up: float, ends_turn_at: float
) -> None:
    arrivals, at = [], 100.0
    for pause_s, count, at_once in utterances:
        at += pause_s
        for _ in range(count):
            at += 0.0 if at_once else CHUNK_S
            arrivals.append((at, SPEECH))
        arrivals.append((at, END))
    world = World(catch_up=catch_up)
    world.run(list(arrivals), 140.0, ends_turn_at)
    sent = sorted(world.times(SPEECH) + world.times("zero"))
    for index, start in enumerate(sent):
        for window_s in (0.0, 0.1, 1.0, 5.0):
            count = bisect.bisect_right(sent, start + window_s) - index
            assert count <= BURST_CHUNKS + catch_up * window_s / CHUNK_S + 1e-3
    assert len(world.times(SPEECH)) == sum(1 for _, kind in arrivals if kind == SPEECH)
    keepalives = world.times("keepalive")
    assert all(later - earlier >= 10.0 - 1e-6 for earlier, later in zip(keepalives, keepalives[1:]))
