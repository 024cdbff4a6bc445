"""A door that opens once: judged, confirmed by a new press, written down, run, answered."""

from __future__ import annotations

import json
from typing import Any, Callable

import pytest

from kioskd.config.action import ProgramAction
from kioskd.config.sections import Action, Policy, SensorAction, Tool
from kioskd.core import calls
from kioskd.core import effects as ef
from kioskd.core import events as ev
from kioskd.core.state import PANEL
from kioskd.core.words import CallKey


def commits(bench: Any) -> list[ef.CommitIntent]:
    return bench.of(ef.CommitIntent)


def runs(bench: Any) -> list[ef.RunAction]:
    return bench.of(ef.RunAction)


def status_of(effect: ef.SendOutput | ef.SendText) -> str:
    return str(json.loads(effect.output if isinstance(effect, ef.SendOutput) else effect.text)["status"])


def open_door(bench: Any) -> CallKey:
    """The whole way to a moving relay."""
    bench.says()
    key = bench.asks()
    bench.press()
    bench.wait(0.6)
    bench(ev.IntentCommitted(key, fresh=True))
    bench.release()
    return key


@pytest.mark.parametrize(
    "cancel",
    [
        lambda bench: bench(ev.MuteAsked(True)),
        lambda bench: bench(ev.MuteSwitched(True)),
        lambda bench: bench(ev.SessionEnded("s1", 1006, "gone")),
        lambda bench: bench(ev.StopAsked("SIGTERM")),
        lambda bench: bench(ev.PlaybackStarted(bench.now), ev.SpeechStarted("s1")),
    ],
    ids=["mute", "hardware mute", "end of session", "stop", "barge-in"],
)
@pytest.mark.parametrize("held_s", [0.0, 0.3, 0.6], ids=["before", "while held", "while written down"])
def test_nothing_moves_after_a_cancel(bench: Any, cancel: Callable[[Any], object], held_s: float) -> None:
    bench.says()
    key = bench.asks()
    if held_s:
        bench.press()
        bench.wait(held_s)
    cancel(bench)
    bench.wait(3)
    bench(ev.IntentCommitted(key, fresh=True))
    bench.wait(30)
    assert runs(bench) == []
    assert bench.of(ef.RecordOutcome)[-1].outcome == "cancelled"


def test_a_call_id_seen_before_moves_nothing(bench: Any) -> None:
    bench.says()
    key = bench.asks()
    bench.press()
    bench.wait(0.6)
    bench(ev.IntentCommitted(key, fresh=False))
    assert runs(bench) == []
    assert bench.of(ef.RecordOutcome)[-1].outcome == "duplicate"


def test_an_unwritten_intent_moves_nothing(bench: Any) -> None:
    bench.says()
    key = bench.asks()
    bench.press()
    bench.wait(0.6)
    bench(ev.IntentFailed(key, "the disk is full"))
    assert runs(bench) == [] and "disk is full" in bench.of(ef.RecordOutcome)[-1].reason


def test_a_ledger_that_never_answers_moves_nothing(bench: Any) -> None:
    bench.says()
    key = bench.asks()
    bench.press()
    bench.wait(0.6 + calls.COMMIT_S + 1)
    bench(ev.IntentCommitted(key, fresh=True))
    assert runs(bench) == []


def test_an_action_that_never_ends_is_told_and_its_late_end_is_not(bench: Any) -> None:
    key = open_door(bench)
    bench.wait(40)
    assert bench.of(ef.RecordOutcome)[-1].outcome == "unknown"
    before = len(bench.done)
    bench(ev.ActionEnded(key, True, "{}", "", ""))
    assert bench.of(ef.SendText, bench.done[before:]) == []


def test_the_same_committed_intent_runs_once(bench: Any) -> None:
    key = open_door(bench)
    bench(ev.IntentCommitted(key, fresh=True), ev.IntentCommitted(key, fresh=True))
    assert len(runs(bench)) == 1


def test_an_unknown_tool_is_refused_and_answered(bench: Any) -> None:
    bench.says()
    bench.asks(tool="open_vault")
    assert [status_of(output) for output in bench.of(ef.SendOutput)] == ["refused"]
    assert bench.of(ef.RecordOutcome)[-1].outcome == "refused"
    assert bench.of(ef.Show)[-1].refused


def test_arguments_that_are_none_are_refused(bench: Any) -> None:
    bench.says()
    bench.asks(arguments='{"door": ')
    assert [status_of(output) for output in bench.of(ef.SendOutput)] == ["refused"] and commits(bench) == []


