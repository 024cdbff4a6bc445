"""The parts list: what hangs where, and what an electrician must be told."""

from __future__ import annotations

from typing import Callable

from kioskd.config.board import GROUND, HEADER, SUPPLY_3V3, SUPPLY_5V
from kioskd.config.loader import Loaded
from kioskd.config.action import StaffAction, StaffBell
from kioskd.config.confirm import Confirm, Keypad
from kioskd.config.panel import Contact, PushButton, Strip
from kioskd.config.power import Power
from kioskd.config.sections import Action, Button, Config, Lamp, Panel, RelayAction, SensorAction, Tool
from kioskd.config.wiring import Part, Wire, nearest, parts, table

Judge = Callable[..., Loaded]


def relay(**keys: object) -> Part:
    action = Action(relay=RelayAction(**{"pin": "GPIO27", **keys}))  # type: ignore[arg-type]  # keys of the section
    return only(Config(tools=(Tool(name="unlock_door", description="", class_="access", action=action),)))


def only(config: Config) -> Part:
    (part,) = parts(config)
    return part


def test_a_button_lies_between_its_line_and_the_nearest_ground() -> None:
    part = only(Config(panel=Panel(talk=Button(pin="GPIO17"))))
    assert (part.kind, part.title) == ("button", "talk button")
    assert part.wires == (Wire("signal", 11), Wire(GROUND, 9)) and not part.warnings


def test_a_button_that_is_pulled_down_goes_to_the_supply() -> None:
    part = only(Config(panel=Panel(mute=Button(pin="GPIO23", pull="down"))))
    assert part.wires == (Wire("signal", 16), Wire(SUPPLY_3V3, 17))
    part = only(Config(panel=Panel(mute=Button(pin="GPIO3", pull="down"))))
    assert any("does not work there" in warning for warning in part.warnings)


def test_each_part_has_a_ground_of_its_own_while_there_are_any() -> None:
    lamp = Lamp(red="GPIO5", green="GPIO6", blue="GPIO13")
    found = parts(Config(panel=Panel(talk=Button(pin="GPIO17"), lamp=lamp)))
    grounds = [wire.position for part in found for wire in part.wires if wire.role == GROUND]
    assert len(set(grounds)) == len(grounds) == 4
    assert all(HEADER[place] == GROUND for place in grounds)


def test_a_lamp_has_its_resistor_and_the_rail_that_its_polarity_wants() -> None:
    high, low = (only(Config(panel=Panel(lamp=Lamp(single="GPIO26", active=level)))) for level in ("high", "low"))
    assert "330 Ω" in high.lines[0] and high.wires[1].role == GROUND and low.wires[1].role == SUPPLY_3V3


def test_a_relay_says_how_it_rests_and_what_holds_it_there() -> None:
    part = relay()
    assert [wire.role for wire in part.wires] == ["signal", SUPPLY_5V, GROUND]
    assert part.lines[-1] == "low from power-on; add 10 kΩ to ground" and not part.warnings
    assert relay(pin="GPIO6", active="low").lines[-1] == "high from power-on; add 10 kΩ to 3.3 V"
    assert "10 kΩ of yours to ground keeps it low at boot" in relay(pin="GPIO5", held_outside=True).lines


def test_a_relay_that_would_be_energised_or_that_nobody_knows_is_warned_of() -> None:
    assert "ENERGISED" in relay(pin="GPIO5").warnings[0]
    elsewhere = relay(pin="pcf8574:3")
    assert "measure it" in elsewhere.warnings[0] and {wire.position for wire in elsewhere.wires} == {0}


def test_only_sensors_on_a_line_are_wired() -> None:
    def tool(sensor: SensorAction) -> Tool:
        return Tool(name="read", description="", class_="read", action=Action(sensor=sensor))

    config = Config(tools=(tool(SensorAction(file="/sys/x")), tool(SensorAction(pin="GPIO24", pull="down"))))
    assert only(config).wires == (Wire("signal", 18), Wire(SUPPLY_3V3, 17))


