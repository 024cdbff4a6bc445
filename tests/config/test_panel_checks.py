"""What check says about a panel."""

from __future__ import annotations

from typing import Any

import pytest

from kioskd.config.checks import check
from kioskd.config.findings import Finding, Lines
from kioskd.config.panel import Button, Contact, Gestures, Help, Lamp, Panel, PushButton, Strip, Volume
from kioskd.config.panel_checks import strip_s
from kioskd.config.sections import Action, Audio, Config, Interlock, Policy, RelayAction, StaffAction, Talk, Tool
from kioskd.lines.strip import frame

HELP = PushButton(name="help", pin="GPIO5", press="help")
CALL = Tool(
    name="call_staff",
    description="Call a person.",
    phrases=("call somebody",),
    class_="notify",
    action=Action(staff=StaffAction(url="https://staff.example.org/")),
    parameters={"type": "object", "properties": {"reason": {"type": "string"}}, "required": ["reason"]},
    policy=Policy(allow=True),
)
WANTED = Help(tool="call_staff", arguments={"reason": "the button"})


def found(
    mode: str = "tap_to_talk", tools: tuple[Tool, ...] = (CALL,), volume: float = 1.0, **panel: Any
) -> list[Finding]:
    keys: dict[str, Any] = {"talk": Button(pin="GPIO17"), **panel}
    config = Config(talk=Talk(mode=mode), panel=Panel(**keys), tools=tools, audio=Audio(volume=volume))
    return [one for one in check(config, Lines({})) if one.key.startswith("panel")]


def said(**keys: Any) -> str:
    (one,) = found(**keys)
    return f"{one.key}: {one.sentence}"


def test_a_sound_panel_is_silent() -> None:
    assert found(buttons=(HELP,), help=WANTED, contacts=(Contact(name="lid", pin="GPIO6", alarm=True),)) == []


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("Help!",), "small letters, digits and underscore"),
        (("mute",), "what something else of the panel is called"),
        (("bell", "bell"), "is the name of panel.buttons[0].name"),
    ],
)
def test_names_are_plain_and_of_one_thing_each(names: tuple[str, ...], words: str) -> None:
    buttons = tuple(PushButton(name=name, pin=f"GPIO{5 + at}", press="mute") for at, name in enumerate(names))
    assert words in said(buttons=buttons)


def test_a_contact_has_no_buttons_name() -> None:
    assert "too" in said(buttons=(HELP,), help=WANTED, contacts=(Contact(name="help", pin="GPIO6"),))


def test_a_button_that_does_nothing_is_warned_of() -> None:
    assert "bell does nothing" in said(buttons=(PushButton(name="bell", pin="GPIO5"),))


def test_a_press_that_comes_before_the_longer_gesture_is_warned_of() -> None:
    both = PushButton(name="both", pin="GPIO5", press="louder", long="mute")
    assert "panel.buttons[0].press: does louder at once" in said(buttons=(both,))


def test_a_glitch_filter_beyond_the_bouncing_is_warned_of() -> None:
    assert "panel.talk.glitch_ms: 30 ms (debounce_ms) counts" in said(talk=Button(pin="GPIO17", glitch_ms=50))


def test_a_long_press_that_counts_as_stuck_is_refused() -> None:
    config = Config(talk=Talk(longest_turn_s=5.0), panel=Panel(gestures=Gestures(long_ms=5000)))
    assert "long never comes" in "".join(one.sentence for one in check(config, Lines({})))


@pytest.mark.parametrize(
    ("mode", "gesture"), [("push_to_talk", "long"), ("push_to_talk", "tap"), ("tap_to_talk", "tap")]
)
def test_a_gesture_by_which_people_talk_can_do_nothing_else(mode: str, gesture: str) -> None:
    talk = Button(pin="GPIO17", **{gesture: "mute"})  # type: ignore[arg-type]  # the key varies
    assert f"panel.talk.{gesture}: does mute, but in talk.mode {mode}" in said(mode=mode, talk=talk)
    assert found(mode="voice", talk=talk) == []


def test_the_lengths_of_gestures_grow() -> None:
    assert "must grow in this order" in said(gestures=Gestures(hold_ms=3000))


