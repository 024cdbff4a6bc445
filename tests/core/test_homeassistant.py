"""The state for a fleet's eyes, and how Home Assistant is told of it: pure, and never a way in."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kioskd.core.homeassistant import (
    ENTITIES,
    LONGEST_STATE,
    Names,
    discovery,
    forgotten,
    news,
    said,
    slug,
    state,
)

NAMES = Names("kioskd", "kioskd-4711", "Front door", "1.0")
PAGE: dict[str, Any] = {
    "version": "1.0",
    "kiosk": "Front door",
    "uptime_s": 12.5,
    "phase": "listening",
    "muted": False,
    "health": {"ok": False, "reasons": ["the microphone is absent", "x" * 400]},
    "link": {"state": "ready", "endpoint": "hydra-1"},
    "audio": {"capture": {"state": "absent", "level_dbfs": -40.0}, "playback": {"state": "asleep"}},
    "panel": {"lamp": "fault"},
    "power": {"going": False, "supply": {"weak": True}},
    "usage": {"turns": 7, "session_s": 61.5, "budget": {"state": "ok"}},
    "session": {"id": "secret-session", "calls": [{"tool": "unlock_door"}]},
}


def test_every_entity_shows_a_field_of_the_state() -> None:
    assert {entity.field for entity in ENTITIES} <= set(state(PAGE))
    assert len({entity.field for entity in ENTITIES}) == len(ENTITIES)


def test_the_state_has_what_a_fleet_looks_at_and_no_more() -> None:
    shown = state(PAGE)
    assert shown["healthy"] is False and shown["service"] == "hydra-1" and shown["supply_weak"] is True
    assert shown["turns"] == 7 and shown["power_going"] is False
    assert len(str(shown["reasons"])) == LONGEST_STATE and str(shown["reasons"]).startswith("the microphone")
    assert "secret-session" not in repr(shown) and "unlock_door" not in repr(shown)


def test_a_page_of_another_version_is_told_as_far_as_it_goes() -> None:
    for wreck in ({}, {"health": 3, "link": None, "usage": "x"}, {"power": {"supply": []}}):
        shown = state(wreck)
        assert shown["healthy"] is False and set(shown) == set(state(PAGE))


def test_the_discovery_makes_a_device_that_can_be_looked_at_and_not_touched() -> None:
    messages = list(discovery(NAMES, "homeassistant"))
    assert len(messages) == len(ENTITIES)
    ids = set()
    for message in messages:
        assert re.fullmatch(r"homeassistant/(binary_)?sensor/kioskd-4711/[a-z_]+/config", message.topic)
        config = json.loads(message.payload)
        ids.add(config["unique_id"])
        assert config["state_topic"] == NAMES.state and config["availability_topic"] == NAMES.availability
        assert config["device"]["identifiers"] == ["kioskd-4711"] and config["device"]["name"] == "Front door"
        assert not [key for key in config if "command" in key or "set" in key]
    assert len(ids) == len(messages)
    assert {one.topic: one.payload for one in forgotten(NAMES, "homeassistant")} == {one.topic: b"" for one in messages}


def test_only_what_somebody_waits_for_is_news() -> None:
    shown = state(PAGE)
    assert news(None, shown) and not news(shown, {**shown, "uptime_s": 99.0})
    assert news(shown, {**shown, "phase": "idle"})


def test_a_trouble_that_lasts_is_no_news_each_second() -> None:
    """The health object says of each trouble for how long; an open session counts its seconds."""
    before, now = (
        state({"health": {"ok": False, "reasons": [f"the service is absent (for {s} s)"]}, "usage": {"session_s": s}})
        for s in (9, 10)
    )
    assert before["reasons"] != now["reasons"] and not news(before, now)
    assert news(before, state({"health": {"ok": False, "reasons": ["the microphone is absent (for 9 s)"]}}))


def test_a_secret_at_the_place_where_a_long_text_is_cut_is_taken_out_whole() -> None:
    page = {"health": {"ok": False, "reasons": ["x" * (LONGEST_STATE - 10) + "sk_canary_0123456789"]}}
    shown = state(page, lambda text: text.replace("sk_canary_0123456789", "***"))
    assert "sk_" not in str(shown["reasons"])


def test_the_state_is_one_message_of_json() -> None:
    message = said(NAMES, state(PAGE))
    assert message.topic == "kioskd/kioskd-4711/state" and json.loads(message.payload)["phase"] == "listening"
    assert NAMES.gone.topic == NAMES.here.topic == "kioskd/kioskd-4711/availability"


@settings(max_examples=50, deadline=None)
@given(st.text())
def test_no_name_of_a_kiosk_makes_a_topic_that_means_something_else(name: str) -> None:
    assert re.fullmatch("[A-Za-z0-9_-]+", slug(name))
    for message in discovery(Names("kioskd", name, name, "1"), "homeassistant"):
        assert not set("#+\0 ") & set(message.topic) and message.topic.count("/") == 4
        json.loads(message.payload)


@pytest.mark.parametrize(("healthy", "shown"), [(True, "OFF"), (False, "ON")])
def test_a_problem_is_shown_when_the_kiosk_is_not_well(healthy: bool, shown: str) -> None:
    """Home Assistant's templates are Jinja's; these use one conditional, which reads as Python's."""
    (config,) = (json.loads(one.payload) for one in discovery(NAMES, "ha") if "/healthy/" in one.topic)
    expression = config["value_template"].removeprefix("{{ ").removesuffix(" }}")
    found = re.fullmatch(r"'(ON|OFF)' if value_json\.healthy else '(ON|OFF)'", expression)
    assert found is not None and found[1 if healthy else 2] == shown
