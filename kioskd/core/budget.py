"""Whether what was used is within the owner's budget, and which services may not be called now. Pure.

A budget never cuts a conversation: it says whom not to call, and the link holds to it at the next quiet moment.
"""

from __future__ import annotations

from enum import Enum
from typing import Iterator, Mapping, NamedTuple

from kioskd.config.budget import Budget, Limits, ServiceBudget
from kioskd.core.books import Bucket
from kioskd.core.tally import ZERO, Tally, total

# From this share of a limit on the owner is told: early enough to raise it. A guess.
WARN_SHARE = 0.8
UNLIMITED = Limits()
LOCAL = "local-"  # names of services on this device begin so (services.py)
VOICE = "announce"  # the house's voice: billed by what it speaks, so the price of a minute of talk is not its price
CHARACTERS = "characters"  # of its usage: what it was asked to speak
UNTIL = {"hour": "before the next full hour", "day": "before midnight"}


class Level(Enum):
    """How a budget stands."""

    NONE = "none"  # nothing is limited
    OK = "ok"
    WARNED = "warned"
    SPENT = "spent"


class Line(NamedTuple):
    """One limit.

    Attributes:
        service: empty: all together.
        period: ``hour`` or ``day``.
        what: ``session_minutes``, ``turns``, ``traffic_mb`` or ``cost``.
        used, most: in that unit.
        unit: as a sentence says it.
    """

    service: str
    period: str
    what: str
    used: float
    most: float
    unit: str

    @property
    def level(self) -> Level:
        """How this one stands."""
        if self.used >= self.most:
            return Level.SPENT
        return Level.WARNED if self.used >= WARN_SHARE * self.most else Level.OK

    @property
    def sentence(self) -> str:
        """``61 of 60 session minutes of this day are used (hydra-1)``."""
        who = f" ({self.service})" if self.service else ""
        return f"{figure(self.used)} of {figure(self.most)} {self.unit} of this {self.period} are used{who}"

    def row(self) -> dict[str, object]:
        """For JSON."""
        row = self._asdict()
        del row["unit"]
        row["service"] = self.service or None
        return {**row, "used": round(self.used, 3), "level": self.level.value}


class Verdict(NamedTuple):
    """How the whole budget stands.

    Attributes:
        level: the worst of the lines.
        sentence: says why, and what follows; empty while all is well.
        lines: every limit.
        restricted: services not to be called now, each with its sentence.
    """

    level: Level
    sentence: str
    lines: tuple[Line, ...]
    restricted: Mapping[str, str]


def judge(budget: Budget, this_hour: Bucket, today: Bucket, services: Mapping[str, bool]) -> Verdict:
    """Hold what was used against what is allowed.

    Args:
        budget: the section.
        this_hour, today: what was used, by service.
        services: those that are configured, by name, and whether each is on this device.
    """
    lines = tuple(_lines(budget, this_hour, today, services))
    if not lines:
        return Verdict(Level.NONE, "", (), {})
    # A day lasts longer than an hour: its limit is the one to tell first.
    spent = sorted((line for line in lines if line.level is Level.SPENT), key=lambda line: line.period)
    if spent:
        restricted = _restricted(budget, spent, services)
        return Verdict(Level.SPENT, _consequence(budget, spent[0]), lines, restricted)
    warned = [line for line in lines if line.level is Level.WARNED]
    if warned:
        nearest = max(warned, key=lambda line: line.used / line.most)
        return Verdict(Level.WARNED, f"the budget is nearly spent: {nearest.sentence}", lines, {})
    return Verdict(Level.OK, "", lines, {})


