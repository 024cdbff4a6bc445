"""What ``kioskctl usage`` shows, as JSON: a documented page that does not change its meaning (docs/usage.md). Pure."""

from __future__ import annotations

from typing import Mapping

from kioskd.config.budget import Budget
from kioskd.core.books import DAYS, HOURS, Books, Bucket, Hour
from kioskd.core.budget import Verdict, cost, priced
from kioskd.core.tally import Tally, total

PAGE_VERSION = 1
USUAL_DAYS = 7


def page(books: Books, budget: Budget, verdict: Verdict, services: Mapping[str, bool], days: int) -> dict[str, object]:
    """Everything that a person or a script asks about usage; plain values.

    Args:
        books: ticked just now.
        services: those that are configured, and whether each is on this device.
        days: so many, today included; 1 to 400.
    """
    money = _Money(budget, services) if priced(budget) else None
    wanted = [books.day_before(ago) for ago in range(days)]
    hours = sorted(hour for hour in books.hours if 0 <= books.hour.start - hour.start < HOURS * 3600)
    return {
        "version": PAGE_VERSION,
        "today": {"date": books.day, **_bucket(books.today, money)},
        "hour": {"from": books.hour.label, **_bucket(books.this_hour, money)},
        "days": [{"date": day, **_bucket(books.days.get(day, {}), money)} for day in dict.fromkeys(wanted)],
        "hours": [_hour(hour, books.hours[hour], money) for hour in reversed(hours)],
        "sum": _bucket(_together([books.days.get(day, {}) for day in dict.fromkeys(wanted)]), money),
        "services": {name: {"on_device": device} for name, device in services.items()},
        "currency": budget.currency if money is not None else None,
        "budget": budget_row(budget, verdict),
    }


def budget_row(budget: Budget, verdict: Verdict) -> dict[str, object]:
    """How the budget stands, for this page and for status."""
    return {
        "state": verdict.level.value,
        "sentence": verdict.sentence,
        "when_spent": budget.when_spent,
        "limits": [line.row() for line in verdict.lines],
        "restricted": sorted(verdict.restricted),
    }


def days_asked(request: Mapping[str, object]) -> int:
    """How many days a request wants.

    Raises:
        ValueError: with a sentence.
    """
    days = request.get("days", USUAL_DAYS)
    if isinstance(days, bool) or not isinstance(days, int) or not 1 <= days <= DAYS:
        raise ValueError(f"days is a whole number from 1 to {DAYS}; that many days are kept")
    return days


class _Money:
    def __init__(self, budget: Budget, services: Mapping[str, bool]) -> None:
        self._budget = budget
        self._services = services

    def of(self, service: str, used: Tally) -> float:
        return cost(self._budget, service, used, self._services)


def _hour(hour: Hour, bucket: Bucket, money: _Money | None) -> dict[str, object]:
    return {"from": hour.label, **_bucket(bucket, money)}


def _bucket(bucket: Bucket, money: _Money | None) -> dict[str, object]:
    """All together, then each service."""
    whole = total(bucket).whole_row()
    rows = {name: bucket[name].whole_row() for name in sorted(bucket)}
    if money is not None:
        each = {name: round(money.of(name, used), 4) for name, used in bucket.items()}
        whole["cost"] = round(sum(each.values()), 4)
        for name, row in rows.items():
            row["cost"] = each[name]
    return {"total": whole, "services": rows}


def _together(buckets: list[Bucket]) -> Bucket:
    whole: dict[str, Tally] = {}
    for bucket in buckets:
        for name, used in bucket.items():
            whole[name] = whole[name].plus(used) if name in whole else used
    return whole