def test_a_call_of_another_session_is_refused(bench: Any) -> None:
    bench.says()
    bench(ev.ToolAsked(CallKey("e", "another", "c1"), "ring_bell", "{}"))
    assert commits(bench) == []


def test_a_stale_visitor_opens_nothing(bench: Any) -> None:
    bench.says()
    bench.wait(31)
    bench.online("s2")
    bench.asks()
    assert bench.s.calls == {} and commits(bench) == []


def test_a_flood_of_calls_is_bounded(bench: Any) -> None:
    bench.says()
    for number in range(100):
        bench(ev.ToolAsked(CallKey("e", "s1", f"c{number}"), "ring_bell", "{}"))
    assert len(bench.s.calls) <= calls.MOST_OPEN_CALLS
    assert len(bench.of(ef.SendOutput)) + len(bench.s.calls) == 100, "each call is answered or open"


def test_the_rate_limit_holds(bench: Any) -> None:
    for number in range(10):
        bench.wait(5)
        bench.says()
        key = bench.asks(f"c{number}")
        if key in bench.s.calls:
            bench.press()
            bench.wait(0.6)
            bench.release()
            bench(ev.IntentCommitted(key, fresh=True), ev.ActionEnded(key, True, "{}", "", ""))
    assert len(runs(bench)) == 3


def test_a_tool_without_confirmation_runs_at_once(bench: Any) -> None:
    bench.says()
    key = bench.asks(tool="ring_bell")
    assert [commit.key for commit in commits(bench)] == [key]
    bench(ev.IntentCommitted(key, fresh=True), ev.ActionEnded(key, True, '{"x": 1}', "Rung.", ""))
    output = bench.of(ef.SendOutput)[-1]
    assert json.loads(output.output) == {
        "tool": "ring_bell",
        "status": "done",
        "say": "Rung.",
        "result": '{"x": 1}',
    }
    assert bench.of(ef.AskResponse) == [ef.AskResponse("s1")]


def test_the_relay_is_timed_from_the_confirmation(bench: Any) -> None:
    open_door(bench)
    bench(ev.RelaySwitched("unlock_door", True, bench.now), ev.RelaySwitched("unlock_door", False, bench.now + 1))
    kinds = [note.kind for note in bench.of(ef.Note)]
    assert "latency" in kinds and bench.s.counts.relay_pulses == 1


def test_open_is_said_while_it_is_open_and_only_once(bench: Any) -> None:
    key = open_door(bench)
    caused = bench(ev.RelaySwitched("unlock_door", True, bench.now))
    assert [status_of(text) for text in bench.of(ef.SendText, caused)] == ["done"]
    caused = bench(ev.RelaySwitched("unlock_door", False, bench.now + 1), ev.ActionEnded(key, True, "{}", "", ""))
    assert bench.of(ef.SendText, caused) == [] and bench.of(ef.RecordOutcome, caused)[0].outcome == "done"


def test_a_pulse_that_goes_wrong_after_it_began_is_told_all_the_same(bench: Any) -> None:
    key = open_door(bench)
    bench(ev.RelaySwitched("unlock_door", True, bench.now))
    caused = bench(ev.ActionEnded(key, False, "{}", "", "the line stays on"))
    assert [status_of(text) for text in bench.of(ef.SendText, caused)] == ["failed"]


@pytest.mark.parametrize("end", [ev.StopAsked("SIGTERM"), ev.ThreadDied("kioskd-play", "OSError()")])
def test_nothing_begins_after_the_end_was_asked_for(bench: Any, end: ev.Event) -> None:
    """Rooms take a moment to close, and the service does not know."""
    bench.says()
    before = bench.asks("c1", tool="ring_bell")
    bench(end)
    bench(ev.IntentCommitted(before, fresh=True))
    bench.asks("c2", tool="ring_bell")
    bench.asks("c3")
    bench.press()
    bench.wait(1)
    assert [commit.key for commit in commits(bench)] == [before] and runs(bench) == []
    assert bench.s.calls == {}


def test_done_sounds_when_the_line_moves_and_not_again_at_the_end_of_the_pulse(bench: Any) -> None:
    key = open_door(bench)
    assert ef.PlayCue("done") in bench(ev.RelaySwitched("unlock_door", True, bench.now))
    assert ef.PlayCue("done") not in bench(ev.ActionEnded(key, True, "{}", "", ""))


