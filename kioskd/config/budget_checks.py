"""What may still be wrong with ``budget`` once each key is right by itself."""

from __future__ import annotations

from dataclasses import fields
from typing import Iterator

from kioskd.config.budget import Budget, Limits
from kioskd.config.findings import Finding, Lines
from kioskd.config.keys import words
from kioskd.config.sections import Config


def budget(config: Config, lines: Lines) -> Iterator[Finding]:
    """Every finding about the budget as a whole."""
    names = [f"{endpoint.dialect}-{number}" for number, endpoint in enumerate(config.service, start=1)]
    names += ["announce"] if config.announce.service is not None else []
    yield from _services(config.budget, names)
    yield from _limits(config.budget)
    yield from _consequence(config.budget, [endpoint.dialect for endpoint in config.service])


def _services(section: Budget, names: list[str]) -> Iterator[Finding]:
    seen: set[str] = set()
    for index, one in enumerate(section.services):
        at = f"budget.services[{index}].service"
        if one.service not in names:
            yield Finding(
                at, f"is none of the services; they are {words(names, 'and')}, by dialect and place in the list"
            )
        elif one.service in seen:
            yield Finding(at, "is there twice; put both into one")
        seen.add(one.service)


def _limits(section: Budget) -> Iterator[Finding]:
    """Limits that can never be reached."""
    unpriced = "nothing has a price, so no cost is ever reached; set price_per_minute or price_per_turn"
    costly = section.price_per_minute or section.price_per_turn
    groups = [("budget", section.hour, section.day, costly)]
    for index, one in enumerate(section.services):
        own = one.price_per_minute or one.price_per_turn or one.price_per_1000_characters
        groups.append((f"budget.services[{index}]", one.hour, one.day, own or costly))
    anything = any(group[3] for group in groups)
    for path, hour, day, price in groups:
        for name, limits in (("hour", hour), ("day", day)):
            if limits.cost is not None and not (anything if path == "budget" else price):
                yield Finding(f"{path}.{name}.cost", unpriced)
        for field in fields(Limits):
            most, whole = getattr(hour, field.name), getattr(day, field.name)
            if most is not None and whole is not None and most > whole:
                sentence = f"is more than the whole day may have ({whole:g}): the hour's limit is never reached"
                yield Finding(f"{path}.hour.{field.name}", sentence, (f"{path}.day.{field.name}",), warning=True)


def _consequence(section: Budget, dialects: list[str]) -> Iterator[Finding]:
    every = [section.hour, section.day]
    for one in section.services:
        every += [one.hour, one.day]
    limited = any(limits != Limits() for limits in every)
    if section.when_spent != "warn" and not limited:
        sentence = f"{section.when_spent} waits for a limit, and none is set; add budget.day.session_minutes, say"
        yield Finding("budget.when_spent", sentence, warning=True)
    elif section.when_spent == "local" and "local" not in dialects:
        sentence = "there is no service on this device that could take over; add {dialect: local}, or write refuse"
        yield Finding("budget.when_spent", sentence, ("service",), warning=True)
