"""What runs: told as it moves, and called back while it still waits."""

from __future__ import annotations

import dataclasses
from typing import Any, Callable

import pytest

from kioskd.config.sections import Action, Policy, Rate, RelayAction, Tool
from kioskd.core import effects as ef
from kioskd.core import events as ev
from kioskd.core import house_events as he
from kioskd.core.action_events import MoveAsked
from kioskd.core.panel_events import Gestured
from kioskd.core.state import PANEL
from kioskd.core.words import CallKey

UP = Tool(
    name="shutter_up",
    description="Open the shutter.",
    class_="actuate",
    action=Action(relay=RelayAction(pin="GPIO5", min_gap_s=5.0, never_with=("unlock_door",), apart_ms=5000)),
    policy=Policy(allow=True, rate=Rate(count=1, per_s=60)),
)


@pytest.fixture
def waiting(bench: Any) -> Any:
    """A bench on which the relay of call ``c1`` waits for its rival."""
    bench.s.config = dataclasses.replace(bench.s.config, tools=(*bench.s.config.tools, UP))
    bench.says()
    key = bench.asks(tool="shutter_up")
    bench(ev.IntentCommitted(key, fresh=True))
    assert bench.of(ef.RunAction)[-1].key == key
    bench.key = key
    return bench


def words(bench: Any) -> list[str]:
    return [effect.why for effect in bench.of(ef.LastWord)]


def outcomes(bench: Any) -> list[tuple[str, str]]:
    return [(effect.outcome, effect.reason) for effect in bench.of(ef.RecordOutcome)]


def test_a_relay_that_has_waited_may_move_when_everything_holds(waiting: Any) -> None:
    """Its own run fills its rate and its gap already, and the visitor may have been silent meanwhile."""
    waiting.wait(32)
    assert waiting.now - waiting.s.last_person_at > UP.policy.fresh_s
    waiting(MoveAsked(waiting.key))
    assert words(waiting) == [""]
    waiting(ev.RelaySwitched("shutter_up", True, waiting.now), ev.RelaySwitched("shutter_up", False, waiting.now))
    waiting(ev.ActionEnded(waiting.key, True, "{}", "", ""))
    assert outcomes(waiting) == [("done", "as asked")]


CANCELS: dict[str, tuple[Callable[[Any], object], str]] = {
    "the owner mutes": (lambda bench: bench(ev.MuteAsked(True)), "muted"),
    "the mute switch closes": (lambda bench: bench(ev.MuteSwitched(True)), "muted"),
    "mute closes and opens again": (lambda bench: bench(ev.MuteAsked(True), ev.MuteAsked(False)), "muted"),
    "the visitor speaks over it": (
        lambda bench: bench(ev.PlaybackStarted(bench.now), ev.Pressed("talk", bench.now), ev.GateOpened(bench.now)),
        "the visitor spoke over it",
    ),
    "the session ends": (lambda bench: bench(ev.SessionEnded("s1", 1006, "gone")), "the session ended"),
    "the device sleeps": (lambda bench: bench(he.Suspended(60.0)), "the device slept meanwhile"),
    "SIGTERM": (lambda bench: bench(ev.StopAsked("SIGTERM")), "kioskd stops"),
}


@pytest.mark.parametrize("name", CANCELS)
def test_a_relay_that_waits_is_called_back(waiting: Any, name: str) -> None:
    cancel, why = CANCELS[name]
    cancel(waiting)
    assert words(waiting) == [why]
    waiting(MoveAsked(waiting.key))
    assert words(waiting) == [why], "it has been told"
    waiting(ev.ActionEnded(waiting.key, False, "", "", why))
    assert outcomes(waiting) == [("cancelled", why)] and waiting.s.calls == {}


