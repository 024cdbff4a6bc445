"""What does not work is told once, and so is its end."""

from __future__ import annotations

from kioskd.core.events import PartChanged
from kioskd.core.words import PartState
from kioskd.panel.troubles import Troubles


def test_a_panel_without_troubles_begins_running(posted) -> None:
    Troubles(posted.post).begin()
    assert posted.take(1) == [PartChanged("panel", PartState.RUNNING, "")]
    assert posted.empty()


def test_troubles_of_the_opening_are_told_in_one_event(posted) -> None:
    troubles = Troubles(posted.post)
    troubles.say("lamp", "The lamp is off.")
    troubles.say("talk", "The button is off.")
    assert posted.empty()
    troubles.begin()
    assert posted.next() == PartChanged("panel", PartState.FAILED, "The lamp is off. The button is off.")


def test_a_trouble_is_told_when_it_comes_when_it_changes_and_when_it_goes(posted) -> None:
    troubles = Troubles(posted.post)
    troubles.begin()
    for sentence in ("Off.", "Off.", "Stuck.", "", ""):
        troubles.say("talk", sentence)
    states = [(event.state, event.reason) for event in posted.take(4)]
    running, failed = PartState.RUNNING, PartState.FAILED
    assert states == [(running, ""), (failed, "Off."), (failed, "Stuck."), (running, "")]
    assert posted.empty() and troubles.sentences() == []
