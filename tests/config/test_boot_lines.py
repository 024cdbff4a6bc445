"""What the firmware is told about each line."""

from __future__ import annotations

import dataclasses

import pytest

from kioskd.config.boot_lines import boot_lines, lines, state
from kioskd.config.loader import parse
from kioskd.config.pins import pins
from kioskd.config.sections import Config

KIOSK = """\
service:
  - {dialect: local}
panel:
  talk: {pin: GPIO17}
  mute: {pin: GPIO6, pull: down}
  lamp: {single: GPIO22, active: low}
power: {pin: GPIO13}
tools:
  - name: unlock_door
    description: Unlock the door.
    phrases: [open the door]
    class: access
    action: {relay: {pin: GPIO27}}
    policy: {allow: true, interlocks: [{pin: GPIO25, must_be: active, pull: none}]}
  - name: ring
    description: Ring.
    phrases: [ring the bell]
    class: actuate
    action: {relay: {pin: GPIO5, active: low}}
    policy: {allow: true}
  - name: light
    description: Switch the light.
    phrases: [switch the light]
    class: actuate
    action: {relay: {pin: "pcf8574:3", active: low, held_outside: true}}
    policy: {allow: true}
  - name: door_state
    description: Tell of the door.
    phrases: [is it open]
    class: read
    action: {sensor: {pin: GPIO24}}
    policy: {allow: true}
"""


@pytest.fixture
def config() -> Config:
    loaded = parse(KIOSK, "kiosk.yaml")
    assert loaded.config is not None, loaded.problems
    return loaded.config


def test_each_line_rests_from_boot_on(config: Config) -> None:
    found = {line.path: (line.number, line.state) for line in lines(config)}
    assert found == {
        "panel.talk.pin": (17, "ip,pu"),
        "panel.mute.pin": (6, "ip,pd"),
        "panel.lamp.single": (22, "op,dh,pu"),
        "power.pin": (13, "ip,pd"),
        "tools[0].action.relay.pin": (27, "op,dl,pd"),
        "tools[0].policy.interlocks[0].pin": (25, "ip,pn"),
        "tools[1].action.relay.pin": (5, "op,dh,pu"),
        "tools[2].action.relay.pin": (None, "op,dh,pu"),
        "tools[3].action.sensor.pin": (24, "ip,pu"),
    }
    assert set(found) == {path for path, _ in pins(config)}, "no line is left out"


def test_supply_that_is_good_while_low_is_pulled_up(config: Config) -> None:
    other = dataclasses.replace(config, power=dataclasses.replace(config.power, active="low"))
    assert state(other, "power.pin") == "ip,pu"


def test_the_text_is_in_order_and_says_where_the_firmware_can_do_nothing(config: Config) -> None:
    text = boot_lines(config)
    told = [line for line in text.splitlines() if line.startswith("gpio=")]
    assert told[0] == "gpio=5=op,dh,pu" and told[-1] == "gpio=27=op,dl,pd" and len(told) == 8
    assert "# tools[0].action.relay.pin\ngpio=27=op,dl,pd\n" in text
    assert "# tools[2].action.relay.pin (pcf8574:3) is on another chip" in text
    assert all(line.startswith(("#", "gpio=")) for line in text.splitlines())
