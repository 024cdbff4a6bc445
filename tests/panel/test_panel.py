"""The whole panel on simulated lines."""

from __future__ import annotations

import dataclasses
import time

import pytest

from kioskd.config import panel as sections_of_panel
from kioskd.config import sections
from kioskd.config.panel import Contact
from kioskd.core.events import MuteSwitched, PartChanged, Pressed, Released
from kioskd.core.lamp import glow
from kioskd.core.panel_events import ContactChanged
from kioskd.core.words import PartState
from kioskd.lines.lines import open_lines
from kioskd.panel.panel import RETRY_S, Panel, PanelError


@pytest.fixture
def panel(config, lines, posted, clock):
    made = Panel(config, lines, posted.post, clock)
    yield made
    made.close()


def wire(lines, pin: str) -> float:
    return lines.snapshot()["lines"][pin]["value"]


def test_a_panel_says_how_it_stands_when_it_is_open(panel, posted) -> None:
    assert posted.take(2) == [MuteSwitched(False), PartChanged("panel", PartState.RUNNING, "")]


def test_buttons_are_pressed_by_name(panel, posted) -> None:
    posted.take(2)
    panel.press("talk")
    assert isinstance(posted.next(), Pressed)
    panel.release("talk")
    assert isinstance(posted.next(), Released)
    panel.press("mute")
    assert posted.next() == MuteSwitched(True)


def test_a_button_that_the_panel_has_not_is_refused_with_those_it_has(panel, lines, posted, clock) -> None:
    with pytest.raises(PanelError, match="no button 'bell'; it has talk and mute"):
        panel.press("bell")
    bare = Panel(sections.Config(panel=sections.Panel(pins="simulated")), lines, posted.post, clock)
    with pytest.raises(PanelError, match="it has none at all"):
        bare.release("talk")
    bare.close()


def test_a_real_panel_is_not_pressed_from_outside_and_its_absence_is_told(section, posted, clock) -> None:
    lines = open_lines("gpio", None)  # this machine may or may not have chips; these lines it has not
    section = dataclasses.replace(
        section,
        talk=sections.Button(pin="no-such-chip:1"),
        mute=sections.Button(pin="no-such-chip:2"),
        lamp=sections.Lamp(red="no-such-chip:3"),
    )
    panel = Panel(sections.Config(panel=section), lines, posted.post, clock)
    muted, part = posted.take(2)
    assert muted == MuteSwitched(True) and panel.muted, "who cannot read the switch does not listen"
    assert part.state is PartState.FAILED
    assert all(word in part.reason for word in ("The lamp: ", "The talk button: ", "The mute switch: "))
    assert posted.empty() and len(panel.snapshot()["troubles"]) == 3
    with pytest.raises(PanelError, match="no-such-chip:1 is neither a button nor an input"):
        panel.press("talk")
    panel.show(glow("idle", 0.0))
    assert panel.tick(1.0) is None
    panel.close()
    lines.close()


def test_the_lamp_shows_and_blinks(panel, lines) -> None:
    panel.show(glow("confirm", 0.0))
    assert wire(lines, "GPIO10") == 1
    assert panel.tick(0.5) == 1.0
    assert wire(lines, "GPIO10") == 0
    panel.show(glow("listening", 0.7))
    assert wire(lines, "GPIO10") == 1
    assert panel.tick(0.8) is None


class Flickering:
    """Lines whose lamp can be out of order."""

    def __init__(self, lines) -> None:
        self._lines = lines
        self.button = lines.button
        self.broken = False

    def lamp(self, *pins):
        self._lamp = self._lines.lamp(*pins)
        return self

    def set(self, red: float, green: float, blue: float) -> None:
        if self.broken:
            raise OSError("the wire is off.")
        self._lamp.set(red, green, blue)


def test_a_lamp_that_fails_is_told_once_and_its_return_as_well(config, lines, posted, clock) -> None:
    flickering = Flickering(lines)
    panel = Panel(config, flickering, posted.post, clock)
    posted.take(2)
    panel.show(glow("confirm", 0.0))
    flickering.broken = True
    assert panel.tick(0.5) == 0.5 + RETRY_S, "it is tried again"
    panel.show(glow("confirm", 0.6))
    panel.show(glow("listening", 0.7))
    assert posted.next() == PartChanged("panel", PartState.FAILED, "The lamp: the wire is off.")
    flickering.broken = False
    panel.show(glow("listening", 0.8))
    assert posted.next() == PartChanged("panel", PartState.RUNNING, "")
    assert posted.empty()
    panel.close()


def test_the_snapshot_is_for_status(panel) -> None:
    panel.show(glow("idle", 0.0))
    assert panel.snapshot() == {
        "talk": {"stuck": False, "presses": 0, "glitches": 0, "gestures": 0, "times_stuck": 0},
        "mute": {"on": False, "glitches": 0},
        "contacts": {},
        "lamp": "idle",
        "troubles": [],
    }


def test_a_dimmed_lamp_is_driven_with_pwm_where_the_driver_can(section, lines, posted, clock) -> None:
    lamp = sections.Lamp(red="GPIO10", green="GPIO11", blue="GPIO12", brightness=0.25)
    panel = Panel(sections.Config(panel=dataclasses.replace(section, lamp=lamp)), lines, posted.post, clock)
    panel.show(glow("muted", 0.0))
    dims = lines.snapshot()["lines"]["GPIO10"]["factory"] != "gpiod"
    levels = {pin: lines._served[pin][2].pin.state for pin in ("GPIO10", "GPIO11", "GPIO12")}
    assert levels == {"GPIO10": 0.25 if dims else 1, "GPIO11": 0, "GPIO12": 0.25 if dims else 1}
    panel.close()


def test_contacts_are_moved_by_name_and_shown(section, lines, posted, clock) -> None:
    contact = Contact(name="door", pin="GPIO9")
    config = sections.Config(panel=dataclasses.replace(section, contacts=(contact,)))
    panel = Panel(config, lines, posted.post, clock, {"GPIO9": lines.input("GPIO9", "up")})
    posted.take(2)
    panel.look(1.0)
    assert posted.next() == ContactChanged("door", False, False, 1.0)
    panel.press("door")
    while not lines.snapshot()["lines"]["GPIO9"]["value"]:
        time.sleep(0.001)  # the driver's thread
    panel.look(2.0)
    assert posted.next() == ContactChanged("door", True, False, 2.0)
    assert panel.snapshot()["contacts"]["door"]["stands"] == "active"
    panel.close()


def test_a_strip_takes_the_place_of_lines(section, lines, posted, clock) -> None:
    shown = []

    class Strip:
        def set(self, red: float, green: float, blue: float) -> None:
            shown.append((red, green, blue))

    lamp = sections.Lamp(strip=sections_of_panel.Strip(count=3))
    config = sections.Config(panel=dataclasses.replace(section, lamp=lamp))
    panel = Panel(config, lines, posted.post, clock, strip=lambda wanted: Strip() if wanted.count == 3 else None)
    panel.show(glow("listening", 0.0))
    assert shown == [(0.0, 0.0, 1.0)]
    panel.close()
