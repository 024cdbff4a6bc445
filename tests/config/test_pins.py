from __future__ import annotations

import pytest

from kioskd.config.pins import line_of, pins
from kioskd.config.sections import Action, Button, Config, Lamp, Panel, RelayAction, SensorAction, Tool


@pytest.mark.parametrize("pin", ["GPIO0", "GPIO17", "GPIO27", "pinctrl-rp1:40", "gpio-sim.0:3", "my chip:0", "a:b:5"])
def test_good_names(pin: str) -> None:
    assert line_of(pin) == (pin, "")


@pytest.mark.parametrize("pin", ["", "17", "gpio17", "GPIO", "GPIO017", "GPIO1٣", "BCM17", ":3", "x:", "x:-1", "x:01"])
def test_bad_names_are_told_the_grammar(pin: str) -> None:
    line, trouble = line_of(pin)
    assert not line
    assert "GPIO0 to GPIO27, or CHIP_LABEL:OFFSET" in trouble


def test_there_is_no_gpio_28() -> None:
    assert line_of("GPIO28") == ("", "GPIO28 is not on the header; GPIO0 to GPIO27 are")


def test_two_spellings_of_a_header_line_are_one_line() -> None:
    assert line_of("pinctrl-bcm2711:17")[0] == line_of("GPIO17")[0] == line_of("pinctrl-rp1:17")[0]


def test_every_line_of_a_configuration_is_listed_with_its_path() -> None:
    config = Config(
        panel=Panel(
            talk=Button(pin="GPIO1"), mute=Button(pin="GPIO2"), lamp=Lamp(red="GPIO3", green="GPIO4", blue="GPIO5")
        ),
        tools=(
            Tool(name="a", description="", class_="read", action=Action(sensor=SensorAction(pin="GPIO6"))),
            Tool(name="b", description="", class_="read", action=Action(sensor=SensorAction(file="/x"))),
            Tool(name="c", description="", class_="access", action=Action(relay=RelayAction(pin="GPIO7"))),
        ),
    )
    assert dict(pins(config)) == {
        "panel.talk.pin": "GPIO1",
        "panel.mute.pin": "GPIO2",
        "panel.lamp.red": "GPIO3",
        "panel.lamp.green": "GPIO4",
        "panel.lamp.blue": "GPIO5",
        "tools[0].action.sensor.pin": "GPIO6",
        "tools[2].action.relay.pin": "GPIO7",
    }
