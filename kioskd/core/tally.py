"""What a service was used for, as numbers that can be added: the unit of the meter, of budgets and of ``usage``."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from math import isfinite
from typing import Mapping, Sequence

# Names of usage that are counted; a service may invent as many as it likes.
USAGE_NAMES = 16
NAME_CHARS = 64  # of one of them, and of a service
# Beyond this a number of JSON is no longer exact; no honest counter gets here.
MOST = 2.0**53


@dataclass(frozen=True, slots=True)
class Tally:
    """Counters; none is ever below 0.

    Attributes:
        session_s: seconds in which a session was ready: what minutes are billed for.
        sessions: sessions that became ready.
        attempts: dials.
        turns: what visitors said, as the kiosk counts it.
        calls: tools that the service asked for.
        bytes_up, bytes_down: payload of the frames, without TLS and TCP.
        usage: what the service itself reported, under its own names (tokens, seconds), added up.
    """

    session_s: float = 0.0
    sessions: int = 0
    attempts: int = 0
    turns: int = 0
    calls: int = 0
    bytes_up: int = 0
    bytes_down: int = 0
    usage: Mapping[str, float] = field(default_factory=dict)

    def plus(self, other: Tally) -> Tally:
        """Both together; of usage at most ``USAGE_NAMES`` names, the first ones."""
        return Tally(
            self.session_s + other.session_s,
            self.sessions + other.sessions,
            self.attempts + other.attempts,
            self.turns + other.turns,
            self.calls + other.calls,
            self.bytes_up + other.bytes_up,
            self.bytes_down + other.bytes_down,
            more(self.usage, other.usage),
        )

    def minus(self, other: Tally) -> Tally:
        """What this has more than the other; a counter that has fallen counts as nothing."""
        usage = {name: left for name, count in self.usage.items() if (left := less(count, other.usage.get(name, 0)))}
        return _tally([less(getattr(self, name), getattr(other, name)) for name in NAMES], usage)

    def row(self) -> dict[str, object]:
        """As JSON keeps it; what is nothing is left out."""
        row: dict[str, object] = {name: plain(value) for name in NAMES if (value := getattr(self, name))}
        return {**row, "usage": {name: plain(value) for name, value in self.usage.items()}} if self.usage else row

    def whole_row(self) -> dict[str, object]:
        """As a page shows it: everything, in a fixed order."""
        return {
            "session_s": plain(self.session_s),
            "sessions": self.sessions,
            "attempts": self.attempts,
            "turns": self.turns,
            "calls": self.calls,
            "bytes_up": self.bytes_up,
            "bytes_down": self.bytes_down,
            "usage": {name: plain(value) for name, value in sorted(self.usage.items())},
        }


# The plain counters, in their order.
NAMES = tuple(one.name for one in fields(Tally) if one.name != "usage")
ZERO = Tally()


def plain(value: float) -> float:
    """A number as JSON keeps it: whole where it is whole, else to the millisecond."""
    return int(value) if value == int(value) else round(value, 3)


def less(value: float, by: float) -> float:
    """What is left; dust of binary fractions is nothing."""
    left = value - by
    return left if left > 1e-6 else 0


def more(usage: Mapping[str, float], by: Mapping[str, float]) -> Mapping[str, float]:
    """Reported usage added up by name; names beyond ``USAGE_NAMES`` are not counted."""
    if not by:
        return usage
    total = dict(usage)
    for name, count in by.items():
        if name in total or len(total) < USAGE_NAMES:
            total[name] = total.get(name, 0) + count
    return total


def tally_of(row: Mapping[str, object]) -> Tally:
    """What ``Tally.row`` made, read back.

    Raises:
        ValueError: a value that no counter has. Keys that nobody knows are left out.
    """
    used = row.get("usage", {})
    if not isinstance(used, dict) or len(used) > USAGE_NAMES or any(len(name) > NAME_CHARS for name in used):
        raise ValueError("usage is not a small group of numbers")
    usage = {name: amount(value) for name, value in used.items()}
    return _tally([amount(row.get(name, 0)) for name in NAMES], usage)


def _tally(counts: Sequence[float], usage: Mapping[str, float]) -> Tally:
    session_s, *whole = counts
    sessions, attempts, turns, calls, up, down = map(int, whole)
    return Tally(session_s, sessions, attempts, turns, calls, up, down, usage)


def amount(value: object) -> float:
    """A counter's value.

    Raises:
        ValueError: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value) or not 0 <= value <= MOST:
        raise ValueError("a counter is not a number")
    return value


def total(of: Mapping[str, Tally]) -> Tally:
    """Several services together."""
    tallies = iter(of.values())
    whole = next(tallies, ZERO)
    for one in tallies:
        whole = whole.plus(one)
    return whole
