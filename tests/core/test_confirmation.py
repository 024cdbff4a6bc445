"""The hand at the button: a new press, held long enough, for one call."""

from __future__ import annotations

import dataclasses
import json
from typing import Any, Callable

import pytest

from kioskd.config.panel import Button, Panel
from kioskd.config.sections import Policy
from kioskd.core import effects as ef
from kioskd.core import events as ev
from kioskd.core.words import CallKey, Feed, Phase


def commits(bench: Any) -> list[ef.CommitIntent]:
    return list(bench.of(ef.CommitIntent))


def runs(bench: Any) -> list[ef.RunAction]:
    return list(bench.of(ef.RunAction))


def status_of(effect: ef.SendOutput | ef.SendText) -> str:
    return str(json.loads(effect.output if isinstance(effect, ef.SendOutput) else effect.text)["status"])


def test_a_door_waits_for_the_hand(bench: Any) -> None:
    bench.says()
    bench.asks()
    assert commits(bench) == [] and runs(bench) == []
    outputs = bench.of(ef.SendOutput)
    assert [status_of(output) for output in outputs] == ["needs_confirmation"]
    assert bench.of(ef.PlayCue) == [ef.PlayCue("confirm")]
    assert bench.of(ef.Show)[-1].confirming


def test_held_long_enough_it_is_written_down_and_then_it_moves(bench: Any) -> None:
    bench.says()
    key = bench.asks()
    bench.press()
    bench.wait(0.4)
    assert commits(bench) == []
    bench.wait(0.2)
    assert [commit.key for commit in commits(bench)] == [key] and runs(bench) == []
    assert bench.of(ef.Show)[-1].phase is Phase.ACTING
    bench(ev.IntentCommitted(key, fresh=True))
    assert [run.key for run in runs(bench)] == [key]
    bench(ev.ActionEnded(key, True, "{}", "", ""))
    assert [status_of(text) for text in bench.of(ef.SendText)] == ["done"], "the one output was given before"
    assert bench.of(ef.RecordOutcome)[-1].outcome == "done"
    assert bench.s.calls == {}


def test_a_short_press_confirms_nothing(bench: Any) -> None:
    bench.says()
    bench.asks()
    for _ in range(5):
        bench.press()
        bench.wait(0.3)
        bench.release()
        bench.wait(0.3)
    assert commits(bench) == []


@pytest.mark.parametrize(("debounce_ms", "held_s"), [(30, 0.48), (500, 0.005)])
def test_a_finger_that_left_too_soon_confirms_nothing_however_late_that_is_known(
    bench: Any, debounce_ms: int, held_s: float
) -> None:
    """The press is known after glitch_ms, its end after debounce_ms: 500 ms are to be held."""
    talk = Button(pin="GPIO17", debounce_ms=debounce_ms, glitch_ms=4)
    bench.s.config = dataclasses.replace(bench.s.config, panel=Panel(talk=talk))
    bench.says()
    bench.asks()
    down_at = bench.now + 0.1
    bench.now = down_at + 0.004
    bench(ev.Pressed("talk", down_at))
    bench.wait(held_s - 0.004 + debounce_ms / 1000)
    bench(ev.Released("talk", down_at + held_s))
    bench.wait(2)
    assert commits(bench) == []
    bench.press()
    bench.wait(0.5)
    bench(ev.Released("talk", bench.now))
    assert len(commits(bench)) == 1, "who held it long enough waits for nothing"


def test_the_button_that_was_held_to_talk_never_confirms(make_bench: Callable[..., Any]) -> None:
    bench = make_bench(mode="push_to_talk")
    bench.press()
    bench.online()
    bench.now += 1
    bench(ev.SpeechStarted("s1"))
    bench.asks()
    bench.wait(5)
    assert commits(bench) == []
    bench.release()
    assert commits(bench) == []
    bench.press()
    bench.wait(0.6)
    assert len(commits(bench)) == 1


def test_a_press_stamped_before_the_question_is_not_an_answer(bench: Any) -> None:
    bench.says()
    bench.asks()
    bench(ev.Pressed("talk", bench.now - 0.2))
    bench.wait(2)
    bench(ev.Released("talk", bench.now))
    assert commits(bench) == []


