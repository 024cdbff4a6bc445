"""How long an action may take at its worst: the sum of what its owner allowed."""

from __future__ import annotations

from dataclasses import fields

import pytest

from kioskd.config.action import (
    ASIDE_S,
    CUE_NAMES,
    PLUGIN_S,
    SENSOR_S,
    Action,
    CueAction,
    EndAction,
    HttpAction,
    PluginAction,
    ProgramAction,
    RelayAction,
    SensorAction,
    StaffAction,
    StaffAnswer,
    StaffBell,
    StaffEmail,
    StaffMqtt,
    VolumeAction,
    kind_of,
    longest_s,
)
from kioskd.config.sound import Cues

MAIL = StaffEmail(host="h", from_="a@b", to=("c@d",), timeout_s=7.0)
KINDS = [
    (Action(relay=RelayAction(pin="GPIO1", pulse_ms=500)), 0.5),
    (Action(relay=RelayAction(pin="GPIO1", longest_on_ms=9000)), 9.0),
    (Action(relay=RelayAction(pin="GPIO1", pulse_ms=500, never_with=("x",), apart_ms=1500)), 0.5),
    (Action(sensor=SensorAction(file="/x")), SENSOR_S),
    (Action(sensor=SensorAction(url="https://h", timeout_s=9.0)), 9.0),
    (Action(staff=StaffAction(url="https://h", timeout_s=2.0, attempts=3)), 14.0),
    (Action(staff=StaffAction(mqtt=StaffMqtt(timeout_s=3.0))), 3.0),
    (Action(staff=StaffAction(email=MAIL, mqtt=StaffMqtt(timeout_s=3.0))), 10.0),
    (Action(staff=StaffAction(bell=StaffBell(pin="GPIO1", ring_ms=600, pause_ms=400, rings=3))), 3.0),
    (Action(staff=StaffAction(email=MAIL, answer=StaffAnswer(topic="a", within_s=20, every_s=2))), 29.0),
    (Action(http=HttpAction(url="https://h", timeout_s=3.0)), 3.0),
    (Action(program=ProgramAction(command=("/bin/true",), timeout_s=3.0)), 3.0),
    (Action(cue=CueAction(name="done")), ASIDE_S),
    (Action(volume=VolumeAction(percent=50)), ASIDE_S),
    (Action(end_conversation=EndAction()), ASIDE_S),
    (Action(plugin=PluginAction(kind="lift")), PLUGIN_S),
]


@pytest.mark.parametrize(("action", "seconds"), KINDS)
def test_how_long_an_action_may_take_follows_its_kind(action: Action, seconds: float) -> None:
    assert longest_s(action) == pytest.approx(seconds)


def test_every_kind_has_a_name_for_status() -> None:
    assert kind_of(Action()) == "" and kind_of(Action(plugin=PluginAction(kind="lift"))) == "plugin lift"
    assert kind_of(Action(cue=CueAction(name="done"))) == "cue"


def test_no_kind_is_forgotten() -> None:
    named = {name for action, _ in KINDS for name in vars(action) if getattr(action, name) is not None}
    assert named == {field.name for field in fields(Action)}


def test_the_cues_are_those_of_the_sound() -> None:
    assert CUE_NAMES == tuple(field.name for field in fields(Cues))
