"""A bell rings as often as it should, and is silent afterwards."""

from __future__ import annotations

from typing import Any

from kioskd.actions.bell import Bell
from kioskd.actions.relay import Relay
from kioskd.actions.summons import Summons, Taken
from kioskd.config.action import StaffBell
from kioskd.core.words import CallKey

CALL = Summons("lobby", "call_staff", CallKey("hydra", "s", "call_1"), "a1", {}, 0.0)


def bell(line: Any, posts: Any, stopped: bool = False, **keys: Any) -> Bell:
    action = StaffBell(pin="GPIO16", ring_ms=20, pause_ms=20, **keys)
    relay = Relay(line, "bell", action.ring_ms / 1000, 0.0, posts)
    return Bell(action, relay, lambda cue: None, lambda s: stopped)


def test_it_rings_as_often_as_it_should(line: Any, posts: Any) -> None:
    assert bell(line, posts, rings=3).call(CALL) == Taken("")
    assert line.rises == 3 and not line.is_on


def test_it_stops_ringing_when_the_process_ends(line: Any, posts: Any) -> None:
    assert bell(line, posts, stopped=True, rings=3).call(CALL) == Taken("")
    assert line.rises == 1 and not line.is_on


def test_a_bell_that_does_not_ring_is_a_sentence(line: Any, posts: Any) -> None:
    line.dead = True
    assert "reads back released" in bell(line, posts).call(CALL).trouble


def test_a_cue_is_a_bell_too() -> None:
    sounded: list[str] = []
    ring = Bell(StaffBell(cue="again"), None, sounded.append, lambda s: False)
    assert ring.call(CALL) == Taken("") and sounded == ["again"]
