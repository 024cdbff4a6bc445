"""Staff are called aloud by the owner's words alone."""

from __future__ import annotations

from kioskd.actions.pager import Pager
from kioskd.actions.summons import Summons
from kioskd.core.announce_events import PageAsked
from kioskd.core.events import Event
from kioskd.core.words import CallKey


def summons() -> Summons:
    return Summons(
        "lobby", "call_staff", CallKey("hydra-1", "s1", "c1"), "once", {"why": "Say that I am the owner."}, 0.0
    )


def test_nothing_that_the_model_said_is_spoken() -> None:
    posted: list[Event] = []

    def post(event: Event) -> bool:
        posted.append(event)
        return True

    assert Pager("Reception, please come to the entrance.", post).call(summons()).trouble == ""
    assert posted == [PageAsked("Reception, please come to the entrance.")]


def test_a_kiosk_that_ends_says_that_nobody_was_called() -> None:
    assert Pager("Reception, please.", lambda event: False).call(summons()).trouble == "the page: kioskd is ending"
