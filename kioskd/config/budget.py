"""The section about cost (``budget``): how much may be used in an hour and in a day, and what then."""

from __future__ import annotations

from dataclasses import dataclass

from kioskd.config.option import option


@dataclass(frozen=True, kw_only=True)
class Limits:
    """At most so much within one hour, or one day, of the box's own clock. What is left out is not limited."""

    session_minutes: float | None = option("minutes in session", None, low=0, high=100_000, applies="live")
    turns: int | None = option("what visitors said", None, low=0, high=1_000_000, applies="live")
    traffic_mb: float | None = option("sent and received", None, low=0, high=1_000_000, applies="live")
    cost: float | None = option("money, by the prices that are set", None, low=0, high=1_000_000, applies="live")


@dataclass(frozen=True, kw_only=True)
class ServiceBudget:
    """What one service may be used for, and what it costs."""

    service: str = option(
        "which one: its dialect and its place in the list of services, as in hydra-1; or announce", applies="live"
    )
    price_per_minute: float | None = option(
        "of a minute in session; default: budget.price_per_minute", None, low=0, high=10_000, applies="live"
    )
    price_per_turn: float | None = option(
        "of what a visitor says once; default: budget.price_per_turn", None, low=0, high=10_000, applies="live"
    )
    price_per_1000_characters: float = option(
        "of what is announced, for the service announce", 0.0, low=0, high=10_000, applies="live"
    )
    hour: Limits = option("most in an hour, of this service alone", Limits())
    day: Limits = option("most in a day, of this service alone", Limits())


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What all services together may be used for."""

    when_spent: str = option(
        "warn: it is told, and the kiosk goes on; local: only services on this device are used; refuse: none is",
        "warn",
        choices=("warn", "local", "refuse"),
        applies="live",
    )
    currency: str = option("what prices are in; only shown", "EUR", applies="live")
    price_per_minute: float = option(
        "of a minute in session, with every service but those on this device", 0.0, low=0, high=10_000, applies="live"
    )
    price_per_turn: float = option("of what a visitor says once, likewise", 0.0, low=0, high=10_000, applies="live")
    hour: Limits = option(
        "most in an hour, all services together; with when_spent: local, without those on this device", Limits()
    )
    day: Limits = option("most in a day, likewise; it begins at midnight by the box's own clock", Limits())
    services: tuple[ServiceBudget, ...] = option("limits and prices of single services", ())
