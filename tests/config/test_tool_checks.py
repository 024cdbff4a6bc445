from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from kioskd.config.action_checks import ACTIONS
from kioskd.config.findings import Finding, Lines
from kioskd.config.keys import words
from kioskd.config.sections import (
    Action,
    Button,
    Config,
    Endpoint,
    Panel,
    Persona,
    Policy,
    RelayAction,
    SecretRef,
    SensorAction,
    StaffAction,
    Talk,
    Tool,
)
from kioskd.config.tool_checks import MOST_SESSION_BYTES, tools

ALLOWED = Policy(allow=True)
READ = Tool(
    name="read_it",
    description="Read it.",
    phrases=("read it",),
    class_="read",
    action=Action(sensor=SensorAction(file="/sys/x")),
    policy=ALLOWED,
)
DOOR = Tool(
    name="unlock_door",
    description="Open it.",
    phrases=("open it",),
    class_="access",
    action=Action(relay=RelayAction(pin="GPIO27", pulse_ms=1000)),
    policy=ALLOWED,
)
BUTTON = Panel(talk=Button(pin="GPIO17"))


def found(*some: Tool, panel: Panel = BUTTON, lines: Lines | None = None, **sections: Any) -> list[Finding]:
    return list(tools(Config(tools=some, panel=panel, **sections), lines or Lines()))


def only(*some: Tool, **sections: Any) -> Finding:
    findings = found(*some, **sections)
    assert len(findings) == 1, findings
    return findings[0]


def with_policy(tool: Tool, **policy: Any) -> Tool:
    return dataclasses.replace(tool, policy=dataclasses.replace(tool.policy, **policy))


def test_sound_tools_have_no_findings() -> None:
    assert found(READ, DOOR) == []


def test_no_tool_at_all_is_a_warning() -> None:
    assert only() == Finding("tools", "there is no tool: the kiosk can talk, but do nothing", warning=True)


def test_two_tools_of_one_name_name_the_other_line() -> None:
    lines = Lines({"tools[0].name": 11, "tools[1].name": 21})
    finding = only(READ, dataclasses.replace(READ, phrases=("other",)), lines=lines)
    assert (finding.key, finding.warning) == ("tools[1].name", False)
    assert finding.sentence == "'read_it' is also the name of the tool in line 11"


@pytest.mark.parametrize("name", ["a", "_a", "A9", "a" * 64, "unlock_door"])
def test_good_names(name: str) -> None:
    assert found(dataclasses.replace(READ, name=name)) == []


@pytest.mark.parametrize("name", ["", "9a", "a-b", "a b", "a" * 65, "tür", "a\n"])
def test_bad_names(name: str) -> None:
    finding = only(dataclasses.replace(READ, name=name))
    assert finding.key == "tools[0].name" and not finding.warning


def test_an_empty_description_is_a_warning() -> None:
    assert only(dataclasses.replace(READ, description=" ")).warning


def test_the_local_voice_needs_phrases() -> None:
    silent = dataclasses.replace(READ, phrases=())
    assert only(silent).key == "tools[0].phrases" and only(silent).warning
    hosted = Endpoint(dialect="hydra", key=SecretRef(env="K"))
    assert found(silent, service=(hosted,)) == []


def test_a_phrase_of_two_tools_is_a_warning() -> None:
    finding = only(READ, dataclasses.replace(DOOR, phrases=("open", "Read  IT")))
    assert finding.key == "tools[1].phrases[1]" and finding.warning


def test_an_empty_phrase_is_an_error() -> None:
    assert only(dataclasses.replace(READ, phrases=("a", " "))).key == "tools[0].phrases[1]"


@pytest.mark.parametrize(
    ("action", "has"),
    [
        (Action(), "has none"),
        (
            Action(sensor=SensorAction(file="/x"), staff=StaffAction(url="https://h/")),
            "has sensor and staff",
        ),
    ],
)
def test_a_tool_does_exactly_one_thing(action: Action, has: str) -> None:
    finding = only(dataclasses.replace(READ, action=action))
    assert finding.key == "tools[0].action" and not finding.warning
    assert finding.sentence == f"{has}; a tool does exactly one of {words(ACTIONS)}"


def test_a_pulse_longer_than_the_gap_is_refused() -> None:
    door = dataclasses.replace(DOOR, action=Action(relay=RelayAction(pin="GPIO27", pulse_ms=3000, min_gap_s=2.0)))
    finding = only(door)
    assert finding.key == "tools[0].action.relay.pulse_ms" and not finding.warning
    assert finding.sentence.startswith("3000 ms is longer than min_gap_s (2 s)")


def test_a_pulse_as_long_as_the_gap_passes() -> None:
    door = dataclasses.replace(DOOR, action=Action(relay=RelayAction(pin="GPIO27", pulse_ms=2000, min_gap_s=2.0)))
    assert found(door) == []


