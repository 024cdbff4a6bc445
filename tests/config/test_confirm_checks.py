"""What confirms must be there, and what it means is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kioskd.config.confirm import Code, Confirm, Keypad, StaffConfirm
from kioskd.config.confirm_checks import confirmations, tried_a_day
from kioskd.config.findings import Finding, Lines
from kioskd.config.mqtt import Mqtt
from kioskd.config.sections import Action, Config, Lockout, Panel, Policy, RelayAction, SecretRef, Tool

REF = SecretRef(credential="x")
CODE = Code(name="caretaker", hash=REF)
PAD = Keypad(rows=("GPIO1", "GPIO2", "GPIO3", "GPIO4"), columns=("GPIO5", "GPIO6", "GPIO7"))
STAFF = StaffConfirm(key=REF, url="https://staff.example.org/")


def tool(confirm: str | None, *by: str, class_: str = "access", **policy: Any) -> Tool:
    keys: dict[str, Any] = {"allow": True, "fresh_s": 60.0, **policy}
    rules = Policy(confirm=confirm, confirm_by=by, **keys)
    return Tool(
        name="door", description="x", class_=class_, action=Action(relay=RelayAction(pin="GPIO27")), policy=rules
    )


def found(*tools: Tool, pins: str = "gpio", mqtt: Mqtt | None = None, **confirm: Any) -> list[Finding]:
    return list(
        confirmations(Config(tools=tools, panel=Panel(pins=pins), mqtt=mqtt, confirm=Confirm(**confirm)), Lines())
    )


def keys(findings: list[Finding]) -> list[str]:
    return [finding.key for finding in findings]


def test_what_is_there_is_silent() -> None:
    by_all = tool("two_of", "button", "code", "staff")
    assert found(by_all, codes=(CODE,), keypad=PAD, staff=STAFF) == []
    assert found(tool("button"), tool("none", class_="read"), tool(None)) == []
    assert found(tool("code"), codes=(CODE,), pins="simulated") == []
    assert found(tool("code"), codes=(CODE,), keypad=Keypad(device="/dev/input/event3")) == []


def test_a_code_needs_codes_and_a_keypad() -> None:
    findings = found(tool("code"))
    assert keys(findings) == ["tools[0].policy.confirm"] * 2
    assert "kioskd code" in findings[0].sentence and "confirm.keypad" in findings[1].sentence


def test_staff_must_be_somewhere() -> None:
    assert "add confirm.staff" in found(tool("two_of", "staff", "button"))[0].sentence


def test_a_group_of_one_is_none() -> None:
    for group in (tool("all_of", "button"), tool("any_of"), tool("two_of", "button", "button")):
        [finding] = found(group)
        assert finding.key == "tools[0].policy.confirm_by" and not finding.warning
    [finding] = found(tool("button", "button", "code"), codes=(), pins="simulated")
    assert finding.warning and "no effect" in finding.sentence


def test_staff_alone_at_a_door_is_said_in_so_many_words() -> None:
    [finding] = found(tool("staff"), staff=STAFF)
    assert finding.warning and "no hand at this kiosk" in finding.sentence
    [finding] = found(tool("any_of", "button", "staff"), staff=STAFF)
    assert finding.warning
    assert found(tool("all_of", "button", "staff"), staff=STAFF) == []
    assert found(tool("staff", class_="notify"), staff=STAFF) == []


def test_who_may_take_longer_than_presence_lasts_is_told() -> None:
    findings = found(tool("staff", fresh_s=10.0, confirm_s=60.0), staff=STAFF)
    assert keys(findings)[-1] == "tools[0].policy.fresh_s" and not findings[-1].warning


@pytest.mark.parametrize(
    ("change", "key", "part"),
    [
        ({"url": None}, "confirm.staff", "neither url nor topic"),
        ({"topic": "confirm"}, "confirm.staff", "both"),
        ({"url": "http://staff.example.org/"}, "confirm.staff.url", "https://"),
        ({"url": None, "topic": "a/#"}, "confirm.staff.topic", "without + and #"),
        ({"device": ""}, "confirm.staff.device", "1 to 64"),
    ],
)
def test_where_staff_are_asked_is_sound(change: dict[str, Any], key: str, part: str) -> None:
    staff = StaffConfirm(**{"key": REF, "url": STAFF.url, **change})
    assert any(one.key == key and part in one.sentence for one in found(staff=staff))


def test_a_topic_needs_a_broker() -> None:
    staff = StaffConfirm(key=REF, topic="confirm")
    [finding] = found(staff=staff)
    assert finding.key == "confirm.staff.topic" and "mqtt" in finding.sentence and not finding.warning
    assert found(staff=staff, mqtt=Mqtt(host="broker.example.org")) == []
    assert found(staff=StaffConfirm(key=REF, url="http://127.0.0.1:8000/")) == []


@pytest.mark.parametrize(
    ("keypad", "key", "part"),
    [
        (Keypad(), "confirm.keypad", "neither"),
        (Keypad(rows=("GPIO1",), columns=("GPIO2",), device="/dev/input/event0"), "confirm.keypad", "both"),
        (Keypad(device="/etc/passwd"), "confirm.keypad.device", "/dev/input"),
        (Keypad(rows=("GPIO1",), columns=("GPIO2",)), "confirm.keypad.keys", "1 rows and 1 columns"),
        (Keypad(rows=("GPIO1",), columns=("GPIO2", "GPIO3"), keys=("1x",)), "confirm.keypad.keys", "each once"),
        (Keypad(rows=("GPIO1",), columns=("GPIO2", "GPIO3"), keys=("11",)), "confirm.keypad.keys", "each once"),
        (Keypad(rows=("GPIO1",), columns=("GPIO2", "GPIO3"), keys=("12",)), "confirm.keypad.keys", "# as enter"),
    ],
)
def test_a_keypad_can_be_read(keypad: Keypad, key: str, part: str) -> None:
    [finding] = found(keypad=keypad)
    assert finding.key == key and part in finding.sentence


def test_codes_have_names_of_their_own_and_a_use() -> None:
    findings = found(codes=(CODE, CODE, Code(name=" ", hash=REF)))
    assert keys(findings) == ["confirm.codes[1].name", "confirm.codes[2].name", "confirm.codes"]
    assert [finding.warning for finding in findings] == [False, False, True]


def test_more_codes_than_a_visitor_waits_for_are_too_many() -> None:
    def many(count: int) -> list[Finding]:
        codes = tuple(Code(name=f"c{number}", hash=REF) for number in range(count))
        return found(tool("code"), codes=codes, pins="simulated")

    assert many(20) == [] and keys(many(21)) == ["confirm.codes"]


def test_a_lock_out_that_stops_nobody_from_trying_all_codes_is_said() -> None:
    for rule, codes in (
        (Lockout(refusals=5, per_s=600.0, for_s=1.0), 432_000),
        (Lockout(refusals=3, per_s=10.0, for_s=86_400.0), 17_280),
    ):
        [finding] = found(tool("code"), codes=(CODE,), keypad=PAD, wrong_codes=rule)
        assert finding.warning and finding.key == "confirm.wrong_codes" and f"{codes} codes" in finding.sentence
        assert found(tool("button"), wrong_codes=rule) == []


def test_the_page_tells_how_many_codes_somebody_gets_through() -> None:
    page = (Path(__file__).parents[2] / "docs" / "confirming.md").read_text()
    assert f"gets through {tried_a_day(Confirm().wrong_codes):.0f} codes" in page
