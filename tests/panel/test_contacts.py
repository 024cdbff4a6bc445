"""Button and switch on simulated lines: edges come in a driver thread, facts arrive in the inbox."""

from __future__ import annotations

import dataclasses
import threading
import time

import pytest

from kioskd.config.panel import Button, Gestures, PushButton, deeds_of
from kioskd.core.events import MuteSwitched, PartChanged, Pressed, Released, ThreadDied
from kioskd.core.panel_events import Gestured, PressVoided
from kioskd.core.words import PartState
from kioskd.panel.contacts import Contacts
from kioskd.panel.gestures import recognisers
from kioskd.panel.troubles import Troubles
from kioskd.panel.watches import watches


def wanted(panel):
    """The recognisers that the panel makes for a button."""
    return lambda name: recognisers({what for button, what in deeds_of(panel) if button == name}, panel.gestures)


@pytest.fixture
def opened(section, lines, posted, clock):
    """Contacts, and how to make them with another limit or other lines."""
    made: list[Contacts] = []

    def make(longest_press_s: float = 45.0, on=None, now=clock, panel=None) -> Contacts:
        troubles = Troubles(posted.post)
        watched = watches(panel or section, wanted(panel or section), posted.post, longest_press_s, troubles)
        contacts = Contacts(watched, on or lines, posted.post, now)
        made.append(contacts)
        troubles.begin()
        return contacts

    yield make
    for contacts in made:
        contacts.close()


def test_the_first_position_of_the_mute_switch_is_posted_before_anything_else(opened, posted) -> None:
    opened()
    assert posted.take(2) == [MuteSwitched(False), PartChanged("panel", PartState.RUNNING, "")]


def test_a_press_is_posted_with_the_time_of_its_edge(opened, lines, posted) -> None:
    opened()
    posted.take(2)
    before = time.monotonic()
    lines.press("GPIO17")
    pressed = posted.next()
    lines.release("GPIO17")
    released = posted.next()
    assert isinstance(pressed, Pressed) and isinstance(released, Released)
    assert pressed.name == released.name == "talk"
    assert before <= pressed.at < released.at <= time.monotonic()
    assert pressed.at < time.monotonic() - 0.004  # the filter's wait is not in the time


def test_a_click_shorter_than_the_filter_is_no_press(section, opened, lines, posted) -> None:
    # Long enough that five clicks of a busy machine fit into it.
    contacts = opened(panel=dataclasses.replace(section, talk=Button(pin="GPIO17", debounce_ms=500, glitch_ms=100)))
    posted.take(2)
    for _ in range(5):
        lines.press("GPIO17")
        lines.release("GPIO17")
    lines.press("GPIO22")
    assert posted.next() == MuteSwitched(True)
    assert posted.empty()
    assert contacts.snapshot()["talk"] == {
        "stuck": False,
        "presses": 0,
        "glitches": 5,
        "gestures": 0,
        "times_stuck": 0,
    }
    assert contacts.snapshot()["mute"] == {"on": True, "glitches": 0}


def test_the_mute_switch_may_stay_where_it_is_for_years(opened, lines, posted) -> None:
    opened(longest_press_s=0.02)
    posted.take(2)
    lines.press("GPIO22")
    assert posted.next() == MuteSwitched(True)
    lines.release("GPIO22")
    assert posted.next() == MuteSwitched(False)
    assert posted.empty()


def test_a_stuck_button_is_told_ends_its_press_and_counts_again_when_released(opened, lines, posted) -> None:
    opened(longest_press_s=0.05)
    posted.take(2)
    lines.press("GPIO17")
    down, voided, stuck, up = posted.take(4)
    assert isinstance(down, Pressed) and isinstance(up, Released)
    assert voided == PressVoided("talk", up.at, "the button is stuck"), "before its end: it must not confirm"
    assert up.at - down.at == pytest.approx(0.05)
    assert isinstance(stuck, PartChanged) and stuck.state is PartState.FAILED
    assert "held for 0.05 s" in stuck.reason and "released" in stuck.reason
    lines.release("GPIO17")
    assert posted.next() == PartChanged("panel", PartState.RUNNING, "")
    lines.press("GPIO17")
    assert isinstance(posted.next(), Pressed)


class AlreadyHeld:
    """Lines on which every button is held when it is opened."""

    def __init__(self, lines) -> None:
        self._lines = lines

    def button(self, pin, pull, debounce_s, on_press, on_release, on_lost=None):
        held = threading.Event()
        line = self._lines.button(pin, pull, debounce_s, lambda at: (on_press(at), held.set()), on_release, on_lost)
        self._lines.press(pin)
        assert held.wait(5)
        return line


def test_what_is_held_from_the_start_mutes_but_does_not_talk(opened, lines, posted) -> None:
    opened(on=AlreadyHeld(lines))
    mute, part = posted.take(2)
    assert mute == MuteSwitched(True)
    assert part.state is PartState.FAILED and "GPIO17 is held since the start" in part.reason
    lines.release("GPIO17")
    assert posted.next() == PartChanged("panel", PartState.RUNNING, "")
    lines.press("GPIO17")
    assert isinstance(posted.next(), Pressed)


