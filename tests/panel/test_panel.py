"""The whole panel on simulated lines."""

from __future__ import annotations

import dataclasses

import pytest

from kioskd.config import sections
from kioskd.core.events import MuteSwitched, PartChanged, Pressed, Released
from kioskd.core.lamp import glow
from kioskd.core.words import PartState
from kioskd.lines.lines import open_lines
from kioskd.panel.panel import Panel, PanelError


@pytest.fixture
def panel(section, lines, posted, clock):
    made = Panel(section, lines, posted.post, clock)
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


def test_a_button_that_the_panel_has_not_is_refused_with_those_it_has(panel, section, lines, posted, clock) -> None:
    with pytest.raises(PanelError, match="no button 'bell'; it has talk and mute"):
        panel.press("bell")
    bare = Panel(sections.Panel(pins="simulated"), lines, posted.post, clock)
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
    panel = Panel(section, lines, posted.post, clock)
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


def test_a_lamp_that_fails_is_told_once_and_its_return_as_well(section, lines, posted, clock) -> None:
    flickering = Flickering(lines)
    panel = Panel(section, flickering, posted.post, clock)
    posted.take(2)
    panel.show(glow("confirm", 0.0))
    flickering.broken = True
    assert panel.tick(0.5) is None
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
        "talk": {"stuck": False, "presses": 0, "glitches": 0},
        "mute": {"on": False, "glitches": 0},
        "lamp": "idle",
        "troubles": [],
    }
