"""The page of ``usage``: a stable JSON whose sums agree."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from kioskd.config.budget import Budget, Limits
from kioskd.core.books import DAYS, Books, Now
from kioskd.core.budget import judge
from kioskd.core.tally import Tally
from kioskd.core.usage_page import days_asked, page

SERVICES = {"hydra-1": False, "local-2": True}
NOON = datetime.fromisoformat("2026-11-21T12:30:00+01:00").timestamp()


def books() -> Books:
    one = Books(Now(NOON - 86400, 3600, 100.0))
    one.book("hydra-1", Tally(session_s=60, sessions=1, attempts=2, turns=3, usage={"total_tokens": 9}))
    one.tick(Now(NOON, 3600, 86500.0))
    one.book("hydra-1", Tally(session_s=30, sessions=1, attempts=1, turns=1, bytes_up=5))
    one.book("local-2", Tally(turns=7))
    return one


def shown(budget: Budget = Budget(), days: int = 7) -> dict[str, Any]:
    kept = books()
    verdict = judge(budget, kept.this_hour, kept.today, SERVICES)
    page_: dict[str, Any] = json.loads(json.dumps(page(kept, budget, verdict, SERVICES, days)))
    return page_


def test_the_page_has_the_fields_that_the_documentation_promises() -> None:
    found = shown()
    assert list(found) == "version today hour days hours sum services currency budget".split()
    assert found["version"] == 1 and found["currency"] is None
    assert found["today"]["date"] == "2026-11-21" and found["hour"]["from"] == "2026-11-21T12:00+01:00"
    assert list(found["today"]["total"]) == (
        "session_s sessions attempts turns calls bytes_up bytes_down usage".split()
    )
    assert found["services"] == {"hydra-1": {"on_device": False}, "local-2": {"on_device": True}}


def test_totals_are_the_sum_of_services_and_days() -> None:
    found = shown()
    assert found["today"]["total"]["turns"] == 8 and found["today"]["services"]["local-2"]["turns"] == 7
    assert found["sum"]["total"]["turns"] == 11 == sum(day["total"]["turns"] for day in found["days"])
    assert found["sum"]["services"]["hydra-1"]["usage"] == {"total_tokens": 9}
    assert len(found["days"]) == 7 and found["days"][0] == found["today"]


def test_as_many_days_as_were_asked_for() -> None:
    assert [day["date"] for day in shown(days=2)["days"]] == ["2026-11-21", "2026-11-20"]
    assert shown(days=1)["sum"]["total"]["turns"] == 8
    assert len(shown(days=DAYS)["days"]) == DAYS


def test_the_last_48_hours_are_there_newest_first() -> None:
    assert [hour["from"] for hour in shown()["hours"]] == ["2026-11-21T12:00+01:00", "2026-11-20T12:00+01:00"]


def test_cost_is_shown_where_there_are_prices() -> None:
    found = shown(Budget(price_per_minute=0.1, price_per_turn=0.01, currency="USD"))
    assert found["currency"] == "USD"
    assert found["sum"]["total"]["cost"] == pytest.approx(0.19)
    assert found["today"]["services"] == {
        "hydra-1": found["today"]["services"]["hydra-1"],
        "local-2": {**found["today"]["services"]["local-2"], "cost": 0},
    }


def test_the_budget_is_there_with_its_state_and_sentence() -> None:
    budget = shown(Budget(when_spent="local", day=Limits(session_minutes=0.5)))["budget"]
    assert budget["state"] == "spent" and "0.5 of 0.5 session minutes" in budget["sentence"]
    assert budget["restricted"] == ["hydra-1"] and budget["when_spent"] == "local"
    assert budget["limits"][0]["level"] == "spent"


@pytest.mark.parametrize("days", [0, -1, 401, 1.5, "7", True, None])
def test_days_that_are_none_are_a_sentence(days: object) -> None:
    with pytest.raises(ValueError, match="1 to 400"):
        days_asked({"days": days})


def test_a_week_is_usual() -> None:
    assert days_asked({}) == 7 and days_asked({"days": 400}) == 400