class Falling:
    """Lines whose chip can be pulled out, and some of which were never there."""

    def __init__(self, lines, missing: str = "") -> None:
        self._lines, self._missing = lines, missing
        self.lost: dict[str, object] = {}

    def button(self, pin, pull, debounce_s, on_press, on_release, on_lost=None):
        if pin == self._missing:
            raise OSError(f"{pin} is already taken by spi0 CS0.")
        self.lost[pin] = on_lost
        return self._lines.button(pin, pull, debounce_s, on_press, on_release)


def test_a_line_that_is_lost_ends_the_press_and_is_told(opened, lines, posted) -> None:
    falling = Falling(lines)
    contacts = opened(on=falling)
    posted.take(2)
    lines.press("GPIO17")
    assert isinstance(posted.next(), Pressed)
    falling.lost["GPIO17"]("the chip is gone.")
    voided, released, part = posted.take(3)
    assert isinstance(voided, PressVoided) and isinstance(released, Released)
    assert part == PartChanged("panel", PartState.FAILED, "The talk button: the chip is gone.")
    assert contacts.snapshot()["talk"] is None
    lines.press("GPIO22")
    assert posted.next() == MuteSwitched(True)


@pytest.mark.parametrize(
    "missing, sentence, heard",
    [
        ("GPIO17", "The talk button: GPIO17 is already taken by spi0 CS0.", [MuteSwitched(False)]),
        (
            "GPIO22",
            "The mute switch: GPIO22 is already taken by spi0 CS0; the microphone stays closed: mend it and restart "
            "kioskd, or take panel.mute out of the configuration",
            [MuteSwitched(True)],
        ),
    ],
)
def test_a_line_that_cannot_be_had_is_told_and_the_other_works(opened, lines, posted, missing, sentence, heard) -> None:
    opened(on=Falling(lines, missing))
    assert posted.take(len(heard) + 1) == [*heard, PartChanged("panel", PartState.FAILED, sentence)]
    lines.press("GPIO22" if missing == "GPIO17" else "GPIO17")
    assert isinstance(posted.next(), (MuteSwitched, Pressed))


def test_a_mute_switch_that_is_lost_counts_as_mute(opened, lines, posted) -> None:
    falling = Falling(lines)
    contacts = opened(on=falling)
    posted.take(2)
    assert not contacts.muted
    falling.lost["GPIO22"]("the chip is gone.")
    muted, part = posted.take(2)
    assert muted == MuteSwitched(True) and contacts.muted
    assert "the chip is gone; the microphone stays closed" in part.reason


def test_the_last_word_of_a_thread_that_fails_goes_to_the_machine(opened, lines, posted, caplog) -> None:
    def broken() -> float:
        raise ArithmeticError("no time")

    opened(now=broken)
    posted.take(2)
    lines.press("GPIO17")
    assert posted.next() == ThreadDied("panel", "ArithmeticError: no time")
    assert "the panel's thread failed" in caplog.text


def test_after_close_nothing_is_posted_and_no_thread_is_left(opened, lines, posted) -> None:
    contacts = opened()
    posted.take(2)
    contacts.close()
    with pytest.raises(OSError, match="GPIO22 is closed"):
        lines.press("GPIO22")
    assert not [thread for thread in threading.enumerate() if thread.name == "panel"]
    assert posted.empty()


def test_a_panel_without_contacts_has_no_thread(section, lines, posted, clock) -> None:
    bare = dataclasses.replace(section, talk=None, mute=None)
    contacts = Contacts(
        watches(bare, wanted(bare), posted.post, 45.0, Troubles(posted.post)), lines, posted.post, clock
    )
    assert not [thread for thread in threading.enumerate() if thread.name == "panel"]
    assert contacts.snapshot() == {} and not contacts.muted
    contacts.close()


BUTTONS = (
    PushButton(name="volume_up", pin="GPIO23", debounce_ms=5, press="louder"),
    PushButton(name="help", pin="GPIO24", debounce_ms=5, long="help"),
)


def test_each_button_tells_its_gestures_and_no_two_have_the_same_mark(section, opened, lines, posted) -> None:
    panel = dataclasses.replace(section, buttons=BUTTONS, gestures=Gestures(long_ms=500))
    contacts = opened(panel=panel)
    posted.take(2)
    marks = set()
    for _ in range(2):
        lines.press("GPIO23")
        pressed, gesture = posted.take(2)
        assert isinstance(pressed, Pressed) and pressed.name == "volume_up"
        assert isinstance(gesture, Gestured) and (gesture.name, gesture.gesture) == ("volume_up", "press")
        assert gesture.began == pressed.at
        marks.add(gesture.mark)
        lines.release("GPIO23")
        posted.next()
    lines.press("GPIO24")
    pressed, gesture = posted.take(2)
    assert (gesture.name, gesture.gesture) == ("help", "long") and gesture.at == pytest.approx(pressed.at + 0.5)
    marks.add(gesture.mark)
    assert len(marks) == 3 and contacts.snapshot()["volume_up"]["gestures"] == 2


def test_a_press_is_posted_long_before_it_could_be_a_release(section, opened, lines, posted) -> None:
    """The default: known after 4 ms, though contacts bounce for 30."""
    opened(panel=dataclasses.replace(section, talk=Button(pin="GPIO17")))
    posted.take(2)
    took_ms = []
    for _ in range(5):
        lines.press("GPIO17")
        pressed = posted.next()
        took_ms.append((time.monotonic() - pressed.at) * 1000)
        lines.release("GPIO17")
        posted.next()
    assert 4 <= min(took_ms) < 20, "the best of five, on a machine that others use"
