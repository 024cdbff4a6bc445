"""What kioskd must not be relied on for is said where somebody seems to."""

from __future__ import annotations

from typing import Callable

import pytest

from kioskd.config.loader import Loaded

Judge = Callable[..., Loaded]


def warnings(loaded: Loaded) -> list[str]:
    return [one.sentence for one in loaded.warnings if "emergencies" in one.sentence]


def test_a_kiosk_in_a_lift_is_nobodys_business(with_: Judge) -> None:
    assert warnings(with_("Lobby", "Lift 3")) == []


def test_an_emergency_call_in_a_lift_is_warned_of(with_: Judge) -> None:
    (sentence,) = warnings(with_("Lobby", "Lift 3", "Unlock the door.", "Call help in an emergency."))
    assert "must not use kioskd as its emergency call" in sentence


@pytest.mark.parametrize("text", ["Call for help when somebody is trapped.", "Notruf ausloesen.", "Dial 911."])
def test_an_emergency_anywhere_is_warned_of(with_: Judge, text: str) -> None:
    (sentence,) = warnings(with_("Unlock the door.", text))
    assert "certified emergency call" in sentence and "lift" not in sentence


def test_words_that_only_look_like_it_are_not(with_: Judge) -> None:
    assert warnings(with_("Unlock the door.", "You stand at 112 Harbour Street; open door 9112.")) == []
