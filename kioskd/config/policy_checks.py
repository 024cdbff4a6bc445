"""Semantic checks of schedules, lock-outs and interlocks."""

from __future__ import annotations

from typing import Iterator

from kioskd.config.findings import Finding, Lines
from kioskd.config.hours import hours, is_date
from kioskd.config.keys import number
from kioskd.config.sections import Config, Interlock, Policy


def policies(config: Config, lines: Lines) -> Iterator[Finding]:
    """Every finding about them."""
    yield from _zone(config)
    pulls: dict[str, tuple[str, str]] = {}
    for index, tool in enumerate(config.tools):
        sensor = tool.action.sensor
        if sensor is not None and sensor.pin is not None:
            pulls[sensor.pin] = (sensor.pull, f"tools[{index}].action.sensor.pin")
    for index, tool in enumerate(config.tools):
        at = f"tools[{index}].policy"
        yield from _schedule(at, tool.policy)
        yield from _lockout(at, tool.class_, tool.policy)
        for place, interlock in enumerate(tool.policy.interlocks):
            yield from _interlock(f"{at}.interlocks[{place}]", interlock, pulls, lines)
        if tool.dry_run:
            yield Finding(f"tools[{index}].dry_run", f"{tool.name} is on trial: it moves nothing", warning=True)


def _zone(config: Config) -> Iterator[Finding]:
    zone = config.kiosk.time_zone
    if zone is None:
        return
    from zoneinfo import ZoneInfo  # few configurations name a zone

    try:
        ZoneInfo(zone)
    except (OSError, ValueError, KeyError):
        sentence = "is no time zone that this machine knows; write it as Europe/Berlin, and have tzdata installed"
        yield Finding("kiosk.time_zone", sentence)


def _schedule(at: str, policy: Policy) -> Iterator[Finding]:
    for place, text in enumerate(policy.hours):
        try:
            hours(text)
        except ValueError as error:
            yield Finding(f"{at}.hours[{place}]", str(error))
    for place, day in enumerate(policy.holidays):
        if not is_date(day):
            yield Finding(f"{at}.holidays[{place}]", "must be a date like 2026-12-25")


def _lockout(at: str, class_: str, policy: Policy) -> Iterator[Finding]:
    if class_ in ("actuate", "access") and policy.lockout.for_s < policy.lockout.per_s:
        sentence = (
            f"{number(policy.lockout.for_s)} s of lock-out are over before per_s ({number(policy.lockout.per_s)} s): "
            "it would hardly slow anybody down"
        )
        yield Finding(f"{at}.lockout.for_s", sentence, (f"{at}.lockout.per_s",), warning=True)


def _interlock(at: str, interlock: Interlock, pulls: dict[str, tuple[str, str]], lines: Lines) -> Iterator[Finding]:
    """One line may serve several tools, but it has one pull."""
    pull, other = pulls.setdefault(interlock.pin, (interlock.pull, at))
    if pull != interlock.pull:
        sentence = f"{interlock.pin} has pull: {pull} in line {lines.of(other)}; one line has one pull"
        yield Finding(f"{at}.pull", sentence, (other,))
