"""Schedules, lock-outs and interlocks: what an owner gets wrong is named with its key."""

from __future__ import annotations

from typing import Any

from kioskd.config.findings import Finding, Lines
from kioskd.config.policy_checks import policies
from kioskd.config.sections import Action, Config, Interlock, Kiosk, Lockout, Policy, RelayAction, Tool


def found(*tools: Tool, zone: str | None = None) -> list[Finding]:
    return list(policies(Config(kiosk=Kiosk(time_zone=zone), tools=tools), Lines()))


def tool(name: str = "door", dry_run: bool = False, **policy: Any) -> Tool:
    action = Action(relay=RelayAction(pin="GPIO27"))
    keys = {"allow": True} | policy
    return Tool(name=name, description="x", class_="access", action=action, policy=Policy(**keys), dry_run=dry_run)


def keys(findings: list[Finding]) -> list[str]:
    return [finding.key for finding in findings]


def test_a_sound_policy_is_silent() -> None:
    fire = Interlock(pin="GPIO24", must_be="inactive", name="the fire alarm")
    sound = tool(hours=("mon-fri 08:00-18:00",), holidays=("2026-12-25",), interlocks=(fire,))
    assert found(sound, tool("gate", interlocks=(fire,)), zone="Europe/Berlin") == []


def test_hours_and_holidays_are_read() -> None:
    assert keys(found(tool(hours=("daily 08:00-18:00", "mo 8-18"), holidays=("25.12.2026",)))) == [
        "tools[0].policy.hours[1]",
        "tools[0].policy.holidays[0]",
    ]


def test_an_unknown_zone_is_named() -> None:
    assert keys(found(zone="Europe/Entenhausen")) == ["kiosk.time_zone"]
    assert keys(found(zone="../../etc/passwd")) == ["kiosk.time_zone"]


def test_one_line_has_one_pull() -> None:
    up, down = (Interlock(pin="GPIO24", must_be="active", pull=pull) for pull in ("up", "down"))
    assert keys(found(tool(interlocks=(up,)), tool("gate", interlocks=(down,)))) == [
        "tools[1].policy.interlocks[0].pull"
    ]


def test_a_trial_and_a_lockout_that_hardly_locks_are_warnings() -> None:
    findings = found(tool(dry_run=True, lockout=Lockout(refusals=5, per_s=60, for_s=10)))
    assert keys(findings) == ["tools[0].policy.lockout.for_s", "tools[0].dry_run"]
    assert all(finding.warning for finding in findings)