def test_done_sounds_for_what_moves_no_line_and_not_for_a_reading(bench: Any, with_tool: Callable[..., None]) -> None:
    for name, class_, sounds in (("call_staff", "notify", True), ("read_it", "read", False)):
        tool = Tool(
            name=name,
            description="x",
            class_=class_,
            action=Action(sensor=SensorAction(file="/x")),
            policy=Policy(allow=True),
        )
        with_tool(bench, tool)
        bench.says()
        key = bench.asks(name, name)
        bench(ev.IntentCommitted(key, fresh=True))
        caused = bench(ev.ActionEnded(key, True, "{}", "", ""))
        assert (ef.PlayCue("done") in caused) == sounds


def slow(bench: Any, with_tool: Any, **keys: Any) -> CallKey:
    """A tool that may take a minute, asked for and running."""
    action = Action(program=ProgramAction(command=("/bin/true",), timeout_s=60.0))
    tool = Tool(name="slow", description="", class_="notify", action=action, policy=Policy(allow=True), **keys)
    with_tool(bench, tool)
    bench.says()
    key: CallKey = bench.asks(tool="slow")
    bench(ev.IntentCommitted(key, True))
    return key


def test_a_long_action_is_answered_in_time_and_its_result_follows(bench: Any, with_tool: Any) -> None:
    key = slow(bench, with_tool)
    assert bench.of(ef.SendOutput) == []
    caused = bench.wait(4.1)
    (output,) = bench.of(ef.SendOutput, caused)
    assert output.key == key and json.loads(output.output)["status"] == "working"
    assert bench.of(ef.AskResponse, caused) == [ef.AskResponse("s1")]
    bench.wait(20)
    caused = bench(ev.ActionEnded(key, True, '{"exit": 0}', "It is printed.", ""))
    (text,) = bench.of(ef.SendText, caused)
    assert json.loads(text.text) == {"tool": "slow", "status": "done", "say": "It is printed.", "result": '{"exit": 0}'}
    assert bench.of(ef.AskResponse, caused) == [ef.AskResponse("s1")] and bench.of(ef.SendOutput, caused) == []
    assert not bench.s.calls and not [name for name in bench.timers if name.startswith(("work", "act"))]


def test_a_quick_end_of_a_long_action_is_its_one_output(bench: Any, with_tool: Any) -> None:
    key = slow(bench, with_tool, answer_within_s=2.0)
    bench.wait(1.9)
    assert bench.of(ef.SendOutput) == []
    bench(ev.ActionEnded(key, True, "", "", ""))
    assert len(bench.of(ef.SendOutput)) == 1 and bench.wait(10) is not None
    assert bench.of(ef.SendText) == []


def test_a_short_action_that_hangs_is_answered_in_time_too(bench: Any) -> None:
    bench.says()
    key = bench.asks(tool="ring_bell")
    bench(ev.IntentCommitted(key, True))
    (output,) = bench.of(ef.SendOutput, bench.wait(4.1))
    assert output.key == key and json.loads(output.output)["status"] == "working"


def test_the_late_result_of_a_session_that_is_gone_is_told_to_nobody(bench: Any, with_tool: Any) -> None:
    key = slow(bench, with_tool)
    bench.wait(5)
    bench(ev.SessionEnded("s1", 1006, "gone"))
    caused = bench(ev.ActionEnded(key, True, "", "", ""))
    assert bench.of(ef.SendText, caused) == [] and bench.of(ef.RecordOutcome, caused)[0].outcome == "done"


def test_what_a_service_or_a_program_answers_is_kept_nowhere(bench: Any, with_tool: Any) -> None:
    key = slow(bench, with_tool)
    caused = bench(ev.ActionEnded(key, True, '{"output": "room 12, code 4711"}', "", ""))
    kept = [effect for effect in caused if not isinstance(effect, (ef.SendOutput, ef.SendText))]
    assert "4711" in str(caused) and "4711" not in str(kept)


def test_who_pressed_for_help_hears_who_comes_from_the_house_itself(bench: Any) -> None:
    key = CallKey(PANEL, PANEL, "press-1")
    bench.s.last_person_at = bench.now
    bench(ev.ToolAsked(key, "ring_bell", "{}"), ev.IntentCommitted(key, True))
    caused = bench(ev.ActionEnded(key, True, "{}", "Anna has answered.", ""))
    assert bench.of(ef.Page, caused) == [ef.Page("Anna has answered.")] and bench.of(ef.SendOutput, caused) == []
    second = CallKey(PANEL, PANEL, "press-2")
    bench(ev.ToolAsked(second, "ring_bell", "{}"), ev.IntentCommitted(second, True))
    assert bench.of(ef.Page, bench(ev.ActionEnded(second, True, "{}", "", ""))) == [], "nothing to tell"
