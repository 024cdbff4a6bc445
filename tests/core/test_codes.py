"""A code: typed after the question, counted before it is compared, for one call."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Callable

import pytest

from kioskd.config.confirm import Confirm
from kioskd.config.confirm_checks import tried_a_day
from kioskd.config.sections import Lockout, Tool
from kioskd.core import codes, lockout
from kioskd.core import confirm_effects as cf
from kioskd.core import confirm_events as ce
from kioskd.core import effects as ef
from kioskd.core import events as ev
from kioskd.core import house_events as he

RULE = Lockout(refusals=3, per_s=600.0, for_s=900.0)


@pytest.fixture
def kiosk(bench: Any) -> Any:
    """A bench whose door wants a code."""
    return wanting(bench, confirm="code")


def wanting(bench: Any, **policy: Any) -> Any:
    door, *rest = bench.s.config.tools
    tools: tuple[Tool, ...] = (replace(door, policy=replace(door.policy, **policy)), *rest)
    bench.s.config = replace(bench.s.config, tools=tools, confirm=Confirm(wrong_codes=RULE))
    return bench


def type_in(bench: Any, code: str = "4711", then: str = ce.ENTER) -> None:
    for key in (*code, then):
        bench.now += 0.1
        bench(ce.KeyTyped(key, bench.now))


def check(bench: Any, name: str = "", problem: str = "") -> None:
    """The last code that was entered has been compared."""
    asked = bench.of(cf.CheckCode)[-1]
    bench(ce.CodeChecked(asked.key, asked.number, name, problem))


def entered(bench: Any) -> list[str]:
    return [effect.code for effect in bench.of(cf.CheckCode)]


def commits(bench: Any) -> int:
    return len(bench.of(ef.CommitIntent))


def test_a_right_code_opens_once_and_only_after_it_was_compared(kiosk: Any) -> None:
    kiosk.says()
    key = kiosk.asks()
    assert json.loads(kiosk.of(ef.SendOutput)[-1].output)["say"] == "Please enter the code to confirm."
    type_in(kiosk)
    assert entered(kiosk) == ["4711"] and commits(kiosk) == 0
    check(kiosk, "caretaker")
    assert [commit.key for commit in kiosk.of(ef.CommitIntent)] == [key]
    [told] = [dict(effect.data) for effect in kiosk.of(ef.Audit) if effect.what == "confirmed"]
    assert (told["by"], told["who"]) == ("code", "caretaker")
    check(kiosk, "caretaker")
    assert commits(kiosk) == 1, "it serves one call, once"


def test_the_keypad_is_read_only_while_a_code_is_awaited(kiosk: Any) -> None:
    type_in(kiosk)
    assert entered(kiosk) == [] and kiosk.of(cf.ListenToKeys) == []
    kiosk.says()
    kiosk.asks()
    assert kiosk.of(cf.ListenToKeys) == [cf.ListenToKeys(True)]
    type_in(kiosk)
    check(kiosk, "caretaker")
    assert kiosk.of(cf.ListenToKeys)[-1] == cf.ListenToKeys(False)


def test_the_button_confirms_nothing_where_a_code_is_wanted(kiosk: Any) -> None:
    kiosk.says()
    kiosk.asks()
    kiosk.press()
    kiosk.wait(2)
    kiosk.release()
    assert commits(kiosk) == 0


@pytest.mark.parametrize("early", [-0.2, 0.0, float("nan"), float("-inf")])
def test_what_was_typed_before_the_question_does_not_count(kiosk: Any, early: float) -> None:
    kiosk.says()
    kiosk.asks()
    for key in "47":
        kiosk(ce.KeyTyped(key, kiosk.now + early))
    type_in(kiosk, "11")
    assert entered(kiosk) == ["11"]


def test_clear_begins_anew_and_enter_alone_is_nothing(kiosk: Any) -> None:
    kiosk.says()
    kiosk.asks()
    type_in(kiosk, "99", ce.CLEAR)
    type_in(kiosk, "")
    assert entered(kiosk) == []
    type_in(kiosk)
    assert entered(kiosk) == ["4711"]


def test_a_very_long_code_is_not_kept(kiosk: Any) -> None:
    kiosk.says()
    kiosk.asks()
    for _ in range(10_000):
        kiosk(ce.KeyTyped("1", kiosk.now + 0.1))
    type_in(kiosk, "")
    assert len(entered(kiosk)[0]) == codes.MOST_DIGITS + 1


@pytest.mark.parametrize(
    "cancel",
    [
        lambda bench: bench(ev.MuteAsked(True)),
        lambda bench: bench(ev.SessionEnded("s1", 1006, "gone")),
        lambda bench: bench(ev.StopAsked("SIGTERM")),
        lambda bench: bench(he.Suspended(3600.0)),
        lambda bench: bench(ev.PlaybackStarted(bench.now), ev.SpeechStarted("s1")),
        lambda bench: bench.wait(20),
    ],
    ids=["mute", "end of session", "stop", "sleep", "barge-in", "expiry"],
)
@pytest.mark.parametrize("moment", ["before", "while typed", "while compared"])
def test_a_cancel_ends_it_and_a_late_answer_moves_nothing(
    kiosk: Any, cancel: Callable[[Any], Any], moment: str
) -> None:
    kiosk.says()
    key = kiosk.asks()
    if moment != "before":
        type_in(kiosk, "4711", ce.ENTER if moment == "while compared" else "8")
    cancel(kiosk)
    assert kiosk.of(cf.ListenToKeys)[-1] == cf.ListenToKeys(False)
    kiosk(ce.CodeChecked(key, 1, "caretaker"))
    type_in(kiosk)
    kiosk.wait(3)
    assert commits(kiosk) == 0 and len(entered(kiosk)) == (moment == "while compared")


def test_an_answer_about_another_attempt_or_call_counts_for_nothing(kiosk: Any) -> None:
    kiosk.says()
    key = kiosk.asks()
    kiosk(ce.CodeChecked(key, 0, "caretaker"))
    type_in(kiosk)
    kiosk(ce.CodeChecked(key, 2, "caretaker"), ce.CodeChecked(key._replace(call_id="c9"), 1, "caretaker"))
    assert commits(kiosk) == 0


def test_a_second_code_waits_until_the_first_was_compared(kiosk: Any) -> None:
    kiosk.says()
    kiosk.asks()
    type_in(kiosk, "1111")
    type_in(kiosk, "2222")
    assert entered(kiosk) == ["1111"]
    check(kiosk)
    type_in(kiosk, "3333")
    assert entered(kiosk) == ["1111", "3333"]


# -- wrong codes ---------------------------------------------------------------------------------


def wrong_ones(bench: Any, count: int) -> None:
    for _ in range(count):
        type_in(bench, "0000")
        check(bench)


def test_too_many_wrong_codes_end_the_question_and_lock_codes(kiosk: Any) -> None:
    kiosk.says()
    kiosk.asks()
    wrong_ones(kiosk, 2)
    assert kiosk.s.confirming is not None
    wrong_ones(kiosk, 1)
    assert kiosk.s.confirming is None and ef.KeepLock(lockout.CODES, 900.0) in kiosk.of(ef.KeepLock)
    assert kiosk.of(ef.RecordOutcome)[-1].outcome == "refused"
    kiosk.says()
    kiosk.asks("c2")
    assert "locked" in str([effect.data for effect in kiosk.of(ef.Audit)][-1])
    kiosk.wait(901)
    kiosk.says()
    kiosk.asks("c3")
    type_in(kiosk)
    check(kiosk, "caretaker")
    assert commits(kiosk) == 1


def test_each_attempt_is_kept_before_it_is_compared_and_a_right_one_is_given_back(kiosk: Any) -> None:
    kiosk.says()
    kiosk.asks()
    type_in(kiosk)
    kinds = [type(effect) for effect in kiosk.done if isinstance(effect, (ef.KeepLock, cf.CheckCode))]
    assert kinds == [ef.KeepLock, cf.CheckCode]
    assert kiosk.of(ef.KeepLock) == [ef.KeepLock("#code-0", 600.0)]
    check(kiosk, "caretaker")
    assert kiosk.of(ef.KeepLock)[-1] == ef.KeepLock("#code-0", 0.0)


def test_a_power_cycle_gives_no_attempt_back(kiosk: Any) -> None:
    kiosk(he.LedgerRead((), (("#code-0", 500.0), ("#code-1", 500.0))))
    kiosk.says()
    kiosk.asks()
    wrong_ones(kiosk, 1)
    assert kiosk.s.confirming is None, "the third one"


def test_with_every_attempt_used_up_no_code_is_even_compared(kiosk: Any, make_bench: Callable[..., Any]) -> None:
    other = wanting(make_bench(), confirm="any_of", confirm_by=("button", "code"))
    other(he.LedgerRead((), tuple((f"#code-{number}", 500.0) for number in range(3))))
    other.says()
    other.asks()
    type_in(other)
    assert entered(other) == []
    other.press()
    other.wait(0.6)
    assert commits(other) == 1, "the button still does"


def test_a_code_that_cannot_be_compared_is_no_wrong_one(kiosk: Any) -> None:
    kiosk.says()
    kiosk.asks()
    for _ in range(5):
        type_in(kiosk)
        check(kiosk, problem="the secret cannot be read")
    assert kiosk.s.confirming is not None and kiosk.s.counts.wrong_codes == 0


def test_a_comparison_that_never_ends_is_an_attempt(kiosk: Any) -> None:
    kiosk = wanting(kiosk, confirm="code", confirm_s=100.0, fresh_s=600.0)
    kiosk.says()
    kiosk.asks()
    for _ in range(3):
        type_in(kiosk)
        kiosk.wait(codes.CHECK_S + 1)
    type_in(kiosk)
    assert len(entered(kiosk)) == 3 and commits(kiosk) == 0


# -- several -------------------------------------------------------------------------------------


def test_button_and_code_together_open_and_neither_alone(bench: Any) -> None:
    kiosk = wanting(bench, confirm="all_of", confirm_by=("button", "code"))
    kiosk.says()
    kiosk.asks()
    kiosk.press()
    kiosk.wait(0.6)
    kiosk.release()
    assert commits(kiosk) == 0
    kiosk.press()
    kiosk.wait(0.6)
    kiosk.release()
    assert commits(kiosk) == 0, "the same hand twice is one"
    type_in(kiosk)
    check(kiosk, "caretaker")
    assert commits(kiosk) == 1


def test_one_of_two_is_not_carried_over_to_the_next_call(bench: Any) -> None:
    kiosk = wanting(bench, confirm="all_of", confirm_by=("button", "code"))
    kiosk.says()
    kiosk.asks("c1")
    type_in(kiosk)
    check(kiosk, "caretaker")
    kiosk.wait(20)
    kiosk.says()
    kiosk.asks("c2")
    kiosk.press()
    kiosk.wait(0.6)
    assert commits(kiosk) == 0


def test_neither_events_nor_effects_show_a_code(kiosk: Any) -> None:
    kiosk.says()
    kiosk.asks()
    type_in(kiosk, "8642")
    assert "8642" not in repr(kiosk.done) and "'8'" not in repr(ce.KeyTyped("8", 1.0))
    kiosk(ce.KeyTyped("8", kiosk.now + 1))
    assert "typed" not in repr(kiosk.s)


@pytest.mark.parametrize("burst", [RULE.refusals, RULE.refusals - 1], ids=["until locked", "never locked"])
def test_nobody_gets_through_more_codes_than_check_says(bench: Any, burst: int) -> None:
    kiosk = wanting(bench, confirm="code", lockout=Lockout(refusals=1000, per_s=1.0, for_s=1.0))
    began, tried = kiosk.now, 0
    while kiosk.now < began + 86_400:
        kiosk.says()
        kiosk.asks(f"c{tried}")
        wrong_ones(kiosk, burst)
        tried = len(entered(kiosk))
        kiosk.wait(RULE.for_s if burst == RULE.refusals else RULE.per_s)
    assert tried <= tried_a_day(RULE) + RULE.refusals