@pytest.mark.parametrize(
    ("wanted", "tool", "words"),
    [
        (None, CALL, "panel: the deed help (help, press) asks for a tool"),
        (Help(tool="call_stuff"), CALL, "there is no tool call_stuff; take call_staff"),
        (Help(tool="call_staff"), CALL, "panel.help.arguments: call_staff needs reason as well"),
        (Help(tool="call_staff", arguments={"reason": "x", "floor": 2}), CALL, "call_staff does not take floor"),
        (Help(tool="call_staff", arguments={"reason": 2}), CALL, "call_staff does not take this: "),
    ],
)
def test_help_asks_for_a_tool_that_can_be_had(wanted: Help | None, tool: Tool, words: str) -> None:
    assert words in said(buttons=(HELP,), help=wanted, tools=(tool,))


def test_help_never_opens_a_door() -> None:
    door = Tool(
        name="door",
        description="",
        class_="access",
        action=Action(relay=RelayAction(pin="GPIO27")),
        policy=Policy(allow=True),
    )
    assert "is of class access; a button may only ask for one of class notify" in said(
        buttons=(HELP,), help=Help(tool="door"), tools=(door,)
    )


def test_help_that_nobody_can_ask_for_or_that_is_not_allowed_is_warned_of() -> None:
    assert "nobody can ask for it" in said(help=WANTED)
    locked = Tool(name="call_staff", description="", class_="notify", action=CALL.action, parameters=CALL.parameters)
    (finding,) = found(buttons=(HELP,), help=WANTED, tools=(locked,))
    assert finding.warning and "policy.allow: true" in finding.sentence


def test_the_volume_has_room_between_its_bounds() -> None:
    assert "least 0.6 must be below most 0.5" in said_volume(Volume(least=0.6, most=0.5))
    louder = (PushButton(name="up", pin="GPIO5", press="louder"),)
    assert "the first press would jump" in said(buttons=louder, volume=0.05)


def said_volume(volume: Volume) -> str:
    config = Config(panel=Panel(talk=Button(pin="GPIO17"), volume=volume))
    (one,) = [one for one in check(config, Lines({})) if one.key == "panel.volume"]
    return one.sentence


def test_one_line_has_one_pull() -> None:
    lock = Interlock(pin="GPIO6", must_be="active", name="the door", pull="down")
    tool = Tool(
        name="call_staff",
        description="",
        class_="notify",
        action=CALL.action,
        policy=Policy(allow=True, interlocks=(lock,)),
    )
    contact = Contact(name="door", pin="GPIO6")
    assert "up here, but down at the door of call_staff" in said(contacts=(contact,), tools=(tool,))


@pytest.mark.parametrize(
    ("lamp", "words"),
    [
        (Lamp(strip=Strip(), single="GPIO26"), "has a strip and lines"),
        (Lamp(strip=Strip(spi="spi0")), "must be the device file"),
        (Lamp(), "has no line"),
        (Lamp(red="GPIO5"), "has red but not green and blue"),
    ],
)
def test_a_lamp_is_one_of_its_kinds(lamp: Lamp, words: str) -> None:
    assert words in said(lamp=lamp)


def test_a_strip_does_not_keep_the_loop_for_long() -> None:
    assert found(lamp=Lamp(strip=Strip(count=300))) == found(lamp=Lamp(strip=Strip(count=12, speed_hz=100_000))) == []
    assert "300 lamps take 98 ms" in said(lamp=Lamp(strip=Strip(count=300, speed_hz=100_000)))
    for strip in (Strip(), Strip(count=300)):
        assert strip_s(strip) == pytest.approx(8 * len(frame(strip.count, 1, 1, 1)) / strip.speed_hz, rel=0.02)


def test_a_strip_keeps_the_lines_of_its_bus_to_itself() -> None:
    assert found(lamp=Lamp(strip=Strip(count=3))) == []
    assert "panel.talk.pin: GPIO10 belongs to the SPI bus" in said(lamp=Lamp(strip=Strip()), talk=Button(pin="GPIO10"))
    assert found(lamp=Lamp(strip=Strip(spi="/dev/spidev1.0")), talk=Button(pin="GPIO10")) == []