def test_while_a_confirmation_is_pending_a_press_is_not_talk(make_bench: Callable[..., Any]) -> None:
    bench = make_bench(mode="push_to_talk")
    bench.press()
    bench.online()
    bench(ev.SpeechStarted("s1"))
    bench.release()
    bench(ev.GateClosed(bench.now))
    bench.asks()
    fed = len([effect for effect in bench.of(ef.SetFeed) if effect.feed is Feed.ALWAYS])
    bench.press()
    assert len([effect for effect in bench.of(ef.SetFeed) if effect.feed is Feed.ALWAYS]) == fed
    assert not bench.s.talking


def test_nobody_confirms_and_nothing_moves(bench: Any) -> None:
    bench.says()
    bench.asks()
    bench.wait(11)
    assert commits(bench) == []
    assert [status_of(text) for text in bench.of(ef.SendText)] == ["expired"]
    bench.press()
    bench.wait(1)
    assert commits(bench) == [], "too late"


def test_one_confirmation_serves_one_call(bench: Any) -> None:
    bench.says()
    bench.asks("c1")
    second = bench.asks("c2")
    assert second not in bench.s.calls, "refused: another one is being confirmed"
    bench.press()
    bench.wait(0.6)
    assert len(commits(bench)) == 1


def test_the_question_falls_silent_when_the_hand_has_answered_it(bench: Any) -> None:
    bench.says()
    bench.asks()
    bench(ev.ResponseCreated("s1", "r-question"), ev.PlaybackStarted(bench.now))
    bench.press()
    caused = bench.wait(0.6)
    assert bench.of(ef.CutPlayback, caused) == [ef.CutPlayback("r-question")]
    assert len(commits(bench)) == 1


def test_policy_is_asked_again_before_the_intent(bench: Any) -> None:
    bench.says()
    bench.asks()
    bench.press()
    # the owner's configuration changed while the finger was down
    bench.s.calls[next(iter(bench.s.calls))].tool = dataclasses.replace(
        bench.s.config.tools[0], policy=Policy(allow=False)
    )
    bench.wait(1)
    assert commits(bench) == []
    assert bench.of(ef.RecordOutcome)[-1].outcome == "refused"


def test_a_hold_that_the_whole_process_slept_through_is_no_hold(bench: Any) -> None:
    """Frozen in the hold: on waking, the timer is read before the edge that ended the press long ago."""
    bench.says()
    bench.asks()
    bench.press()
    pressed_at, timer = bench.now, bench.timers.pop("hold")
    bench.now += 5.0
    bench(ev.TimerFired(timer.name, timer.generation))
    assert commits(bench) == []
    bench(ev.Released("talk", pressed_at + 0.1))
    bench.wait(3)
    assert commits(bench) == []


def test_a_finger_that_outlasts_the_freeze_still_confirms(bench: Any) -> None:
    bench.says()
    key = bench.asks()
    bench.press()
    timer = bench.timers.pop("hold")
    bench.now += 5.0
    bench(ev.TimerFired(timer.name, timer.generation))
    bench.wait(1)
    assert [commit.key for commit in commits(bench)] == [key]


def test_a_confirmation_cuts_no_answer_of_the_session_before(bench: Any) -> None:
    """Services count their answers anew in each session: the next one of that name must be heard."""
    bench.says()
    bench.answers("resp_1")
    bench(ev.SessionEnded("s1", 1006, "gone"))
    bench.online("s2")
    bench(
        ev.GateOpened(bench.now), ev.GateClosed(bench.now), ev.ToolAsked(CallKey("e", "s2", "c1"), "unlock_door", "{}")
    )
    bench(ev.PlaybackStarted(bench.now))  # the cue that asks for a hand
    bench.press()
    caused = bench.wait(1.0)
    assert bench.of(ef.CommitIntent, caused)
    assert all(cut.response != "resp_1" for cut in bench.of(ef.CutPlayback))


def test_a_hold_that_ended_while_the_process_stood_still_for_a_moment_is_no_hold(bench: Any) -> None:
    """A tenth of a second late, and the finger had left before the time was over: its edge is read only now."""
    bench.says()
    bench.asks()
    bench.press()
    pressed_at, timer = bench.now, bench.timers.pop("hold")
    bench.now = timer.at + 0.09
    bench(ev.TimerFired(timer.name, timer.generation))
    bench(ev.Released("talk", pressed_at + 0.45))
    bench.wait(3)
    assert commits(bench) == []
