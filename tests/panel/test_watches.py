"""What a contact's edges mean, without lines and without threads."""

from __future__ import annotations

import pytest

from kioskd.config.panel import Button, Gestures, Panel, PushButton, Switch
from kioskd.core.events import MuteSwitched, PartChanged, Pressed, Released
from kioskd.core.panel_events import Gestured, PressVoided
from kioskd.core.words import PartState
from kioskd.panel.gestures import recognisers
from kioskd.panel.troubles import Troubles
from kioskd.panel.watches import UNREAD, ButtonWatch, MuteWatch, watches


@pytest.fixture
def troubles(posted):
    made = Troubles(posted.post)
    made.begin()
    posted.next()
    return made


@pytest.fixture
def talk(posted, troubles):
    """The talk button of a panel on which holding it mutes."""
    waiting = recognisers({"hold"}, Gestures(hold_ms=700))
    return ButtonWatch("talk", Button(pin="GPIO17"), 45.0, waiting, posted.post, troubles)


@pytest.fixture
def mute(posted, troubles):
    return MuteWatch(Switch(pin="GPIO22"), posted.post, troubles)


def test_nothing_counts_before_it_is_known_how_a_button_stands(talk, posted) -> None:
    talk.edge(True, 1.0)
    talk.advance(2.0)
    assert talk.due is None and posted.empty() and talk.snapshot() is None


def test_a_press_counts_after_its_glitch_time_and_a_release_after_its_bouncing(talk, posted) -> None:
    talk.start(False)
    talk.edge(True, 1.0)
    assert talk.due == pytest.approx(1.004)
    talk.advance(1.004)
    assert posted.next() == Pressed("talk", 1.0)
    talk.edge(False, 1.2)
    assert talk.due == pytest.approx(1.23)
    talk.advance(1.231)
    assert posted.next() == Released("talk", 1.2) and posted.empty()


def test_a_gesture_has_its_times_and_a_mark_of_its_own(talk, posted) -> None:
    talk.start(False)
    marks = set()
    for at in (1.0, 10.0):
        talk.edge(True, at)
        talk.advance(at + 1)
        pressed, gesture = posted.take(2)
        assert isinstance(gesture, Gestured) and (gesture.began, gesture.at) == (at, at + 0.7)
        marks.add(gesture.mark)
        talk.edge(False, at + 2)
        talk.advance(at + 3)
        posted.next()
    assert len(marks) == 2 and talk.snapshot()["gestures"] == 2


def test_a_stuck_button_is_voided_before_it_is_released(talk, posted) -> None:
    talk.start(False)
    talk.edge(True, 1.0)
    talk.advance(46.5)
    told = posted.take(5)
    assert told[0] == Pressed("talk", 1.0) and isinstance(told[1], Gestured | PressVoided)
    order = [type(event) for event in told]
    assert order.index(PressVoided) < order.index(Released)
    assert talk.snapshot()["stuck"] is True and talk.snapshot()["times_stuck"] == 1


def test_a_button_whose_line_is_gone_is_voided_as_well(talk, posted) -> None:
    talk.start(False)
    talk.edge(True, 1.0)
    talk.advance(1.1)
    posted.next()
    talk.unread("the chip is gone.", 5.0)
    assert posted.take(2) == [PressVoided("talk", 5.0, "its line is gone"), Released("talk", 5.0)]
    assert posted.next() == PartChanged("panel", PartState.FAILED, "The talk button: the chip is gone.")
    talk.edge(False, 6.0)
    talk.advance(9.0)
    assert posted.empty()


def test_a_switch_that_cannot_be_read_is_muted(mute, posted) -> None:
    mute.start(False)
    assert posted.next() == MuteSwitched(False) and not mute.muted
    mute.unread("the chip is gone.", 1.0)
    muted, part = posted.take(2)
    assert muted == MuteSwitched(True) and mute.muted and part.reason == f"The mute switch: the chip is gone{UNREAD}"


def test_a_switch_settles_both_ways_alike(mute, posted) -> None:
    mute.start(False)
    posted.next()
    for on, at in ((True, 1.0), (False, 2.0)):
        mute.edge(on, at)
        assert mute.due == pytest.approx(at + 0.03)
        mute.advance(at + 0.02)
        assert posted.empty()
        mute.advance(at + 0.031)
        assert posted.next() == MuteSwitched(on)


def test_after_the_stop_nothing_counts(talk, mute, posted) -> None:
    for watch in (talk, mute):
        watch.start(False)
        watch.stop()
        watch.edge(True, 1.0)
        watch.advance(9.0)
    assert posted.next() == MuteSwitched(False) and posted.empty()


def test_each_contact_of_the_panel_has_a_watch_by_its_name(posted, troubles) -> None:
    panel = Panel(
        talk=Button(pin="GPIO17"),
        mute=Switch(pin="GPIO22"),
        buttons=(PushButton(name="help", pin="GPIO5"), PushButton(name="volume_up", pin="GPIO6")),
    )
    asked = []
    made = watches(panel, lambda name: asked.append(name) or [], posted.post, 45.0, troubles)
    assert list(made) == ["talk", "help", "volume_up", "mute"] and asked == ["talk", "help", "volume_up"]
