"""The section ``budget``: nothing is limited that the owner did not limit."""

from __future__ import annotations

from typing import Callable

from kioskd.config.budget import Budget, Limits, ServiceBudget
from kioskd.config.keys import keys
from kioskd.config.loader import Loaded

Judge = Callable[..., Loaded]


def test_the_default_limits_nothing_and_only_warns() -> None:
    assert Budget().hour == Budget().day == Limits() and Budget().when_spent == "warn"
    assert ServiceBudget(service="hydra-1").day == Limits()


def test_limits_apply_without_a_restart() -> None:
    assert {key.applies for section in (Limits, ServiceBudget) for key in keys(section) if not key.is_section} == {
        "live"
    }


def test_it_is_read_from_the_file(with_: Judge) -> None:
    loaded = with_(
        "+",
        """\
        budget:
          when_spent: refuse
          price_per_minute: 0.05
          hour: {turns: 20}
          day: {session_minutes: 30, cost: 2.5}
          services:
            - service: local-1
              day: {traffic_mb: 10}
        """,
    )
    assert loaded.problems == () and loaded.config is not None
    budget = loaded.config.budget
    assert (
        budget.when_spent == "refuse" and budget.hour.turns == 20 and budget.day == Limits(session_minutes=30, cost=2.5)
    )
    assert budget.services[0].day.traffic_mb == 10


def test_a_word_that_is_none_is_refused(with_: Judge) -> None:
    (problem,) = with_("+", "budget: {when_spent: stop}\n").problems
    assert "warn, local or refuse" in problem.sentence
