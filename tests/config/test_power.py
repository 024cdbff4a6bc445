"""The section about the supply."""

from __future__ import annotations

from typing import Callable

from kioskd.config.loader import Loaded
from kioskd.config.power import Power

Judge = Callable[..., Loaded]


def test_without_a_line_nothing_ever_switches_off() -> None:
    assert Power().pin is None


def test_a_line_is_taken_as_any_other(with_: Judge) -> None:
    found = with_("+", "power: {pin: GPIO23, active: low, command: none}\n")
    assert found.problems == () and found.config is not None and found.config.power.command == "none"


def test_off_is_a_word_and_no_boolean(with_: Judge) -> None:
    found = with_("+", "power: {pin: GPIO23, command: off}\n")
    assert found.config is not None and found.config.power.command == "off"


def test_one_line_serves_one_thing(with_: Judge) -> None:
    problem, *_ = with_("+", "power: {pin: GPIO17}\n").problems
    assert "each line serves one thing" in problem.sentence


def test_a_line_that_is_none_is_refused(with_: Judge) -> None:
    problem, *_ = with_("+", "power: {pin: GPIO99}\n").problems
    assert "not on the header" in problem.sentence