def cost(budget: Budget, service: str, used: Tally, services: Mapping[str, bool]) -> float:
    """What that costs by the prices of now."""
    own = next((one for one in budget.services if one.service == service), None)
    free = on_device(service, services) or service == VOICE
    minute, turn = (0.0, 0.0) if free else (budget.price_per_minute, budget.price_per_turn)
    if own is not None:
        minute = minute if own.price_per_minute is None else own.price_per_minute
        turn = turn if own.price_per_turn is None else own.price_per_turn
    letter = 0.0 if own is None else own.price_per_1000_characters / 1000
    return used.session_s / 60 * minute + used.turns * turn + used.usage.get(CHARACTERS, 0) * letter


def priced(budget: Budget) -> bool:
    """Whether anything has a price."""
    prices = [budget.price_per_minute, budget.price_per_turn]
    for one in budget.services:
        prices += [one.price_per_minute or 0.0, one.price_per_turn or 0.0, one.price_per_1000_characters]
    return any(prices)


def on_device(service: str, services: Mapping[str, bool]) -> bool:
    """Whether it costs nothing to nobody; one that is configured no more is told by its name."""
    return services.get(service, service.startswith(LOCAL))


# -- inside ------------------------------------------------------------------------------------------


def _lines(budget: Budget, this_hour: Bucket, today: Bucket, services: Mapping[str, bool]) -> Iterator[Line]:
    local = budget.when_spent == "local"
    for period, bucket, limits in (("hour", this_hour, budget.hour), ("day", today, budget.day)):
        if limits == UNLIMITED:
            continue  # the usual case, once a second
        # Where services on this device take over when it is spent, they cannot be what spends it.
        counted = {name: used for name, used in bucket.items() if not (local and on_device(name, services))}
        money = sum(cost(budget, name, used, services) for name, used in counted.items())
        yield from _limited("", period, total(counted), money, limits, budget.currency)
    for own in budget.services:
        yield from _own_lines(budget, own, this_hour, today, services)


def _own_lines(
    budget: Budget, own: ServiceBudget, this_hour: Bucket, today: Bucket, services: Mapping[str, bool]
) -> Iterator[Line]:
    for period, bucket, limits in (("hour", this_hour, own.hour), ("day", today, own.day)):
        used = bucket.get(own.service, ZERO)
        money = cost(budget, own.service, used, services)
        yield from _limited(own.service, period, used, money, limits, budget.currency)


def _limited(service: str, period: str, used: Tally, money: float, limits: Limits, currency: str) -> Iterator[Line]:
    traffic_mb = (used.bytes_up + used.bytes_down) / 1e6
    for what, amount, most, unit in (
        ("session_minutes", used.session_s / 60, limits.session_minutes, "session minutes"),
        ("turns", used.turns, limits.turns, "turns"),
        ("traffic_mb", traffic_mb, limits.traffic_mb, "MB"),
        ("cost", money, limits.cost, currency),
    ):
        if most is not None:
            yield Line(service, period, what, amount, most, unit)


def _restricted(budget: Budget, spent: list[Line], services: Mapping[str, bool]) -> dict[str, str]:
    """Whom not to call. A limit of one service binds that one, a limit of all binds whom ``when_spent`` names."""
    restricted: dict[str, str] = {}
    if budget.when_spent == "warn":
        return restricted
    for line in spent:
        for name, device in services.items():
            bound = line.service == name or (not line.service and not (budget.when_spent == "local" and device))
            if bound and name not in restricted:
                restricted[name] = _consequence(budget, line)
    return restricted


def _consequence(budget: Budget, line: Line) -> str:
    if budget.when_spent == "warn":
        then = "the kiosk goes on (budget.when_spent: warn)"
    elif line.service:
        then = f"{line.service} is not called {UNTIL[line.period]}"
    elif budget.when_spent == "local":
        then = f"only services on this device are called {UNTIL[line.period]}"
    else:
        then = f"no service is called {UNTIL[line.period]}"
    return f"the budget is spent: {line.sentence}; {then}"


def figure(value: float) -> str:
    """A number as a sentence says it: 60, 0.5, 12.3."""
    return f"{value:.0f}" if value >= 100 or value == int(value) else f"{value:.2g}" if value < 1 else f"{value:.1f}"
