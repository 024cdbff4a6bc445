"""A relay lets go, whatever happens."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest

from kioskd.actions import relay as room
from kioskd.actions.relay import RELEASE_TRIES, Relay
from kioskd.core.events import PartChanged, RelaySwitched
from kioskd.core.words import PartState


class Pulse(threading.Thread):
    """One pulse in a thread of its own."""

    def __init__(self, relay: Relay) -> None:
        super().__init__(daemon=True)
        self._relay = relay
        self.outcome: Any = None
        self.start()

    def run(self) -> None:
        self.outcome = self._relay.pulse()

    def end(self) -> Any:
        self.join(20.0)
        assert not self.is_alive()
        return self.outcome


def make(line: Any, posts: Any, pulse_s: float = 0.03, min_gap_s: float = 0.0, **more: Any) -> Relay:
    return Relay(line, "open_door", pulse_s, min_gap_s, posts, **more)


def told(posts: Any) -> list[bool]:
    return [event.on for event in posts.of(RelaySwitched)]


def test_a_pulse_is_as_long_as_it_was_asked_to_be(line: Any, posts: Any) -> None:
    outcome = make(line, posts, pulse_s=0.1).pulse()
    assert outcome.ok and outcome.result == '{"pulse_ms": 100}'
    (on, began), (off, ended) = line.edges
    assert on and not off and 0.1 <= ended - began < 0.6
    switched = posts.of(RelaySwitched)
    assert [(event.name, event.on) for event in switched] == [("open_door", True), ("open_door", False)]
    assert began <= switched[0].at <= ended <= switched[1].at


def test_stop_releases_at_once_and_for_good(line: Any, posts: Any) -> None:
    relay = make(line, posts, pulse_s=30.0)
    pulse = Pulse(relay)
    posts.wait(RelaySwitched)
    relay.stop()
    assert not line.is_on, "released before stop returns"
    assert "cut short" in pulse.end().reason
    assert not relay.pulse().ok
    assert line.rises == 1 and told(posts) == [True, False]


def test_two_pulses_do_not_run_into_one_another(line: Any, posts: Any) -> None:
    relay = make(line, posts, pulse_s=30.0)
    pulse = Pulse(relay)
    posts.wait(RelaySwitched)
    assert "is being pulsed already" in relay.pulse().reason
    assert line.is_on and relay.refused == 1
    relay.stop()
    pulse.end()


def test_the_line_rests_between_two_pulses(line: Any, posts: Any) -> None:
    now = [100.0]
    relay = make(line, posts, min_gap_s=2.0, clock=lambda: now[0])
    assert relay.pulse().ok
    now[0] = 101.9
    assert "less than 2 s ago" in relay.pulse().reason
    now[0] = 102.0
    assert relay.pulse().ok
    assert line.rises == 2


def test_a_line_that_does_not_energise_is_told_in_a_sentence(line: Any, posts: Any) -> None:
    line.fail_on = [OSError("GPIO27: the chip is gone")]
    outcome = make(line, posts).pulse()
    assert not outcome.ok and outcome.reason == "open_door could not be energised: GPIO27: the chip is gone"
    line.dead = True
    assert "reads back released" in make(line, posts).pulse().reason
    assert told(posts) == []


def test_an_exception_nobody_foresaw_leaves_the_line_off(line: Any, posts: Any) -> None:
    class Odd(type(line)):
        def on(self) -> None:
            super().on()
            raise RuntimeError("a driver's fault")

    odd = Odd()
    relay = make(odd, posts)
    with pytest.raises(RuntimeError):
        relay.pulse()
    assert not odd.is_on and odd.rises == 1
    with pytest.raises(RuntimeError):  # not "is being pulsed already"
        relay.pulse()


def test_a_release_that_fails_is_tried_again(line: Any, posts: Any) -> None:
    line.fail_off = [OSError("busy"), RuntimeError("odd")]
    assert make(line, posts).pulse().ok
    assert not line.is_on and told(posts) == [True, False]


def test_a_line_that_does_not_let_go_is_shown_until_it_does(line: Any, posts: Any) -> None:
    line.weld = True
    relay = make(line, posts)
    outcome = relay.pulse()
    assert not outcome.ok and "may still be energised" in outcome.reason
    part = posts.of(PartChanged)[-1]
    assert (part.part, part.state) == ("relay open_door", PartState.FAILED)
    assert "still reads energised" in part.reason and "by hand" in part.reason
    assert told(posts) == [True] and relay.snapshot()["on"] is True
    line.weld = False
    relay.stop()
    assert posts.of(PartChanged)[-1].state is PartState.RUNNING
    assert told(posts) == [True, False]


def test_a_release_is_tried_a_bounded_number_of_times(line: Any, posts: Any) -> None:
    line.fail_off = [OSError("busy")] * (RELEASE_TRIES + 1)
    assert not make(line, posts).pulse().ok
    assert len(line.fail_off) == 1


@pytest.mark.parametrize("pulse_s", [0.0, -1.0, 600.1, float("nan"), float("inf")])
def test_a_pulse_without_an_end_cannot_be_made(line: Any, posts: Any, pulse_s: float) -> None:
    with pytest.raises(ValueError):
        make(line, posts, pulse_s=pulse_s)


def test_after_a_stop_nothing_is_energised_even_by_a_pulse_that_had_begun(line: Any, posts: Any) -> None:
    claimed = threading.Event()
    relay = make(line, posts, clock=lambda: float(claimed.set() is None))
    with relay._line_lock:  # the pulse is held between its claim and the line
        pulse = Pulse(relay)
        assert claimed.wait(20.0)
        relay.stop()
    assert "kioskd is ending" in pulse.end().reason
    assert line.rises == 0


def test_stop_does_not_wait_for_a_thread_that_is_stuck_in_the_line(line: Any, posts: Any) -> None:
    relay = make(line, posts)
    line._on = True
    with relay._line_lock:
        relay.stop()
        assert not line.is_on


def test_a_line_that_lets_go_later_is_told_so_and_the_next_move_is_told_too(
    line: Any, posts: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bus that was away for longer than the first tries: from then on neither status nor audit trail may be wrong."""
    monkeypatch.setattr(room, "STUCK_PAUSE_S", 0.02)
    relay, rival = make(line, posts), Relay(type(line)(), "rival", 0.01, 0.0, posts)
    relay.never_with(rival, 0.0)
    line.fail_off = [OSError("the bus is busy")] * (RELEASE_TRIES + 2)
    assert not relay.pulse().ok and relay.snapshot()["stuck"]
    assert posts.wait(PartChanged, 2).state is PartState.RUNNING
    assert posts.wait(RelaySwitched, 2).on is False
    assert not line.is_on and relay.snapshot()["stuck"] == "" and relay.snapshot()["on"] is False
    assert rival.pulse().ok, "it need not be refused for ever"
    assert relay.pulse().ok
    assert [event.on for event in posts.of(RelaySwitched) if event.name == "open_door"] == [True, False, True, False]


