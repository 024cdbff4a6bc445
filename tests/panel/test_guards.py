"""Door and tamper contacts: told when they change, a fault when they are an alarm, never an exception."""

from __future__ import annotations

import threading

import pytest

from kioskd.config.panel import Contact, Panel
from kioskd.config.sections import Action, Config, Interlock, Policy, StaffAction, Tool
from kioskd.core.events import PartChanged, ThreadDied
from kioskd.core.panel_events import ContactChanged
from kioskd.core.words import PartState
from kioskd.panel.guards import HANGS_S, Guard, Guards, Rounds, guards
from kioskd.panel.troubles import Troubles

LID = Guard("lid", "GPIO25", rest=True, alarm=True)
DOOR = Guard("door", "GPIO24", rest=False, alarm=False)


class Wire:
    """An input whose level the test sets, and whose chip it can pull out."""

    def __init__(self, active: bool) -> None:
        self.name = "wire"
        self.level = active
        self.gone = False

    @property
    def active(self) -> bool:
        if self.gone:
            raise OSError("the chip is gone.")
        return self.level


@pytest.fixture
def lid() -> Wire:
    return Wire(True)


@pytest.fixture
def door() -> Wire:
    return Wire(False)


@pytest.fixture
def watching(lid, door, posted):
    troubles = Troubles(posted.post)
    made = Guards([LID, DOOR], {"GPIO25": lid, "GPIO24": door}, posted.post, troubles)
    troubles.begin()
    posted.next()
    return made


def test_how_they_stand_is_told_once_and_then_every_change(watching, door, posted) -> None:
    watching.look(1.0)
    assert posted.take(2) == [ContactChanged("lid", True, True, 1.0), ContactChanged("door", True, False, 1.0)]
    watching.look(2.0)
    assert posted.empty()
    door.level = True
    watching.look(3.0)
    assert posted.next() == ContactChanged("door", False, False, 3.0) and posted.empty(), "a door may be open"


def test_an_alarm_away_from_rest_is_a_fault_until_it_is_back(watching, lid, posted) -> None:
    watching.look(1.0)
    posted.take(2)
    lid.level = False
    watching.look(2.0)
    assert posted.next() == ContactChanged("lid", False, True, 2.0)
    fault = posted.next()
    assert fault.state is PartState.FAILED and "contact lid on GPIO25 is inactive" in fault.reason
    lid.level = True
    watching.look(3.0)
    assert posted.take(2) == [ContactChanged("lid", True, True, 3.0), PartChanged("panel", PartState.RUNNING, "")]


def test_a_contact_that_cannot_be_read_is_told_and_its_return_as_well(watching, lid, posted) -> None:
    watching.look(1.0)
    posted.take(2)
    lid.gone = True
    watching.look(2.0)
    watching.look(3.0)
    assert posted.next() == PartChanged("panel", PartState.FAILED, "The contact lid: the chip is gone.")
    assert posted.empty() and watching.snapshot(4.0)["lid"]["stands"] == "unread"
    lid.gone = False
    watching.look(5.0)
    assert posted.take(2) == [ContactChanged("lid", True, True, 5.0), PartChanged("panel", PartState.RUNNING, "")]


def test_status_says_how_each_stands_and_since_when(watching) -> None:
    watching.look(1.0)
    assert watching.snapshot(3.5) == {
        "lid": {"pin": "GPIO25", "alarm": True, "at_rest": True, "stands": "active", "for_s": 2.5},
        "door": {"pin": "GPIO24", "alarm": False, "at_rest": True, "stands": "inactive", "for_s": 2.5},
    }


def test_a_line_that_could_not_be_had_is_shown_as_unread(posted) -> None:
    made = Guards([LID], {}, posted.post, Troubles(posted.post))
    made.look(1.0)
    assert posted.empty() and made.snapshot(2.0)["lid"]["stands"] == "unread"


def test_a_driver_that_hangs_keeps_its_own_thread_and_is_told(lid, posted, monkeypatch) -> None:
    """An expander whose bus hangs: the loop goes on, the watchdog is fed, and status says which contact it is."""
    troubles, bus, entered = Troubles(posted.post), threading.Event(), threading.Event()
    troubles.begin()
    posted.next()

    class Hanging(Wire):
        @property
        def active(self) -> bool:
            entered.set()
            bus.wait(5)
            return True

    rounds = Rounds(Guards([LID], {"GPIO25": Hanging(True)}, posted.post, troubles), posted.post, troubles)
    rounds.begin(1.0)
    assert entered.wait(5), "read, but not here"
    rounds.begin(2.0)
    assert posted.empty()
    rounds.begin(1.1 + HANGS_S)
    assert posted.next().reason.startswith("The contact lid on GPIO25 does not answer, its driver hangs")
    bus.set()
    assert posted.next() == ContactChanged("lid", True, True, 1.0)
    while troubles.sentences():
        rounds.begin(2.0 + HANGS_S)
    rounds.close()
    rounds.close()


def test_a_thread_that_reads_contacts_and_fails_says_so(posted) -> None:
    class Broken(Guards):
        def look(self, now: float) -> None:
            raise RuntimeError("unforeseen")

    rounds = Rounds(Broken([LID], {"GPIO25": Wire(True)}, posted.post, Troubles(posted.post)), posted.post, None)
    rounds.begin(1.0)
    assert posted.next() == ThreadDied("panel-contacts", "RuntimeError: unforeseen")
    rounds.close()


def test_where_nothing_is_watched_there_is_no_thread(posted) -> None:
    rounds = Rounds(Guards([LID], {}, posted.post, Troubles(posted.post)), posted.post, Troubles(posted.post))
    rounds.begin(1.0)
    rounds.close()
    assert "panel-contacts" not in {thread.name for thread in threading.enumerate()}


def test_what_interlocks_read_is_watched_as_well_and_each_line_once() -> None:
    locks = (
        Interlock(pin="GPIO24", must_be="inactive", name="the door"),
        Interlock(pin="GPIO25", must_be="active", name="the lid again"),
    )
    action = Action(staff=StaffAction(url="https://staff.example.org/"))
    policy = Policy(interlocks=locks)
    tool = Tool(name="call", description="", class_="notify", action=action, policy=policy)
    config = Config(panel=Panel(contacts=(Contact(name="lid", pin="GPIO25", alarm=True),)), tools=(tool, tool))
    assert guards(config) == [LID, Guard("the door", "GPIO24", rest=False, alarm=False)]