@pytest.mark.parametrize(
    ("sensor", "has"), [(SensorAction(), "has no source"), (SensorAction(file="/x", pin="GPIO4"), "has file and pin")]
)
def test_a_sensor_has_exactly_one_source(sensor: SensorAction, has: str) -> None:
    finding = only(dataclasses.replace(READ, action=Action(sensor=sensor)))
    assert finding.key == "tools[0].action.sensor" and has in finding.sentence


def test_a_sensors_range_must_hold_a_reading() -> None:
    sensor = SensorAction(file="/x", low=5, high=5)
    assert only(dataclasses.replace(READ, action=Action(sensor=sensor))).key == "tools[0].action.sensor.low"


@pytest.mark.parametrize("url", ["https://staff.example.org/x", "http://127.0.0.1:8080/", "http://[::1]/"])
def test_staff_addresses_that_pass(url: str) -> None:
    assert found(dataclasses.replace(READ, action=Action(staff=StaffAction(url=url)))) == []


@pytest.mark.parametrize("url", ["http://example.org/", "http://10.0.0.1/", "ftp://h/", "x", "https://a:b@h/"])
def test_staff_addresses_that_do_not(url: str) -> None:
    finding = only(dataclasses.replace(READ, action=Action(staff=StaffAction(url=url))))
    assert finding.key == "tools[0].action.staff.url" and not finding.warning


def test_a_tool_that_is_not_allowed_never_runs() -> None:
    finding = only(with_policy(READ, allow=False))
    assert finding == Finding("tools[0].policy.allow", "is not true: this tool will never run", warning=True)


def test_access_by_voice_alone_is_refused_and_says_what_it_means() -> None:
    finding = only(with_policy(DOOR, confirm="none"))
    assert finding.key == "tools[0].policy.confirm" and not finding.warning
    assert "voice alone opens it" in finding.sentence
    assert "access_without_confirmation: true" in finding.sentence


def test_access_by_voice_alone_that_was_asked_for_in_so_many_words_is_still_a_warning() -> None:
    finding = only(with_policy(DOOR, confirm="none", access_without_confirmation=True))
    assert finding.key == "tools[0].policy.access_without_confirmation" and finding.warning
    assert "voice alone runs unlock_door" in finding.sentence


@pytest.mark.parametrize("tool", [with_policy(DOOR, confirm="button"), DOOR, READ])
def test_the_permission_without_its_use_is_a_warning(tool: Tool) -> None:
    finding = only(with_policy(tool, access_without_confirmation=True))
    assert finding.warning and finding.sentence.startswith("has no effect here")


@pytest.mark.parametrize("tool", [DOOR, with_policy(READ, confirm="button")])
def test_a_confirmation_needs_its_button(tool: Tool) -> None:
    finding = only(tool, panel=Panel())
    assert finding.key == "tools[0].policy.confirm" and not finding.warning
    assert "add panel.talk" in finding.sentence


def test_nobody_can_hold_longer_than_is_waited_for() -> None:
    assert only(with_policy(DOOR, hold_ms=5000, confirm_s=5.0)).key == "tools[0].policy.hold_ms"


def test_nobody_can_hold_a_button_that_counts_as_stuck_by_then() -> None:
    finding = only(with_policy(DOOR, hold_ms=6000, confirm_s=15.0), talk=Talk(longest_turn_s=5.0))
    assert finding.key == "tools[0].policy.hold_ms" and "is stuck" in finding.sentence and not finding.warning


def test_the_schema_of_the_arguments_is_checked() -> None:
    assert only(dataclasses.replace(READ, parameters={"type": "string"})).key == "tools[0].parameters"


def test_too_much_for_one_session_names_the_largest() -> None:
    large = dataclasses.replace(DOOR, description="x" * 20_000)
    finding = only(READ, large, persona=Persona(instructions="y" * 15_000))
    assert finding.key == "tools" and not finding.warning
    assert "the largest are tool unlock_door (20" in finding.sentence
    assert "persona.instructions (15002)" in finding.sentence


def test_long_instructions_alone_are_named_where_they_stand() -> None:
    findings = found(persona=Persona(instructions="ü" * (MOST_SESSION_BYTES // 2)))
    assert [one.key for one in findings if not one.warning] == ["persona.instructions"]


def test_the_limit_itself_passes() -> None:
    overhead = len('{"instructions":"","tools":[]}')
    for length, errors in ((MOST_SESSION_BYTES - overhead, 0), (MOST_SESSION_BYTES - overhead + 1, 1)):
        findings = found(persona=Persona(instructions="y" * length))
        assert len([one for one in findings if not one.warning]) == errors
