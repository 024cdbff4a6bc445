"""The door stays shut unless everything holds."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kioskd.config.means import means
from kioskd.config.sections import Action, Interlock, Kiosk, Policy, Rate, RelayAction, SensorAction, Tool
from kioskd.core.policy import CLASSES, Contacts, Facts, Verdict, judge, needs_hand
from kioskd.core.schedule import Wall

KIOSK = Kiosk(settle_s=2.0)
HAND = frozenset({"button"})
ALL = frozenset({"button", "code", "staff"})
CALM = Facts(
    now=1000.0,
    started_at=0.0,
    live_session="s1",
    call_session="s1",
    muted=False,
    last_person_at=999.0,
    confirming=False,
    runs=(),
    given=frozenset(),
)


def tool(class_: str = "access", relay: bool = True, **policy: Any) -> Tool:
    action = Action(relay=RelayAction(pin="GPIO27", min_gap_s=2.0)) if relay else Action(sensor=SensorAction(file="/f"))
    policy = {"allow": True} | policy
    return Tool(name="it", description="does it", class_=class_, action=action, policy=Policy(**policy))


def code(wanted: Tool | None, problem: str = "", **facts: Any) -> str:
    decision = judge(wanted, KIOSK, problem, replace(CALM, **facts))
    assert decision.why, "the owner is always told why"
    assert (decision.verdict is Verdict.ALLOW) == (decision.code == "allowed")
    return decision.code


def test_an_unknown_tool_is_refused() -> None:
    assert code(None) == "unknown_tool"


def test_nothing_is_allowed_that_is_not_allowed_in_so_many_words() -> None:
    assert judge(replace(tool("read"), policy=Policy()), KIOSK, "", CALM).code == "not_allowed"
    assert code(tool("read", allow="yes")) == "not_allowed"
    assert code(tool("acess")) == "not_allowed"


def test_a_problem_with_the_arguments_is_told_as_it_is() -> None:
    decision = judge(tool("read"), KIOSK, "argument 'floor' is missing", CALM)
    assert (decision.code, decision.why) == ("arguments", "argument 'floor' is missing")


@pytest.mark.parametrize(("class_", "wanted"), [("read", "allowed"), ("notify", "allowed"), ("actuate", "settling")])
def test_nothing_moves_in_the_first_seconds(class_: str, wanted: str) -> None:
    assert code(tool(class_), started_at=998.5) == wanted
    assert code(tool(class_), started_at=998.0) == "allowed"


def test_muted_refuses_everything() -> None:
    assert {code(tool(class_), muted=True) for class_ in CLASSES} == {"muted"}


@pytest.mark.parametrize(("live", "call"), [(None, "s1"), ("s2", "s1"), ("", ""), (None, "")])
def test_only_the_live_session_may_ask(live: str | None, call: str) -> None:
    assert code(tool("read"), live_session=live, call_session=call) == "not_live"


@pytest.mark.parametrize("at", [None, 969.9, 1000.1, math.nan])
def test_somebody_must_have_spoken_lately_except_for_reading(at: float | None) -> None:
    for class_ in ("notify", "actuate", "access"):
        assert code(tool(class_, fresh_s=30.0), last_person_at=at) == "stale"
    assert code(tool("read", fresh_s=30.0), last_person_at=at) == "allowed"
    assert code(tool("actuate", fresh_s=30.0), last_person_at=970.0) == "allowed"


def test_a_line_rests_between_two_pulses() -> None:
    assert code(tool("actuate"), runs=(998.1,)) == "gap"
    assert code(tool("actuate"), runs=(998.0,)) == "allowed"
    assert code(tool("actuate", relay=False), runs=(999.9,)) == "allowed"


def test_the_rate_counts_runs_within_its_window() -> None:
    limited = tool("actuate", rate=Rate(count=3, per_s=60.0))
    assert code(limited, runs=(941.0, 970.0, 990.0)) == "rate"
    assert code(limited, runs=(940.0, 970.0, 990.0)) == "allowed"
    assert code(limited, runs=(970.0, 990.0)) == "allowed"
    assert code(limited, runs=(100.0, 200.0, 970.0, 980.0, 990.0)) == "rate", "old runs do not hide new ones"


def test_access_wants_a_hand_by_default_and_others_when_told_so() -> None:
    assert code(tool("access")) == "confirm"
    assert code(tool("actuate")) == "allowed"
    assert code(tool("actuate", confirm="button")) == "confirm"
    assert code(tool("read", confirm="button")) == "confirm"
    assert code(tool("access"), given=HAND) == "allowed"


def test_access_without_confirmation_must_be_written_out() -> None:
    assert code(tool("access", confirm="none")) == "unconfirmed"
    assert code(tool("access", confirm="none"), given=HAND) == "unconfirmed"
    assert code(tool("access", confirm="none", access_without_confirmation=True)) == "allowed"
    assert code(tool("access", access_without_confirmation=True)) == "confirm"


def test_one_confirmation_at_a_time_and_what_needs_none_does_not_wait() -> None:
    assert code(tool("access"), confirming=True) == "busy_confirming"
    assert code(tool("access"), confirming=True, given=HAND) == "busy_confirming"
    assert code(tool("read"), confirming=True) == "allowed"


stamps = st.none() | st.floats(allow_nan=True, allow_infinity=True) | st.floats(900, 1100)
facts = st.builds(
    Facts,
    now=st.floats(900, 1100) | st.just(math.nan),
    started_at=st.floats(0, 1100),
    live_session=st.sampled_from([None, "", "s1", "s2"]),
    call_session=st.sampled_from(["", "s1", "s2"]),
    muted=st.booleans(),
    last_person_at=stamps,
    confirming=st.booleans(),
    runs=st.lists(st.floats(900, 1100), max_size=8).map(lambda runs: tuple(sorted(runs))),
    given=st.frozensets(st.sampled_from(sorted(ALL))),
)
policies = st.builds(
    Policy,
    allow=st.booleans(),
    confirm=st.sampled_from([None, "button", "code", "staff", "none", "all_of", "any_of", "two_of"]),
    confirm_by=st.lists(st.sampled_from(sorted(ALL)), max_size=4).map(tuple),
    access_without_confirmation=st.booleans(),
    fresh_s=st.floats(2, 600),
    rate=st.builds(Rate, count=st.integers(1, 5), per_s=st.floats(1, 100)),
)
tools = st.builds(
    lambda class_, relay, policy: replace(tool(class_, relay), policy=policy),
    st.sampled_from(["read", "notify", "actuate", "access", "other"]),
    st.booleans(),
    policies,
)


@settings(max_examples=400, deadline=None)
@given(tools, facts, st.sampled_from(["", "argument 'x' is missing"]))
def test_what_is_allowed_held_everything(wanted: Tool, moment: Facts, problem: str) -> None:
    verdict = judge(wanted, KIOSK, problem, moment).verdict
    policy = wanted.policy
    if verdict is Verdict.REFUSE:
        return
    assert policy.allow and not problem and not moment.muted
    assert moment.live_session and moment.live_session == moment.call_session
    if wanted.class_ != "read":
        assert moment.last_person_at is not None and 0 <= moment.now - moment.last_person_at <= policy.fresh_s
    if wanted.class_ in ("actuate", "access"):
        assert moment.now - moment.started_at >= KIOSK.settle_s
    assert sum(1 for at in moment.runs if moment.now - at < policy.rate.per_s) < policy.rate.count
    if wanted.action.relay is not None:
        assert all(moment.now - at >= wanted.action.relay.min_gap_s for at in moment.runs)
    if verdict is Verdict.ALLOW and wanted.class_ == "access":
        kinds, needed = means(wanted)
        by_people = needed > 0 and len(moment.given & set(kinds)) >= needed
        assert by_people or (policy.confirm == "none" and policy.access_without_confirmation)
    if verdict is Verdict.CONFIRM:
        kinds, needed = means(wanted)
        assert needs_hand(wanted) and len(moment.given & set(kinds)) < needed and not moment.confirming


@settings(max_examples=200, deadline=None)
@given(tools, facts, st.sampled_from(["", "argument 'x' is missing"]))
def test_a_hand_turns_confirm_into_allow_and_heals_nothing_else(wanted: Tool, moment: Facts, problem: str) -> None:
    before = judge(wanted, KIOSK, problem, replace(moment, given=frozenset()))
    after = judge(wanted, KIOSK, problem, replace(moment, given=ALL))
    if before.verdict is Verdict.CONFIRM:
        assert after.verdict is Verdict.ALLOW
    else:
        assert after == before


# -- clock, contacts, lock-out -----------------------------------------------------------------------

FIRE = Interlock(pin="GPIO24", must_be="inactive", name="the fire alarm")
NINE = Wall("2026-12-21", 0, 9 * 60, True)


def test_nobody_is_asked_for_a_hand_for_what_cannot_be_done() -> None:
    decision = judge(tool(), KIOSK, "", replace(CALM, unfit="its relay has no net"))
    assert (decision.verdict, decision.code, decision.why) == (Verdict.REFUSE, "unfit", "its relay has no net")


def test_the_schedule_refuses_whatever_the_hand_says() -> None:
    office = tool(hours=("mon-fri 08:00-18:00",))
    assert code(office, wall=NINE) == "confirm" and code(office, wall=NINE, given=HAND) == "allowed"
    assert code(office, wall=NINE._replace(minute=19 * 60), given=HAND) == "hours"
    assert code(office, wall=None, given=HAND) == "clock"
    assert code(office, wall=NINE._replace(trusted=False), given=HAND) == "clock"


def test_a_lock_refuses_what_moves_and_lets_people_call_for_help() -> None:
    assert {code(tool(class_), locked_s=1.0) for class_ in ("actuate", "access")} == {"locked"}
    assert {code(tool(class_), locked_s=1.0) for class_ in ("read", "notify")} == {"allowed"}
    assert code(tool("actuate"), locked_s=math.nan) == "locked"


def test_without_its_contacts_read_nothing_is_allowed_or_asked_of_a_hand() -> None:
    guarded = tool(interlocks=(FIRE,))
    assert code(guarded) == "look" and code(guarded, given=HAND) == "look"
    holds, fire = Contacts("", ""), Contacts("the fire alarm", "the fire alarm is active")
    assert code(guarded, contacts=holds) == "confirm" and code(guarded, contacts=holds, given=HAND) == "allowed"
    assert code(guarded, contacts=fire) == "interlock" and code(guarded, contacts=fire, given=HAND) == "interlock"
    assert code(guarded, contacts=Contacts("", "the line cannot be read")) == "interlock"


def test_contacts_are_not_read_for_what_is_refused_anyway() -> None:
    guarded = tool(interlocks=(FIRE,))
    assert code(guarded, muted=True) == "muted" and code(guarded, confirming=True) == "busy_confirming"


@settings(max_examples=300, deadline=None)
@given(tools, facts, st.booleans(), st.sampled_from([None, Contacts("", ""), Contacts("x", "x is active")]))
def test_what_is_allowed_held_its_contacts_its_clock_and_no_lock(
    wanted: Tool, moment: Facts, locked: bool, contacts: Contacts | None
) -> None:
    policy = replace(wanted.policy, interlocks=(FIRE,), holidays=("2026-12-25",))
    here = replace(moment, locked_s=float(locked), contacts=contacts, wall=NINE)
    for facts_now in (here, replace(here, wall=None), replace(here, wall=NINE._replace(date="2026-12-25"))):
        if judge(replace(wanted, policy=policy), KIOSK, "", facts_now).verdict in (Verdict.ALLOW, Verdict.CONFIRM):
            assert facts_now.contacts == Contacts("", "") and facts_now.wall == NINE
            assert not (locked and wanted.class_ in ("actuate", "access"))


@pytest.mark.parametrize(
    ("confirm", "by", "enough", "too_little"),
    [
        ("code", (), [{"code"}, {"code", "staff"}], [{"button"}, {"staff"}, {"button", "staff"}]),
        ("staff", (), [{"staff"}], [{"button", "code"}]),
        ("all_of", ("button", "code"), [{"button", "code"}], [{"button"}, {"code"}, {"button", "staff"}]),
        ("any_of", ("code", "staff"), [{"code"}, {"staff"}], [{"button"}]),
        ("two_of", ("button", "code", "staff"), [{"button", "staff"}, ALL], [{"button"}, {"code"}]),
    ],
)
def test_each_way_to_confirm_wants_just_that(confirm: str, by: tuple[str, ...], enough: Any, too_little: Any) -> None:
    wanted = tool("access", confirm=confirm, confirm_by=by)
    assert [code(wanted, given=frozenset(given)) for given in enough] == ["allowed"] * len(enough)
    assert [code(wanted, given=frozenset(given)) for given in (*too_little, ())] == ["confirm"] * (len(too_little) + 1)


@pytest.mark.parametrize(("confirm", "by"), [("all_of", ()), ("two_of", ("button", "button")), ("any_of", ())])
def test_what_nothing_could_confirm_is_refused_at_once(confirm: str, by: tuple[str, ...]) -> None:
    assert code(tool("access", confirm=confirm, confirm_by=by), given=ALL) == "unconfirmed"


def test_the_visitor_is_asked_for_what_is_wanted() -> None:
    def asked(confirm: str, *by: str) -> str:
        return judge(tool("access", confirm=confirm, confirm_by=by), KIOSK, "", CALM).say

    assert asked("button") == "Please hold the button to confirm."
    assert asked("code") == "Please enter the code to confirm."
    assert asked("staff") == "Staff have been asked to confirm. Please wait a moment."
    assert asked("all_of", "button", "code") == "Please hold the button and enter the code to confirm."
    assert asked("any_of", "button", "staff") == "Please hold the button or wait for the staff to confirm."
    assert asked("two_of", "button", "code", "staff") == (
        "Please do two of these to confirm: hold the button, enter the code, wait for the staff."
    )