def test_it_is_judged_once_more_when_it_has_waited(waiting: Any) -> None:
    few = dataclasses.replace(UP, policy=dataclasses.replace(UP.policy, hours=("mon-fri 08:00-18:00",)))
    call = waiting.s.calls[waiting.key]
    call.tool = few
    waiting(he.ClockTold("2026-12-21", 0, 1081, True), MoveAsked(waiting.key))
    (why,) = words(waiting)
    assert "policy.hours" in why
    (line,) = [dict(audit.data) for audit in waiting.of(ef.Audit) if dict(audit.data).get("verdict") == "refuse"]
    assert line["code"] == "hours" and line["call"] == "c1"
    waiting(ev.ActionEnded(waiting.key, False, "", "", why))
    assert outcomes(waiting) == [("refused", why)]
    assert "not possible at this time" in waiting.of(ef.SendOutput)[-1].output, "the visitor is told why"


def test_a_lock_out_that_began_meanwhile_holds(waiting: Any) -> None:
    waiting.s.locks["shutter_up"] = waiting.now + 60
    waiting(MoveAsked(waiting.key))
    assert "locked" in words(waiting)[0]


def test_a_question_about_a_call_that_is_over_is_answered_with_no(waiting: Any) -> None:
    waiting(MoveAsked(CallKey("e", "s1", "another")))
    assert words(waiting) == ["the call has ended meanwhile; nothing moves"]


def test_what_moves_already_runs_to_its_end(waiting: Any) -> None:
    waiting(ev.RelaySwitched("shutter_up", True, waiting.now), ev.MuteAsked(True))
    assert words(waiting) == []
    waiting(ev.ActionEnded(waiting.key, True, "{}", "", ""))
    assert outcomes(waiting)[-1][0] == "done"


def test_what_was_called_back_too_late_is_told_as_it_is(waiting: Any) -> None:
    """The relay was energised while the word was on its way."""
    waiting(ev.MuteAsked(True), ev.ActionEnded(waiting.key, True, "{}", "", ""))
    assert outcomes(waiting) == [("done", "as asked")]


def test_a_fault_is_a_fault_also_when_it_was_called_back(waiting: Any) -> None:
    waiting(ev.MuteAsked(True), ev.ActionEnded(waiting.key, False, "", "", "the driver is broken"))
    assert outcomes(waiting) == [("failed", "the driver is broken")]


def test_muting_does_not_call_back_what_a_button_of_the_panel_asked_for(waiting: Any) -> None:
    key = CallKey(PANEL, PANEL, "mark")
    waiting.s.runs.clear()
    waiting(ev.ToolAsked(key, "shutter_up", "{}"), ev.IntentCommitted(key, fresh=True), ev.MuteAsked(True))
    assert [effect.key for effect in waiting.of(ef.LastWord)] == [waiting.key]
    waiting(MoveAsked(key))
    assert words(waiting)[-1] == ""


def test_the_press_that_ends_the_conversation_calls_it_back(waiting: Any) -> None:
    from kioskd.config.panel import Panel, PushButton

    panel = Panel(buttons=(PushButton(name="done", pin="GPIO6", press="end"),))
    waiting.s.config = dataclasses.replace(waiting.s.config, panel=panel)
    waiting(Gestured("done", "press", waiting.now, waiting.now, "m"))
    assert words(waiting) == ["the button done ended the conversation"]


def test_a_relay_that_waits_because_its_rival_says_so_is_not_given_up_meanwhile(bench: Any) -> None:
    down = dataclasses.replace(UP, name="shutter_down", action=Action(relay=RelayAction(pin="GPIO6", min_gap_s=5.0)))
    rival = RelayAction(pin="GPIO5", never_with=("shutter_down",), apart_ms=60_000)
    bench.s.config = dataclasses.replace(
        bench.s.config, tools=(down, dataclasses.replace(UP, action=Action(relay=rival)))
    )
    bench.says()
    key = bench.asks(tool="shutter_down")
    bench(ev.IntentCommitted(key, fresh=True))
    bench.wait(60)
    bench(MoveAsked(key))
    assert words(bench) == [""] and outcomes(bench) == []
