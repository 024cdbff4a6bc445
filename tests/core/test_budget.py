"""Budgets: near, spent, and what follows; never more than was asked for."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kioskd.config.budget import Budget, Limits, ServiceBudget
from kioskd.core.budget import Level, cost, figure, judge, priced
from kioskd.core.tally import Tally

SERVICES = {"hydra-1": False, "openai-2": False, "local-3": True}


def minutes(many: float, **more: int) -> Tally:
    return Tally(session_s=many * 60, **more)


def test_without_a_limit_there_is_no_budget() -> None:
    assert judge(Budget(), {}, {"hydra-1": minutes(1e6)}, SERVICES) == (Level.NONE, "", (), {})


@pytest.mark.parametrize(
    ("used", "level"), [(0, Level.OK), (47.9, Level.OK), (48, Level.WARNED), (59.9, Level.WARNED), (60, Level.SPENT)]
)
def test_it_is_told_at_80_percent_and_spent_at_100(used: float, level: Level) -> None:
    verdict = judge(Budget(day=Limits(session_minutes=60)), {}, {"hydra-1": minutes(used)}, SERVICES)
    assert verdict.level is level and bool(verdict.sentence) == (level is not Level.OK)


def test_warn_restricts_nobody() -> None:
    verdict = judge(Budget(day=Limits(turns=2)), {}, {"hydra-1": Tally(turns=9)}, SERVICES)
    assert verdict.level is Level.SPENT and verdict.restricted == {}
    assert "9 of 2 turns of this day are used" in verdict.sentence and "goes on" in verdict.sentence


def test_local_leaves_the_services_on_this_device() -> None:
    verdict = judge(Budget(when_spent="local", hour=Limits(turns=2)), {"hydra-1": Tally(turns=2)}, {}, SERVICES)
    assert set(verdict.restricted) == {"hydra-1", "openai-2"}
    assert "only services on this device are called before the next full hour" in verdict.sentence


def test_refuse_leaves_nobody_and_says_it_once() -> None:
    verdict = judge(Budget(when_spent="refuse", day=Limits(turns=2)), {}, {"local-3": Tally(turns=2)}, SERVICES)
    assert set(verdict.restricted) == set(SERVICES)
    assert set(verdict.restricted.values()) == {verdict.sentence}, "one sentence for the link to give"
    assert verdict.sentence.endswith("no service is called before midnight")


def test_with_local_what_was_used_on_this_device_spends_nothing() -> None:
    used = {"local-3": Tally(turns=99), "local-9": Tally(turns=99), "hydra-1": Tally(turns=1)}
    verdict = judge(Budget(when_spent="local", day=Limits(turns=2)), {}, used, SERVICES)
    assert verdict.level is Level.OK and verdict.lines[0].used == 1


@pytest.mark.parametrize("when_spent", ["local", "refuse"])
def test_the_limit_of_one_service_binds_that_one(when_spent: str) -> None:
    own = (ServiceBudget(service="hydra-1", day=Limits(traffic_mb=1)),)
    used = {"hydra-1": Tally(bytes_up=600_000, bytes_down=400_000), "openai-2": Tally(bytes_up=10**9)}
    verdict = judge(Budget(when_spent=when_spent, services=own), {}, used, SERVICES)
    assert list(verdict.restricted) == ["hydra-1"]
    assert verdict.sentence.endswith("of this day are used (hydra-1); hydra-1 is not called before midnight")


def test_a_spent_day_is_told_before_a_spent_hour() -> None:
    limits = Limits(turns=1)
    used = {"hydra-1": Tally(turns=1)}
    assert "midnight" in judge(Budget(when_spent="refuse", hour=limits, day=limits), used, used, SERVICES).sentence


def test_the_nearest_limit_is_told() -> None:
    budget = Budget(day=Limits(turns=100, session_minutes=100))
    verdict = judge(budget, {}, {"hydra-1": minutes(95, turns=81)}, SERVICES)
    assert "95 of 100 session minutes" in verdict.sentence and "nearly" in verdict.sentence


def test_a_limit_of_nothing_is_spent_from_the_start() -> None:
    assert (
        judge(Budget(when_spent="refuse", day=Limits(turns=0)), {}, {}, SERVICES).restricted.keys() == SERVICES.keys()
    )


def test_money_follows_the_prices_and_the_device_itself_is_free() -> None:
    own = (ServiceBudget(service="openai-2", price_per_turn=1.0),)
    budget = Budget(price_per_minute=0.5, price_per_turn=0.01, services=own)
    used = minutes(4, turns=10)
    assert cost(budget, "hydra-1", used, SERVICES) == pytest.approx(2.1)
    assert cost(budget, "openai-2", used, SERVICES) == pytest.approx(12.0)
    assert cost(budget, "local-3", used, SERVICES) == 0.0
    assert cost(budget, "hydra-9", used, SERVICES) == pytest.approx(2.1), "one that is configured no more"
    assert priced(budget) and not priced(Budget())


def test_money_can_be_limited() -> None:
    budget = Budget(when_spent="local", price_per_minute=0.5, currency="USD", day=Limits(cost=2))
    verdict = judge(budget, {}, {"hydra-1": minutes(3), "openai-2": minutes(1), "local-3": minutes(500)}, SERVICES)
    assert verdict.level is Level.SPENT and "2 of 2 USD of this day are used" in verdict.sentence


def test_a_line_is_json() -> None:
    (line,) = judge(Budget(day=Limits(turns=10)), {}, {"hydra-1": Tally(turns=3)}, SERVICES).lines
    assert line.row() == {"service": None, "period": "day", "what": "turns", "used": 3, "most": 10, "level": "ok"}


@pytest.mark.parametrize(
    ("value", "said"), [(0, "0"), (0.5, "0.5"), (0.054, "0.054"), (12.34, "12.3"), (60.0, "60"), (123.4, "123")]
)
def test_figures_are_as_people_say_them(value: float, said: str) -> None:
    assert figure(value) == said


amounts = st.dictionaries(
    st.sampled_from([*SERVICES, "hydra-9"]),
    st.builds(Tally, session_s=st.floats(0, 1e5), turns=st.integers(0, 500), bytes_up=st.integers(0, 10**9)),
)
limits = st.builds(
    Limits,
    session_minutes=st.none() | st.floats(0, 2000),
    turns=st.none() | st.integers(0, 500),
    traffic_mb=st.none() | st.floats(0, 2000),
    cost=st.none() | st.floats(0, 100),
)
budgets = st.builds(
    Budget,
    when_spent=st.sampled_from(["warn", "local", "refuse"]),
    price_per_minute=st.floats(0, 1),
    hour=limits,
    day=limits,
    services=st.lists(st.builds(ServiceBudget, service=st.sampled_from([*SERVICES]), day=limits), max_size=2).map(
        tuple
    ),
)


@settings(max_examples=80, deadline=None)
@given(budgets, amounts, amounts)
def test_nobody_is_restricted_without_a_spent_limit_and_a_word_of_the_owner(
    budget: Budget, hour: dict[str, Tally], day: dict[str, Tally]
) -> None:
    verdict = judge(budget, hour, day, SERVICES)
    spent = [line for line in verdict.lines if line.level is Level.SPENT]
    assert (verdict.level is Level.SPENT) == bool(spent)
    assert set(verdict.restricted) <= set(SERVICES)
    if budget.when_spent == "warn" or not spent:
        assert verdict.restricted == {}
    if budget.when_spent == "local":
        own = {line.service for line in spent if line.service}
        assert "local-3" not in set(verdict.restricted) - own
    if budget.when_spent == "refuse" and any(not line.service for line in spent):
        assert set(verdict.restricted) == set(SERVICES)


@settings(max_examples=60, deadline=None)
@given(budgets, amounts, st.sampled_from([*SERVICES]), st.integers(1, 100))
def test_using_more_never_frees_a_budget(budget: Budget, day: dict[str, Tally], service: str, turns: int) -> None:
    before = judge(budget, {}, day, SERVICES)
    more = {**day, service: day.get(service, Tally()).plus(Tally(turns=turns, session_s=turns))}
    assert set(before.restricted) <= set(judge(budget, {}, more, SERVICES).restricted)
