"""A number from wherever the owner said, held to its bounds and its age, and said with its unit."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Callable

from kioskd.actions.outcome import Outcome, failed
from kioskd.actions.sources import MOST_BYTES, Reading, from_file, from_iio, from_one_wire
from kioskd.config.sections import SensorAction
from kioskd.core.ports import InputLine

if TYPE_CHECKING:
    from kioskd.actions.gauge import Gauge

__all__ = ["MOST_BYTES", "Sensor", "plain"]

# A reading whose time lies this far ahead was made by another clock, and nobody knows how old it is. A guess.
AHEAD_S = 60.0


class Sensor:
    """Reads one number.

    Args:
        name: the tool's name.
        action: where and how.
        line: the input line when ``action.pin`` is given.
        token: reads the Bearer token for ``action.url``; None: without one.
    """

    def __init__(
        self, name: str, action: SensorAction, line: InputLine | None, token: Callable[[], str] | None = None
    ) -> None:
        self._name = name
        self._action = action
        self._line = line
        self._gauge = _gauge(name, action, token)

    def read(self) -> Outcome:
        """Read now. Blocks (a 1-Wire thermometer takes 0.75 s in the kernel): a worker thread only."""
        try:
            reading = self._source()
        except OSError as error:
            return failed(f"{self._name} cannot be read: {error.strerror or error} ({self._where}).")
        except ValueError as error:
            return failed(f"{self._name} cannot be read: {error} ({self._where}).")
        value = reading.number * self._action.scale + self._action.offset
        if not self._action.low <= value <= self._action.high:
            bounds = f"{self._action.low:g} to {self._action.high:g}"
            return failed(f"{self._name} reads {plain(value)}, which is outside {bounds} ({self._where}).")
        stale = self._stale(reading.age_s)
        if stale:
            return failed(f"{self._name} {stale} ({self._where}).")
        unit = self._action.unit
        say = f"{plain(value)} {unit}".strip()
        told: dict[str, object] = {"value": round(value, 3), "unit": unit, "say": say}
        if self._action.stale_s is not None:
            told["age_s"] = round(max(0.0, reading.age_s))
        return Outcome(True, json.dumps(told, ensure_ascii=False), say)

    def _stale(self, age_s: float) -> str:
        most_s = self._action.stale_s
        if most_s is None:
            return ""
        if age_s > most_s:
            return f"was measured {age_s:.0f} s ago; more than {most_s:g} s is too old"
        return "has a time that lies ahead; is the clock right?" if age_s < -AHEAD_S else ""

    @property
    def _where(self) -> str:
        action = self._action
        places = (action.file, action.pin, action.one_wire, action.iio, action.url)
        return next((place for place in places if place is not None), "no source")

    def _source(self) -> Reading:
        action = self._action
        if action.file is not None:
            return from_file(action.file)
        if action.one_wire is not None:
            return from_one_wire(action.one_wire)
        if action.iio is not None:
            return from_iio(action.iio, action.channel or "")
        if self._gauge is not None:
            return self._gauge.read()
        if self._line is None:
            raise ValueError("there is no such line")
        return Reading(1.0 if self._line.active else 0.0)


def plain(value: float) -> str:
    """At most two decimals and no exponent: ``21.5``, ``1013``, ``0``."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _gauge(name: str, action: SensorAction, token: Callable[[], str] | None) -> Gauge | None:
    if action.url is None:
        return None
    from kioskd.actions.gauge import Gauge  # with it come the parts of a mail's date: few sensors are elsewhere

    return Gauge(name, action, token)
