"""The header, and which relays it would energise before anybody asks."""

from __future__ import annotations

import re
from typing import Callable

import pytest

from kioskd.config.board import GROUND, HEADER, POSITIONS, SUPPLY_3V3, SUPPLY_5V, boot_pull, energised_at_boot
from kioskd.config.loader import Loaded
from kioskd.config.sections import RelayAction

Judge = Callable[..., Loaded]


def door(with_: Judge, pin: str, rest: str = "", panel: str = "") -> Loaded:
    return with_("pin: GPIO27", f"pin: '{pin}'{rest}", "panel:\n", f"panel:\n{panel}")


LOW, HELD = "\n        active: low", "\n        held_outside: true"


def test_the_header_has_forty_places_and_each_line_once() -> None:
    assert sorted(HEADER) == list(range(1, 41))
    names = list(HEADER.values())
    assert [names.count(name) for name in (SUPPLY_3V3, SUPPLY_5V, GROUND)] == [2, 2, 8]
    assert sorted(POSITIONS, key=lambda name: int(name[4:])) == [f"GPIO{number}" for number in range(28)]


def test_the_header_is_the_one_that_gpiozero_prints() -> None:
    from gpiozero import pi_info

    headers = pi_info("a02082").headers  # a Pi 3B; the header has been the same since the B+
    theirs = {place: pin.name for place, pin in headers["J8"].pins.items()}
    names = {"3V3": SUPPLY_3V3, "5V": SUPPLY_5V, "GND": GROUND}
    assert HEADER == {place: names.get(name, name) for place, name in theirs.items()}


@pytest.mark.parametrize(("pin", "word"), [("GPIO0", "high"), ("GPIO8", "high"), ("GPIO9", "low"), ("GPIO27", "low")])
def test_a_line_has_the_pull_of_its_chip_at_power_on(pin: str, word: str) -> None:
    pull = boot_pull(pin)
    assert pull is not None and pull.word == word


@pytest.mark.parametrize("pin", ["pcf8574:3", "GPIO99"])
def test_of_other_lines_nobody_knows(pin: str) -> None:
    assert boot_pull(pin) is None
    assert not energised_at_boot(RelayAction(pin=pin))


@pytest.mark.parametrize(
    ("pin", "rest", "advice"),
    [
        ("GPIO2", "", "GPIO9 to GPIO27"),
        ("pinctrl-rp1:8", "", "GPIO9 to GPIO27"),
        ("GPIO27", LOW, "GPIO4 to GPIO8"),
    ],
)
def test_a_relay_that_the_board_would_energise_is_refused(with_: Judge, pin: str, rest: str, advice: str) -> None:
    (problem,) = door(with_, pin, rest).problems
    assert problem.key == "tools[0].action.relay.pin"
    assert re.search(rf"energises the relay: take one of {advice}, or put 10 kΩ", problem.sentence)


@pytest.mark.parametrize(
    ("pin", "rest"),
    [("GPIO27", ""), ("GPIO6", LOW), ("GPIO2", HELD), ("pcf8574:3", LOW)],
)
def test_a_relay_that_rests_at_boot_is_taken(with_: Judge, pin: str, rest: str) -> None:
    assert door(with_, pin, rest).problems == ()


def test_simulated_lines_have_no_boot(with_: Judge) -> None:
    assert door(with_, "GPIO2", panel="  pins: simulated\n").problems == ()


def test_the_console_on_a_line_is_a_warning(with_: Judge) -> None:
    loaded = with_("pin: GPIO17", "pin: GPIO15")
    assert loaded.problems == () and "serial console" in loaded.warnings[0].sentence
