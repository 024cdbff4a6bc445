"""The house's news: a sleep voids who was here, contacts decide, limits outlive a restart."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from kioskd.config.sections import Interlock, Policy, Rate
from kioskd.core import confirm_effects as cf
from kioskd.core import confirm_events as ce
from kioskd.core import effects as ef
from kioskd.core import events as ev
from kioskd.core import house_events as he
from kioskd.core.words import CallKey

FIRE = Interlock(pin="GPIO24", must_be="inactive", name="the fire alarm")


def change(bench: Any, name: str, **policy: Any) -> None:
    """Give a tool of the bench another policy."""
    tools = [
        dataclasses.replace(tool, policy=dataclasses.replace(tool.policy, **policy)) if tool.name == name else tool
        for tool in bench.s.config.tools
    ]
    bench.s.config = dataclasses.replace(bench.s.config, tools=tuple(tools))


def commits(bench: Any) -> list[CallKey]:
    return [effect.key for effect in bench.of(ef.CommitIntent)]


def reasons(bench: Any) -> list[str]:
    return [effect.reason for effect in bench.of(ef.RecordOutcome)]


# -- sleep -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("held_s", [None, 0.0, 0.3])
def test_a_confirmation_does_not_survive_a_sleep(bench: Any, held_s: float | None) -> None:
    bench.says()
    key = bench.asks()
    if held_s is not None:
        bench.press()
        bench.wait(held_s)
    bench(he.Suspended(28_800.0))
    bench.wait(2)
    bench.release()
    bench.press()
    bench.wait(2)
    assert commits(bench) == [] and key not in bench.s.calls
    assert reasons(bench) == ["the device slept meanwhile"]


def test_an_intent_written_before_the_sleep_moves_nothing_after_it(bench: Any) -> None:
    bench.says()
    key = bench.asks(tool="ring_bell")
    bench(he.Suspended(60.0), ev.IntentCommitted(key, fresh=True))
    assert bench.of(ef.RunAction) == []


def test_who_spoke_before_the_sleep_must_ask_again(bench: Any) -> None:
    bench.says()
    bench(he.Suspended(28_800.0))
    bench.asks(tool="ring_bell")
    assert commits(bench) == [] and "nobody spoke or pressed" in reasons(bench)[-1]
    bench.says()
    bench.asks("c2", tool="ring_bell")
    assert len(commits(bench)) == 1


# -- the wall clock ----------------------------------------------------------------------------------


def test_a_schedule_is_judged_when_asked_and_again_when_confirmed(bench: Any) -> None:
    change(bench, "unlock_door", hours=("mon 08:00-18:00",))
    bench(he.ClockTold("2026-12-21", 0, 18 * 60 - 1, True))
    bench.says()
    bench.asks()
    bench.press()
    bench(he.ClockTold("2026-12-21", 0, 18 * 60, True))
    bench.wait(1)
    assert commits(bench) == [] and "outside mon 08:00-18:00" in reasons(bench)[-1]


def test_a_clock_that_nobody_told_lately_is_no_clock(bench: Any) -> None:
    change(bench, "ring_bell", hours=("daily 00:00-24:00",))
    bench.says()
    bench.asks("c1", tool="ring_bell")
    bench(he.ClockTold("2026-12-21", 0, 600, True))
    bench.asks("c2", tool="ring_bell")
    bench.wait(91)
    bench.says()
    bench.asks("c3", tool="ring_bell")
    assert [key.call_id for key in commits(bench)] == ["c2"]
    assert "the clock of this machine is not set" in reasons(bench)[0]


def test_after_a_sleep_the_clock_is_unknown_until_it_is_told(bench: Any) -> None:
    change(bench, "ring_bell", hours=("daily 00:00-24:00",))
    bench(he.ClockTold("2026-12-21", 0, 600, True), he.Suspended(60.0))
    bench.says()
    bench.asks("c1", tool="ring_bell")
    assert commits(bench) == []


# -- interlocks --------------------------------------------------------------------------------------


def test_contacts_are_read_when_asked_and_again_before_the_intent(bench: Any) -> None:
    change(bench, "unlock_door", interlocks=(FIRE,))
    bench.says()
    key = bench.asks()
    assert bench.of(ef.LookAround) == [ef.LookAround(key, "unlock_door")] and bench.of(ef.PlayCue) == []
    bench(he.InterlocksRead(key, "", ""))
    assert bench.of(ef.PlayCue) == [ef.PlayCue("confirm")]
    bench.press()
    bench.wait(0.6)
    assert len(bench.of(ef.LookAround)) == 2 and commits(bench) == []
    bench(he.InterlocksRead(key, "", ""))
    assert commits(bench) == [key]


def test_a_fire_alarm_forbids_at_either_look(bench: Any) -> None:
    change(bench, "unlock_door", interlocks=(FIRE,))
    bench.says()
    key = bench.asks("c1")
    bench(he.InterlocksRead(key, "the fire alarm", "the fire alarm (GPIO24) is active"))
    assert reasons(bench) == ["the fire alarm (GPIO24) is active"] and bench.s.calls == {}
    key = bench.asks("c2")
    bench(he.InterlocksRead(key, "", ""))
    bench.press()
    bench.wait(0.6)
    bench(he.InterlocksRead(key, "the fire alarm", "the fire alarm (GPIO24) is active"))
    assert commits(bench) == [] and len(reasons(bench)) == 2 and bench.s.calls == {}


def test_contacts_that_are_never_read_refuse(bench: Any) -> None:
    change(bench, "ring_bell", interlocks=(FIRE,))
    bench.says()
    key = bench.asks(tool="ring_bell")
    bench.wait(2.1)
    bench(he.InterlocksRead(key, "", ""))
    assert commits(bench) == [] and reasons(bench) == ["the interlocks could not be read in time"]


def test_a_second_press_while_the_contacts_are_read_again_confirms_nothing_twice(bench: Any) -> None:
    change(bench, "unlock_door", interlocks=(FIRE,))
    bench.says()
    key = bench.asks()
    bench(he.InterlocksRead(key, "", ""))
    bench.press()
    bench.wait(0.6)
    bench.release()
    bench.press()
    bench.wait(0.6)
    bench.release()
    assert len(bench.of(ef.LookAround)) == 2
    bench(he.InterlocksRead(key, "", ""), he.InterlocksRead(key, "", ""))
    assert commits(bench) == [key]


@pytest.mark.parametrize("cancel", [ev.MuteAsked(True), ev.SessionEnded("s1", 1006, "gone"), ev.StopAsked("SIGTERM")])
def test_nothing_moves_after_a_cancel_while_the_contacts_are_read(bench: Any, cancel: ev.Event) -> None:
    change(bench, "ring_bell", interlocks=(FIRE,))
    bench.says()
    key = bench.asks(tool="ring_bell")
    bench(cancel, he.InterlocksRead(key, "", ""))
    assert commits(bench) == [] and bench.s.calls == {}


def test_an_answer_that_nobody_asked_for_moves_nothing(bench: Any) -> None:
    bench.says()
    key = bench.asks()
    bench(he.InterlocksRead(key, "", ""), he.InterlocksRead(CallKey("e", "s1", "c9"), "", ""))
    assert commits(bench) == [] and key in bench.s.calls


# -- what was before ---------------------------------------------------------------------------------


def test_the_rate_outlives_a_restart(bench: Any) -> None:
    change(bench, "ring_bell", rate=Rate(count=2, per_s=60))
    bench(he.LedgerRead((("ring_bell", 55.0), ("ring_bell", 30.0), ("gone_tool", 1.0)), ()))
    bench.says()
    bench.asks("c1", tool="ring_bell")
    assert commits(bench) == [] and "2 times within 60 s" in reasons(bench)[-1]
    bench.wait(10)
    bench.asks("c2", tool="ring_bell")
    assert len(commits(bench)) == 1


def test_a_lock_outlives_a_restart(bench: Any) -> None:
    bench(he.LedgerRead((), (("unlock_door", 5.0),)))
    bench.says()
    bench.asks("c1")
    assert "locked for another" in reasons(bench)[-1]
    bench.wait(5)
    bench.asks("c2")
    assert bench.s.confirming is not None


def test_a_policy_without_any_of_this_asks_for_none_of_it(bench: Any) -> None:
    assert Policy().interlocks == () and Policy().hours == ()
    bench.says()
    bench.asks(tool="ring_bell")
    assert bench.of(ef.LookAround) == [] and len(commits(bench)) == 1


@pytest.mark.parametrize("tool", ["unlock_door", "ring_bell"])
def test_what_moves_and_was_judged_before_the_ledger_was_read_must_be_asked_for_again(bench: Any, tool: str) -> None:
    bench.says()
    key = bench.asks(tool=tool)
    if tool == "unlock_door":
        bench.press()
        bench.wait(0.6)
    assert commits(bench) == [key]
    bench(he.LedgerRead((), (("unlock_door", 300.0),)), ev.IntentCommitted(key, fresh=True))
    assert len(bench.of(ef.RunAction)) == (tool == "ring_bell")
    if tool == "unlock_door":
        assert "had not been read" in reasons(bench)[-1]


def test_a_press_while_the_contacts_are_read_for_the_question_is_no_answer_to_it(bench: Any) -> None:
    change(bench, "unlock_door", interlocks=(FIRE,))
    bench.says()
    key = bench.asks()
    at = bench.now + 0.01
    bench.now += 0.02
    bench(he.InterlocksRead(key, "", ""), ev.Pressed("talk", at))
    bench.wait(1)
    bench.release()
    assert len(bench.of(ef.LookAround)) == 1 and bench.s.confirming is not None


def test_a_code_that_was_entered_before_the_ledger_was_read_does_not_count(bench: Any) -> None:
    """A slow disk tells late how often codes were tried: no power cycle gives one attempt back that way."""
    change(bench, "unlock_door", confirm="code")
    bench.says()
    bench.asks()
    for typed in (*"4711", ce.ENTER):
        bench.now += 0.1
        bench(ce.KeyTyped(typed, bench.now))
    [asked] = bench.of(cf.CheckCode)
    strikes = tuple((f"#code-{number}", 500.0) for number in range(5))
    bench(he.LedgerRead((), strikes), ce.CodeChecked(asked.key, asked.number, "caretaker"))
    assert bench.of(ef.CommitIntent) == [] and bench.of(cf.ListenToKeys)[-1].on
    assert "code" not in bench.timers