def test_the_nearest_place_is_in_the_same_row_unless_all_there_are_taken() -> None:
    assert nearest(GROUND, 11) == 9
    assert nearest(GROUND, 11, {9}) == 25
    assert nearest(GROUND, 11, {9, 25, 39}) == 14
    assert nearest(SUPPLY_5V, 11, {2, 4}) == 4, "shared where there is none left"


def test_the_list_for_people_names_places_and_dangers() -> None:
    text = table(parts(Config(panel=Panel(talk=Button(pin="GPIO15")))))
    assert "talk button (button): header signal 10, ground" in text and "    ! GPIO15:" in text
    assert table([]) == "nothing is connected to the header"


def test_every_button_and_contact_of_the_panel_is_drawn() -> None:
    panel = Panel(
        talk=Button(pin="GPIO17"),
        buttons=(PushButton(name="help", pin="GPIO5", press="mute"),),
        contacts=(Contact(name="lid", pin="GPIO24", alarm=True), Contact(name="door", pin="GPIO25", rest="inactive")),
    )
    found = parts(Config(panel=panel))
    assert [part.title for part in found] == ["talk button", "help button", "lid contact", "door contact"]
    assert "closed when all is well" in found[2].lines[0] and "open when all is well" in found[3].lines[0]


def test_an_alarm_that_a_cut_wire_would_silence_says_so() -> None:
    contact = Contact(name="lid", pin="GPIO24", rest="inactive", alarm=True)
    assert "a cut wire looks like rest" in only(Config(panel=Panel(contacts=(contact,)))).lines[-1]


def test_a_strip_hangs_on_its_bus_and_on_the_supply() -> None:
    part = only(Config(panel=Panel(lamp=Lamp(strip=Strip(count=12, brightness=0.2)))))
    assert [(wire.role, HEADER[wire.position]) for wire in part.wires] == [
        ("signal", "GPIO10"),
        ("signal", "GPIO11"),
        (SUPPLY_5V, SUPPLY_5V),
        (GROUND, GROUND),
    ]
    assert "144 mA at most" in part.lines[1]
    assert only(Config(panel=Panel(lamp=Lamp(strip=Strip(spi="/dev/spidev1.0"))))).wires == (Wire("signal", 0),)


def test_the_power_line_is_drawn_with_what_may_never_touch_it() -> None:
    part = only(Config(power=Power(pin="GPIO23")))
    assert part.title == "power line" and part.wires == (Wire("signal", 16), Wire(GROUND, 14))
    assert any("never 12 V" in line for line in part.lines) and any("pulled down" in line for line in part.lines)
    assert any("pulled up" in line for line in only(Config(power=Power(pin="GPIO23", active="low"))).lines)


def test_a_bell_for_staff_is_wired_like_a_relay() -> None:
    staff = Action(staff=StaffAction(bell=StaffBell(pin="GPIO16", active="low")))
    (part,) = parts(Config(tools=(Tool(name="call_staff", description="", class_="notify", action=staff),)))
    assert (part.kind, part.title) == ("relay", "call_staff (bell)") and part.wires[0].position == 36


def test_a_keypad_is_wired_row_by_row_and_column_by_column() -> None:
    pad = Keypad(rows=("GPIO4", "GPIO12"), columns=("GPIO19", "GPIO20"), keys=("12", "3#"))
    found = parts(Config(confirm=Confirm(keypad=pad)))
    assert [part.title for part in found] == [
        "keypad row 1 2",
        "keypad row 3 #",
        "keypad column 1 3",
        "keypad column 2 #",
    ]
    assert "1 kOhm in series" in found[0].lines[0] and [wire.role for wire in found[0].wires] == ["signal"]
    assert parts(Config(confirm=Confirm(keypad=Keypad(device="/dev/input/event0")))) == []
