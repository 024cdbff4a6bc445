"""One measured figure, its bound and its verdict; and the small arithmetic of samples."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Callable, Mapping, Sequence


class ProbeFailed(Exception):
    """A figure could not be taken on this machine. The text says what was missing or went wrong."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A row of the result.

    Attributes:
        value: None when it could not be measured.
        floor: ``bound`` is the least that will do, not the most.
        ok: whether ``value`` is within the bound; None when there is no value.
        detail: what stands behind the number; ``story`` in it is one line for people.
    """

    name: str
    value: float | None
    unit: str
    bound: float
    detail: Mapping[str, Any] = field(default_factory=dict)
    floor: bool = False

    @property
    def ok(self) -> bool | None:
        """The verdict."""
        if self.value is None:
            return None
        return self.value >= self.bound if self.floor else self.value <= self.bound

    def row(self) -> dict[str, object]:
        """For JSON."""
        return {
            "name": self.name,
            "value": self.value,
            "unit": self.unit,
            "bound": self.bound,
            "ok": self.ok,
            "detail": {**self.detail, "bound_is": "least" if self.floor else "most"},
        }


@dataclass(frozen=True, slots=True)
class Measured:
    """What a benchmark gives for one name: the value and what stands behind it."""

    value: float
    story: str
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Target:
    """A figure that is always asked for.

    Attributes:
        about: what is measured, for ``--list``.
        run: measures it, perhaps with others of the same run; raises ProbeFailed.
        floor: ``bound`` is the least that will do.
        share: of a core, by what the kernel charges: it is dearer by as much as a sum was meanwhile (weather.py), for a
            guest is charged for what its neighbours take. The value is of the core when it is calm.
    """

    name: str
    unit: str
    bound: float
    about: str
    run: Callable[[], Mapping[str, Measured]]
    floor: bool = False
    share: bool = False


def percentile(samples: Sequence[float], share: float) -> float:
    """The smallest sample that at least ``share`` of all are not above (nearest rank: no value is invented)."""
    if not samples:
        raise ProbeFailed("there was nothing to measure: no sample came")
    ordered = sorted(samples)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def spread(samples: Sequence[float], digits: int = 3) -> dict[str, float]:
    """Count, median, p95, p99 and extremes."""
    shown = {"least": 0.0, "median": 0.5, "p95": 0.95, "p99": 0.99, "most": 1.0}
    return {"count": len(samples), **{name: round(percentile(samples, at), digits) for name, at in shown.items()}}
