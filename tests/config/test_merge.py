"""What of a new configuration runs now, and what waits: never half of a tool."""

from __future__ import annotations

import itertools

import pytest

from kioskd.config.keys import RESTART
from kioskd.config.loader import parse
from kioskd.config.merge import merged
from kioskd.config.sections import Config
from kioskd.config.show import changes

DOOR = (
    "{name: %s, description: d, class: access, action: {relay: {pin: %s}}, policy: {allow: true, confirm_s: %s, "
    "interlocks: [%s]}}"
)
CONTACT = "{pin: %s, must_be: %s, name: x}"


def door(name: str = "door", pin: str = "GPIO27", confirm_s: int = 15, contact: str = "") -> str:
    return DOOR % (name, pin, confirm_s, contact)


def config(tools: str, more: str = "") -> Config:
    text = f"talk: {{mode: voice}}\npanel: {{talk: {{pin: GPIO17}}}}\ntools: [{tools}]\n{more}"
    loaded = parse(text, "x")
    assert loaded.config is not None, loaded.problems
    return loaded.config


EVERY = [
    config(door()),
    config(door(confirm_s=20)),
    config(door(pin="GPIO22", confirm_s=20)),
    config(door() + ", " + door("gate", "GPIO22")),
    config(door("gate", "GPIO22") + ", " + door()),
    config(""),
    config(door(contact=CONTACT % ("GPIO5", "active"))),
    config(door(contact=CONTACT % ("GPIO5", "inactive"))),
    config(door(contact=CONTACT % ("GPIO6", "inactive"))),
    config(door(), "audio: {volume: 0.5, input: pulse}"),
    config(door(), "service: [{dialect: local}, {dialect: hydra, key: {env: A_KEY}}]"),
    config(door(), "budget: {day: {turns: 9}}\nkiosk: {name: x, settle_s: 3}"),
]


@pytest.mark.parametrize(("old", "new"), list(itertools.permutations(EVERY, 2)))
def test_what_runs_differs_only_in_what_waits_for_a_restart(old: Config, new: Config) -> None:
    now = merged(old, new)
    assert all(one.applies == RESTART for one in changes(now, new))
    assert all(one.applies != RESTART for one in changes(old, now))
    assert merged(now, new) == now


def test_live_keys_come_and_restart_keys_stay() -> None:
    now = merged(EVERY[0], EVERY[9])
    assert now.audio.volume == 0.5 and now.audio.input == EVERY[0].audio.input


def test_another_pin_keeps_the_whole_tool_as_it_was() -> None:
    now = merged(EVERY[0], EVERY[2])
    assert now.tools == EVERY[0].tools
    assert [one.applies for one in changes(EVERY[0], EVERY[2])] == [RESTART, RESTART]


def test_another_way_for_a_contact_comes_at_once_and_another_contact_does_not() -> None:
    assert merged(EVERY[6], EVERY[7]).tools == EVERY[7].tools
    assert merged(EVERY[6], EVERY[8]).tools == EVERY[6].tools


def test_a_tool_that_goes_is_gone_at_once_and_one_that_comes_waits() -> None:
    assert merged(EVERY[3], EVERY[0]).tools == EVERY[0].tools
    assert [tool.name for tool in merged(EVERY[0], EVERY[3]).tools] == ["door"]


def test_services_come_and_go_with_the_next_session() -> None:
    assert merged(EVERY[0], EVERY[10]).service == EVERY[10].service
    assert merged(EVERY[10], EVERY[0]).service == EVERY[0].service
