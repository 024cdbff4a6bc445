"""What kioskd check says of a budget as a whole."""

from __future__ import annotations

from typing import Callable

import pytest

from kioskd.config.loader import Loaded

Judge = Callable[..., Loaded]


def said(loaded: Loaded) -> list[str]:
    return [f"{one.key}: {one.sentence}" for one in (*loaded.problems, *loaded.warnings)]


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "{day: {turns: 100}}",
        "{when_spent: local, day: {session_minutes: 60}}",
        "{when_spent: refuse, services: [{service: local-1, hour: {turns: 5}}]}",
        "{price_per_turn: 0.1, day: {cost: 5}}",
        "{day: {cost: 5}, services: [{service: local-1, price_per_minute: 0.1}]}",
    ],
)
def test_a_sound_budget_is_silent(with_: Judge, text: str) -> None:
    assert said(with_("+", f"budget: {text}\n")) == []


def test_a_service_that_is_not_there_is_an_error_with_those_that_are(with_: Judge) -> None:
    (one,) = said(with_("+", "budget: {services: [{service: hydra-1}]}\n"))
    assert one.startswith("budget.services[0].service: is none of the services; they are local-1")


def test_a_service_that_is_there_twice_is_an_error(with_: Judge) -> None:
    (one,) = said(with_("+", "budget: {services: [{service: local-1}, {service: local-1}]}\n"))
    assert "twice" in one


def test_a_cost_that_nothing_can_reach_is_an_error(with_: Judge) -> None:
    assert "nothing has a price" in said(with_("+", "budget: {day: {cost: 5}}\n"))[0]
    (own,) = said(with_("+", "budget: {services: [{service: local-1, hour: {cost: 5}}]}\n"))
    assert own.startswith("budget.services[0].hour.cost")


def test_an_hour_that_may_have_more_than_its_day_is_a_warning(with_: Judge) -> None:
    loaded = with_("+", "budget: {hour: {turns: 50}, day: {turns: 20}}\n")
    assert loaded.problems == () and "more than the whole day may have (20)" in said(loaded)[0]


def test_a_consequence_of_no_limit_is_a_warning(with_: Judge) -> None:
    assert "none is set" in said(with_("+", "budget: {when_spent: refuse}\n"))[0]


def test_local_without_a_local_service_is_a_warning(with_: Judge) -> None:
    loaded = with_(
        "- dialect: local",
        "- {dialect: hydra, key: {env: HYDRA}}",
        "+",
        "budget: {when_spent: local, day: {turns: 3}}\n",
    )
    assert loaded.problems == () and any("could take over" in one for one in said(loaded))
