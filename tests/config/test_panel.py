"""The panel's sections: which gesture of which button does what."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import yaml

from kioskd.config.loader import parse
from kioskd.config.panel import DEEDS, GESTURES, Button, Gestures, Panel, PushButton, Volume, deeds_of

CALL = {
    "name": "call_staff",
    "description": "Call a person.",
    "phrases": ["call somebody"],
    "class": "notify",
    "action": {"staff": {"url": "https://staff.example.org/"}},
    "parameters": {"type": "object", "properties": {"reason": {"type": "string"}}},
    "policy": {"allow": True},
}


def test_a_panel_gives_no_deed_to_any_gesture_unless_it_is_told_to() -> None:
    assert deeds_of(Panel()) == {}
    assert deeds_of(Panel(talk=Button(pin="GPIO17"), buttons=(PushButton(name="bell", pin="GPIO5"),))) == {}


def test_each_gesture_of_each_button_may_have_one() -> None:
    talk = Button(pin="GPIO17", double="end", long="mute")
    bell = PushButton(name="bell", pin="GPIO5", press="help", hold="softer")
    assert deeds_of(Panel(talk=talk, buttons=(bell,))) == {
        ("talk", "double"): "end",
        ("talk", "long"): "mute",
        ("bell", "press"): "help",
        ("bell", "hold"): "softer",
    }


def test_every_gesture_is_a_key_of_a_button_and_knows_every_deed() -> None:
    for section, gestures in ((Button, GESTURES[1:]), (PushButton, GESTURES)):
        fields = {field.name: field for field in dataclasses.fields(section)}
        assert {name for name, field in fields.items() if field.metadata["choices"] == DEEDS} == set(gestures)


def test_the_page_for_owners_names_every_gesture_and_every_deed() -> None:
    page = (Path(__file__).parents[2] / "docs" / "panel.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    named = {word for row in rows for word in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert named == {*GESTURES, *DEEDS} - {"none"}


def test_the_numbers_on_the_page_for_owners_are_the_defaults() -> None:
    page = " ".join((Path(__file__).parents[2] / "docs" / "panel.md").read_text().split())
    stated = {f"gestures.{name}": value for name, value in dataclasses.asdict(Gestures()).items()}
    stated |= {"glitch_ms": Button(pin="GPIO17").glitch_ms, "debounce_ms": Button(pin="GPIO17").debounce_ms}
    stated["volume.step_db"] = round(Volume().step_db)
    assert [name for name, value in stated.items() if f"`{name}` ({value})" not in page] == []


def test_the_examples_on_the_page_for_owners_check_clean() -> None:
    page = (Path(__file__).parents[2] / "docs" / "panel.md").read_text()
    examples = [yaml.safe_load(text)["panel"] for text in re.findall(r"```yaml\n(.*?)```", page, re.S)]
    assert len(examples) == 3
    for example in examples:
        tree = {"talk": {"mode": "tap_to_talk"}, "panel": {"talk": {"pin": "GPIO17"}, **example}, "tools": [CALL]}
        loaded = parse(yaml.safe_dump(tree), "page")
        about = [str(one) for one in (*loaded.problems, *loaded.warnings) if "panel" in one.key]
        assert about == []
