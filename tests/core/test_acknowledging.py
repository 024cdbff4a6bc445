"""People elsewhere say yes or no: about one call, while it waits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Callable

import pytest

from kioskd.core import confirm_effects as cf
from kioskd.core import confirm_events as ce
from kioskd.core import effects as ef
from kioskd.core import events as ev


@pytest.fixture
def kiosk(bench: Any) -> Any:
    return wanting(bench, confirm="staff")


def wanting(bench: Any, **policy: Any) -> Any:
    door, *rest = bench.s.config.tools
    tools = (replace(door, policy=replace(door.policy, **policy)), *rest)
    bench.s.config = replace(bench.s.config, tools=tools)
    return bench


def commits(bench: Any) -> int:
    return len(bench.of(ef.CommitIntent))


def test_they_are_asked_while_the_call_waits_and_their_yes_opens(kiosk: Any) -> None:
    kiosk.says()
    key = kiosk.asks()
    assert kiosk.of(cf.AskStaff) == [cf.AskStaff(key, "unlock_door", 10.0)]
    kiosk(ce.StaffAnswered(key, True, "Anna"))
    assert commits(kiosk) == 1 and kiosk.of(cf.ForgetStaff) == [cf.ForgetStaff(key)]
    [told] = [dict(effect.data) for effect in kiosk.of(ef.Audit) if effect.what == "confirmed"]
    assert (told["by"], told["who"]) == ("staff", "Anna")
    kiosk(ce.StaffAnswered(key, True, "Anna"))
    assert commits(kiosk) == 1


def test_a_no_refuses(kiosk: Any) -> None:
    kiosk.says()
    key = kiosk.asks()
    kiosk(ce.StaffAnswered(key, False, "Anna"), ce.StaffAnswered(key, True, "Anna"))
    assert commits(kiosk) == 0
    assert kiosk.of(ef.RecordOutcome)[-1].reason == "Anna said no"


def test_nobody_to_be_asked_refuses_unless_something_else_confirms(kiosk: Any, make_bench: Callable[..., Any]) -> None:
    kiosk.says()
    key = kiosk.asks()
    kiosk(ce.StaffUnreached(key, "the broker is gone."))
    assert kiosk.s.confirming is None and "broker is gone" in kiosk.of(ef.RecordOutcome)[-1].reason
    other = wanting(make_bench(), confirm="any_of", confirm_by=("button", "staff"))
    other.says()
    key = other.asks()
    other(ce.StaffUnreached(key, "the broker is gone."))
    other.press()
    other.wait(0.6)
    assert commits(other) == 1


@pytest.mark.parametrize(
    "cancel",
    [
        lambda bench: bench(ev.MuteSwitched(True)),
        lambda bench: bench(ev.SessionEnded("s1", 1000, "")),
        lambda bench: bench(ev.StopAsked("SIGTERM")),
        lambda bench: bench(ev.PlaybackStarted(bench.now), ev.SpeechStarted("s1")),
        lambda bench: bench.wait(11),
    ],
    ids=["mute", "end of session", "stop", "barge-in", "expiry"],
)
def test_a_yes_after_a_cancel_moves_nothing(kiosk: Any, cancel: Callable[[Any], Any]) -> None:
    kiosk.says()
    key = kiosk.asks()
    cancel(kiosk)
    assert kiosk.of(cf.ForgetStaff) == [cf.ForgetStaff(key)]
    kiosk(ce.StaffAnswered(key, True, "Anna"))
    kiosk.wait(5)
    assert commits(kiosk) == 0


def test_a_yes_about_another_call_is_none(kiosk: Any) -> None:
    kiosk.says()
    key = kiosk.asks("c1")
    for other in (key._replace(call_id="c2"), key._replace(session="s2"), key._replace(endpoint="f")):
        kiosk(ce.StaffAnswered(other, True, "Anna"))
    assert commits(kiosk) == 0


def test_a_visitor_who_has_left_is_not_let_in(kiosk: Any) -> None:
    """The second judgement: staff elsewhere do not make anybody present."""
    wanting(kiosk, confirm="staff", confirm_s=60.0, fresh_s=20.0)
    kiosk.says()
    key = kiosk.asks()
    kiosk.wait(30)
    kiosk(ce.StaffAnswered(key, True, "Anna"))
    assert commits(kiosk) == 0 and "fresh_s" in kiosk.of(ef.RecordOutcome)[-1].reason


def test_two_of_three(bench: Any) -> None:
    kiosk = wanting(bench, confirm="two_of", confirm_by=("button", "code", "staff"))
    kiosk.says()
    key = kiosk.asks()
    assert kiosk.of(cf.ListenToKeys) == [cf.ListenToKeys(True)] and len(kiosk.of(cf.AskStaff)) == 1
    kiosk(ce.StaffAnswered(key, True, "Anna"))
    assert commits(kiosk) == 0
    kiosk.press()
    kiosk.wait(0.6)
    assert commits(kiosk) == 1
    assert kiosk.of(cf.ListenToKeys)[-1] == cf.ListenToKeys(False)


def test_a_call_that_is_refused_asks_nobody(kiosk: Any) -> None:
    kiosk.online()
    kiosk.s.last_person_at = None
    kiosk.asks()
    assert kiosk.of(cf.AskStaff) == [] and kiosk.of(cf.ListenToKeys) == []
