"""Every mistake of an action is a sentence at its key."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kioskd.config import action_checks
from kioskd.config.action import (
    Action,
    HttpAction,
    PluginAction,
    ProgramAction,
    RelayAction,
    SensorAction,
    VolumeAction,
)
from kioskd.config.action_checks import ACTIONS, actions
from kioskd.config.findings import Finding
from kioskd.config.plugins import Kind, PluginError
from kioskd.config.sections import Config, Tool

PARAMETERS = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "floor": {"type": "integer"}, "level": {"type": "number"}},
}


def found(name: str = "it", class_: str = "actuate", others: tuple[Tool, ...] = (), **action: Any) -> list[Finding]:
    tool = Tool(name=name, description="x", class_=class_, action=Action(**action), parameters=PARAMETERS)
    return list(actions("tools[0]", tool, Config(tools=(tool, *others))))


def only(key: str, *, warning: bool = False, **given: Any) -> str:
    """The one finding there is, at that key below the action."""
    (finding,) = found(**given)
    assert finding.key == f"tools[0].action.{key}" and finding.warning is warning, finding
    return finding.sentence


def relay(**keys: Any) -> RelayAction:
    return RelayAction(**{"pin": "GPIO27", "pulse_ms": 1000, **keys})


OTHER = Tool(name="close_it", description="x", class_="actuate", action=Action(relay=RelayAction(pin="GPIO22")))


@pytest.mark.parametrize(
    "action",
    [
        {"relay": relay(longest_on_ms=60000, seconds_from="level", never_with=("close_it",))},
        {"sensor": SensorAction(one_wire="28-0316a2797a12")},
        {"sensor": SensorAction(one_wire="/sys/bus/w1/devices/28-0316a2797a12")},
        {"sensor": SensorAction(iio="bme280", channel="in_temp")},
        {"sensor": SensorAction(url="https://h/x", pointer="/a", time_pointer="/b", stale_s=60)},
        {"sensor": SensorAction(url="http://10.0.0.2/x", lan=True)},
        {"sensor": SensorAction(file="/run/level", stale_s=60)},
        {
            "http": HttpAction(
                url="https://h/{floor}?n={name}&k={kiosk}&c={call_id}", method="POST", body={"to": "{level}"}
            )
        },
        {"http": HttpAction(url="http://127.0.0.1:8123/x", headers={"X-Kiosk": "lobby", "X-N": 3}, pointer="/a")},
        {
            "program": ProgramAction(
                command=("/usr/bin/print", "--copies", "1", "--", "{name}", "{floor}"), user="badges"
            )
        },
        {"volume": VolumeAction(percent_from="level")},
        {"volume": VolumeAction(percent=40)},
    ],
)
def test_what_is_right_has_no_findings(action: dict[str, Any]) -> None:
    assert found(others=(OTHER,), **action) == []


@pytest.mark.parametrize(
    ("keys", "key", "why"),
    [
        ({"longest_on_ms": 500}, "longest_on_ms", "shorter than pulse_ms (1000 ms)"),
        ({"pulse_ms": 9000}, "pulse_ms", "raise min_gap_s"),
        ({"seconds_from": "nobody"}, "seconds_from", "wants the argument 'nobody', which parameters does not have"),
        ({"seconds_from": "name"}, "seconds_from", "wants the argument 'name' as number or integer"),
        ({"never_with": ("it",)}, "never_with[0]", "this tool itself"),
        ({"never_with": ("close_it", "sensor")}, "never_with[1]", "no relay tool 'sensor'"),
    ],
)
def test_relays(keys: dict[str, Any], key: str, why: str) -> None:
    assert why in only(f"relay.{key}", relay=relay(**keys), others=(OTHER,))


def test_what_gives_access_is_not_open_for_long() -> None:
    assert "at most 60000 ms" in only("relay.longest_on_ms", class_="access", relay=relay(longest_on_ms=60001))
    assert found(class_="actuate", relay=relay(longest_on_ms=60001)) == []


@pytest.mark.parametrize(
    ("keys", "key", "why"),
    [
        ({}, "", "has no source; give exactly one of file, pin, one_wire, iio or url"),
        ({"file": "/x", "iio": "y", "channel": "in_temp"}, "", "has file and iio"),
        ({"one_wire": "28-xyz"}, ".one_wire", "must be an id"),
        ({"iio": "a/b", "channel": "in_temp"}, ".iio", "must be iio:device0"),
        ({"iio": "bme280"}, ".channel", "is missing"),
        ({"file": "/x", "channel": "in_temp"}, ".channel", "is for an IIO device only"),
        ({"file": "/x", "pointer": "/a"}, ".pointer", "is for url only"),
        ({"url": "https://h", "pointer": "a"}, ".pointer", "is no JSON pointer"),
        ({"url": "http://10.0.0.2/x"}, ".url", "lan: true"),
        ({"url": "https://u:p@h/x"}, ".url", "holds a secret"),
        ({"file": "/x", "low": 5, "high": 5}, ".low", "is not below high"),
    ],
)
def test_sensors(keys: dict[str, Any], key: str, why: str) -> None:
    assert why in only(f"sensor{key}", sensor=SensorAction(**keys))


@pytest.mark.parametrize(
    ("keys", "key"),
    [
        ({"pin": "GPIO4", "stale_s": 60}, "stale_s"),
        ({"file": "/sys/class/x", "stale_s": 60}, "stale_s"),
        ({"url": "https://h", "time_pointer": "/a"}, "time_pointer"),
    ],
)
def test_what_has_no_effect_is_a_warning(keys: dict[str, Any], key: str) -> None:
    assert only(f"sensor.{key}", warning=True, sensor=SensorAction(**keys))


@pytest.mark.parametrize(
    ("keys", "key", "why"),
    [
        ({"url": "ftp://h/x"}, "url", "must begin with https://"),
        ({"url": "http://lift.example/x"}, "url", "not encrypted"),
        ({"url": "https://{name}.example/x"}, "url", "an argument in its host"),
        ({"url": "https://h/{nobody}"}, "url", "wants the argument 'nobody'"),
        ({"url": "not an address"}, "url", "https://host/path"),
        ({"body": {"a": "{nobody}"}, "method": "POST"}, "body", "wants the argument 'nobody'"),
        ({"body": {"a": 1}}, "body", "a GET has no body"),
        ({"headers": {"Authorization": "Bearer x"}}, "headers.Authorization", "use token"),
        ({"headers": {"Host": "h"}}, "headers.Host", "set by kioskd itself"),
        ({"headers": {"X Y": "1"}}, "headers", "not the name of a header"),
        ({"headers": {"X-Y": "a\nb"}}, "headers.X-Y", "one line"),
        ({"headers": {"X-Y": "5 €"}}, "headers.X-Y", "plain ASCII"),
        ({"url": "https://h.example/türen"}, "url", "percent-encoded"),
        ({"headers": {"X-Y": "{name}"}}, "headers.X-Y", "address and body only"),
        ({"headers": {"X-Y": "sk-abcdefgh1234"}}, "headers.X-Y", "looks like a secret"),
        ({"pointer": "a"}, "pointer", "is no JSON pointer"),
    ],
)
def test_requests(keys: dict[str, Any], key: str, why: str) -> None:
    assert why in only(f"http.{key}", http=HttpAction(**{"url": "https://h/x", **keys}))


@pytest.mark.parametrize(
    ("command", "key", "why"),
    [
        ((), "command", "must begin with the whole path"),
        (("print",), "command", "must begin with the whole path"),
        (("/bin/x", "a{name}"), "command[1]", "mixes an argument"),
        (("/bin/x", "a\nb"), "command[1]", "one line"),
        (("/bin/x", "{nobody}"), "command", "wants the argument 'nobody'"),
    ],
)
def test_programs(command: tuple[str, ...], key: str, why: str) -> None:
    assert why in only(f"program.{key}", program=ProgramAction(command=command))


def test_the_model_may_not_choose_the_program() -> None:
    sentences = [finding.sentence for finding in found(program=ProgramAction(command=("{name}",)))]
    assert "the model may not choose the program" in sentences


def test_a_shell_that_hears_the_model_is_a_warning() -> None:
    command = ("/bin/sh", "-c", "{name}")
    assert "shell" in only("program.command", warning=True, program=ProgramAction(command=command))
    assert found(program=ProgramAction(command=("/bin/sh", "-c", "date"))) == []


def test_a_user_has_a_name() -> None:
    assert only("program.user", program=ProgramAction(command=("/bin/x",), user="a b"))
    for user in ("root", "kioskd"):
        assert "a user of its own" in only("program.user", program=ProgramAction(command=("/bin/x",), user=user))


@pytest.mark.parametrize(
    ("keys", "key", "why"),
    [
        ({}, "", "neither percent nor percent_from"),
        ({"percent": 1, "percent_from": "level"}, "", "both percent and percent_from"),
        ({"percent_from": "name"}, ".percent_from", "as number or integer"),
        ({"percent": 50, "lowest": 60, "highest": 60}, ".lowest", "is not below highest (60)"),
    ],
)
def test_volumes(keys: dict[str, Any], key: str, why: str) -> None:
    assert why in only(f"volume{key}", volume=VolumeAction(**keys))


def test_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "cannot be run" in only("plugin.kind", warning=True, plugin=PluginAction(kind="lift"))
    schema = {"type": "object", "properties": {"shaft": {"type": "integer"}}}
    wants = {"type": "object", "properties": {"stop": {"type": "integer"}}, "required": ["stop"]}
    monkeypatch.setattr(
        action_checks, "load", lambda name: Kind(lambda settings: lambda arguments: None, schema, wants)
    )
    settings, parameters = found(plugin=PluginAction(kind="lift", settings={"shaft": "two"}))
    assert settings.key == "tools[0].action.plugin.settings" and "setting" in settings.sentence
    assert parameters.key == "tools[0].parameters" and "wants stop" in parameters.sentence

    def broken(name: str) -> Kind:
        raise PluginError("the kind lift cannot be loaded (RuntimeError: no licence)")

    monkeypatch.setattr(action_checks, "load", broken)
    assert "no licence" in only("plugin.kind", warning=True, plugin=PluginAction(kind="lift"))


def test_a_tool_does_exactly_one_thing() -> None:
    (finding,) = found(relay=relay(), volume=VolumeAction(percent=3))
    assert finding.key == "tools[0].action" and "has relay and volume" in finding.sentence


PAGE = Path(__file__).parents[2] / "docs" / "actions.md"
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```$", PAGE.read_text(), re.M | re.S)


@pytest.mark.parametrize("example", EXAMPLES, ids=[re.findall(r"name: (\w+)", text)[0] for text in EXAMPLES])
def test_every_example_of_the_page_is_a_configuration(example: str, tmp_path: Path) -> None:
    path = tmp_path / "kioskd.yaml"
    path.write_text("service: [{dialect: local}]\npanel: {talk: {pin: GPIO17}}\n" + example)
    run = subprocess.run([sys.executable, "-m", "kioskd", "check", str(path), "--json"], capture_output=True, text=True)
    told = json.loads(run.stdout)
    assert run.returncode == 0, told
    ours = [one for one in told["warnings"] if one["key"].startswith(("tools", "mqtt"))]
    foreseen = ("credential", "no installed package brings the kind lift")  # neither is installed here
    assert [one for one in ours if not any(word in one["sentence"] for word in foreseen)] == []


def test_the_page_has_an_example_of_every_kind() -> None:
    shown = {name for text in EXAMPLES for name in re.findall(r"^      (\w+):", text, re.M)}
    assert shown >= set(ACTIONS)
