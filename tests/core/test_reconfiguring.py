"""Another configuration while calls are open: nothing moves on a changed policy."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from kioskd.config.sections import Config, Lockout, Tool
from kioskd.core import effects as ef
from kioskd.core import events as ev
from kioskd.core.config_events import ConfigChanged
from kioskd.core.words import Call


def other(bench: Any, name: str, **policy: Any) -> Config:
    """The bench's configuration with another policy for one tool."""

    def changed(tool: Tool) -> Tool:
        if tool.name != name:
            return tool
        return dataclasses.replace(tool, policy=dataclasses.replace(tool.policy, **policy))

    config: Config = bench.s.config
    return dataclasses.replace(config, tools=tuple(changed(tool) for tool in config.tools))


def change(bench: Any, config: Config) -> list[ef.Effect]:
    effects: list[ef.Effect] = bench(ConfigChanged(config, "reloaded"))
    return effects


@pytest.mark.parametrize("held_s", [0.0, 0.3, 0.6], ids=["before the hand", "while held", "while written down"])
def test_an_open_call_is_cancelled_when_its_policy_changes(bench: Any, held_s: float) -> None:
    bench.says()
    key = bench.asks()
    if held_s:
        bench.press()
        bench.wait(held_s)
    caused = change(bench, other(bench, "unlock_door", confirm_s=9.0))
    assert [one.outcome for one in bench.of(ef.RecordOutcome, caused)] == ["cancelled"]
    bench(ev.IntentCommitted(key, fresh=True))
    bench.wait(3)
    assert bench.of(ef.RunAction) == [] and bench.s.calls == {} and bench.s.confirming is None


def test_the_model_is_told_that_it_was_cancelled(bench: Any) -> None:
    bench.says()
    bench.asks()
    caused = change(bench, other(bench, "unlock_door", allow=False))
    (told,) = bench.of(ef.SendText, caused)
    assert '"cancelled"' in told.text


def test_a_tool_that_is_gone_moves_nothing_any_more(bench: Any) -> None:
    bench.says()
    key = bench.asks()
    bench.press()
    bench.wait(0.6)
    change(bench, dataclasses.replace(bench.s.config, tools=bench.s.config.tools[1:]))
    bench(ev.IntentCommitted(key, fresh=True))
    assert bench.of(ef.RunAction) == []
    bench.asks("c2")
    assert bench.s.calls == {}


def test_what_runs_already_runs_to_its_end_as_it_was_judged(bench: Any) -> None:
    bench.says()
    key = bench.asks()
    bench.press()
    bench.wait(0.6)
    bench(ev.IntentCommitted(key, fresh=True))
    change(bench, other(bench, "unlock_door", allow=False))
    assert bench.s.calls[key].state is Call.RUNNING
    caused = bench(ev.ActionEnded(key, True, "", "", ""))
    assert [one.outcome for one in bench.of(ef.RecordOutcome, caused)] == ["done"]


def test_a_call_of_another_tool_goes_on(bench: Any) -> None:
    bench.says()
    key = bench.asks()
    change(bench, other(bench, "ring_bell", fresh_s=9.0))
    bench.press()
    bench.wait(0.6)
    bench(ev.IntentCommitted(key, fresh=True))
    assert [one.key for one in bench.of(ef.RunAction)] == [key]


def test_the_next_call_is_judged_by_the_new_policy(bench: Any) -> None:
    change(bench, other(bench, "unlock_door", allow=False))
    bench.says()
    bench.asks()
    assert [one.outcome for one in bench.of(ef.RecordOutcome)] == ["refused"]


@pytest.mark.parametrize(("first", "then"), [(3, 5), (5, 3)])
def test_another_lock_out_counts_what_was_refused_before(bench: Any, first: int, then: int) -> None:
    def locking(refusals: int) -> Config:
        lockout = Lockout(refusals=refusals, per_s=60, for_s=60)
        return other(bench, "unlock_door", allow=False, lockout=lockout)

    change(bench, locking(first))
    bench.says()
    for number in range(2):
        bench.asks(f"a{number}")
    change(bench, locking(then))
    for number in range(then - 3):
        bench.asks(f"b{number}")
    assert "unlock_door" not in bench.s.locks
    bench.asks("the last")
    assert "unlock_door" in bench.s.locks


def test_a_policy_without_the_tool_does_not_forgive(bench: Any) -> None:
    lockout = Lockout(refusals=2, per_s=60, for_s=60)
    change(bench, other(bench, "unlock_door", allow=False, lockout=lockout))
    bench.says()
    bench.asks("a")
    bench.asks("b")
    without = dataclasses.replace(bench.s.config, tools=())
    back = other(bench, "unlock_door", allow=True)
    change(bench, without)
    change(bench, back)
    bench.asks("c")
    decisions = [note.data for note in bench.of(ef.Note) if note.kind == "decision"]
    assert dict(decisions[-1])["code"] == "locked"


def test_the_owners_volume_comes_before_the_visitors_and_stays_theirs_when_it_is_the_same(bench: Any) -> None:
    bench.s.volume = 0.4
    config = bench.s.config
    change(bench, other(bench, "ring_bell", fresh_s=9.0))
    assert bench.s.volume == 0.4
    change(bench, dataclasses.replace(config, audio=dataclasses.replace(config.audio, volume=0.7)))
    assert bench.s.volume == 0.7