def test_how_long_it_is_on_may_be_asked_within_the_bound(line: Any, posts: Any) -> None:
    relay = Relay(line, "fan", 0.02, 0.0, posts, longest_s=0.1)
    assert json.loads(relay.pulse(0.05).result) == {"pulse_ms": 50}
    assert line.edges[1][1] - line.edges[0][1] >= 0.05
    for seconds in (0.11, 0.0, -1.0, float("nan"), float("inf")):
        assert relay.pulse(seconds).reason == "fan can be on for at most 0.1 s, and for more than 0 s."
    assert line.rises == 1 and relay.refused == 5


class Shutters:
    """A motor's two relays, and how often both were on."""

    def __init__(self, make: Any, posts: Any, apart_s: float = 0.0) -> None:
        self.lines = [make("UP"), make("DOWN")]
        self.up, self.down = (Relay(line, line.name, 0.05, 0.0, posts) for line in self.lines)
        self.up.never_with(self.down, apart_s)


def test_two_rivals_are_never_on_together(line: Any, posts: Any) -> None:
    motor = Shutters(type(line), posts)
    thread = threading.Thread(target=motor.up.pulse)
    thread.start()
    posts.wait(RelaySwitched)
    assert motor.down.pulse().reason == "UP is on at the moment, and DOWN is never on together with it."
    thread.join()
    assert motor.down.pulse().ok and motor.up.pulse().ok


def test_whatever_two_threads_do_rivals_are_never_on_together(line: Any, posts: Any) -> None:
    up, down = type(line)("UP"), type(line)("DOWN")
    relays = [Relay(one, one.name, 0.001, 0.0, posts) for one in (up, down)]
    relays[0].never_with(relays[1], 0.002)

    def press(relay: Relay) -> None:
        until = time.monotonic() + 20
        while relay.pulses < 15 and time.monotonic() < until:
            relay.pulse()
            time.sleep(0.001)

    threads = [threading.Thread(target=press, args=(relay,)) for relay in relays * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    edges = sorted((at, name, on) for name, one in (("up", up), ("down", down)) for on, at in one.edges)
    last: tuple[float, str] | None = None
    for (at, name, on), (after, other, off) in zip(edges[::2], edges[1::2]):
        assert on and not off and name == other, "an edge up is followed by its own edge down"
        assert last is None or last[1] == name or at - last[0] >= 0.002, "apart"
        last = (after, name)
    assert up.rises and down.rises


def test_a_rival_is_off_for_a_while_before_the_other_is_energised(line: Any, posts: Any) -> None:
    motor = Shutters(type(line), posts, apart_s=0.15)
    motor.up.pulse()
    assert motor.down.pulse().ok
    assert motor.lines[1].edges[0][1] - motor.lines[0].edges[1][1] >= 0.15


def test_a_rival_that_is_welded_or_unreadable_keeps_the_other_off(line: Any, posts: Any) -> None:
    motor = Shutters(type(line), posts)
    motor.lines[0].on()  # by somebody else
    assert "UP reads energised" in motor.down.pulse().reason
    motor.lines[0].off()
    motor.lines[0].weld = True
    assert "may still be energised" in motor.up.pulse().reason
    assert "UP is on at the moment" in motor.down.pulse().reason
    assert motor.lines[1].rises == 0


def test_the_gap_counts_from_the_pulse_and_not_from_the_wait_before_it(line: Any, posts: Any) -> None:
    up, down = (Relay(type(line)(name), name, 0.01, gap_s, posts) for name, gap_s in (("UP", 0.0), ("DOWN", 0.3)))
    up.never_with(down, 0.3)
    assert up.pulse().ok and down.pulse().ok
    assert "less than 0.3 s ago" in down.pulse().reason
