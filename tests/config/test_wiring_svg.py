"""The picture: well-formed, everything in it, nothing on top of anything."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kioskd.config.board import HEADER
from kioskd.config.loader import load
from kioskd.config.sections import Action, Button, Config, Lamp, Panel, RelayAction, Tool
from kioskd.config.wiring import Part, parts
from kioskd.config.wiring_svg import WRAP, drawing, wrapped

SVG = "{http://www.w3.org/2000/svg}"


def tools(*pins: str) -> tuple[Tool, ...]:
    return tuple(
        Tool(name=f"tool_{number}", description="", class_="actuate", action=Action(relay=RelayAction(pin=pin)))
        for number, pin in enumerate(pins)
    )


def picture(found: list[Part]) -> ET.Element:
    return ET.fromstring(drawing(found, "lobby <1> & 2"))


def texts(root: ET.Element) -> list[str]:
    return [element.text or "" for element in root.iter(f"{SVG}text")]


def boxes(root: ET.Element) -> list[tuple[float, float, float]]:
    """Left edge, top and bottom of each part's box."""
    frames = [one for one in root.iter(f"{SVG}rect") if one.get("fill") == "#f7f7f7"]
    return [
        (float(one.attrib["x"]), top := float(one.attrib["y"]), top + float(one.attrib["height"])) for one in frames
    ]


def test_the_header_is_drawn_whole_and_titles_are_escaped() -> None:
    root = picture([])
    shown = texts(root)
    assert shown[0] == "lobby <1> & 2"
    assert all(str(place) in shown and name in shown for place, name in HEADER.items())


def test_each_part_has_a_box_and_each_connection_a_wire() -> None:
    lamp = Lamp(red="GPIO5", green="GPIO6", blue="GPIO13")
    found = parts(Config(panel=Panel(talk=Button(pin="GPIO17"), lamp=lamp), tools=tools("GPIO27", "pcf8574:3")))
    root = picture(found)
    assert len(boxes(root)) == 6
    assert len(list(root.iter(f"{SVG}polyline"))) == sum(1 for part in found for wire in part.wires if wire.position)
    assert {"talk button", "lamp, red", "tool_0", "tool_1"} <= set(texts(root))
    assert any(text.startswith("! nobody here knows") for text in texts(root))


@given(st.lists(st.sampled_from([f"GPIO{number}" for number in range(28)] + ["x:1"]), max_size=24))
@settings(max_examples=40, deadline=None)
def test_no_box_lies_on_another_or_outside(pins: list[str]) -> None:
    root = picture(parts(Config(tools=tools(*pins))))
    height = float(root.attrib["height"])
    for side in {left for left, _, _ in boxes(root)}:
        stack = sorted((top, bottom) for left, top, bottom in boxes(root) if left == side)
        assert all(lower[0] > upper[1] for upper, lower in zip(stack, stack[1:]))
        assert stack[-1][1] < height


@pytest.mark.parametrize("text", ["", "short", "word " * 30, "x" * 100])
def test_rows_fit_and_keep_every_word(text: str) -> None:
    rows = wrapped(text)
    assert " ".join(rows).split() == text.split()
    assert all(len(row) <= max(WRAP, len(max(row.split(), key=len, default=""))) for row in rows)


def test_the_picture_in_the_docs_is_that_of_the_reference_configuration() -> None:
    """Made by ``kioskd wiring config/kioskd.yaml -o docs/wiring.svg``."""
    loaded = load("config/kioskd.yaml")
    assert loaded.config is not None
    current = drawing(parts(loaded.config), f"{loaded.config.kiosk.name}: its wiring")
    assert Path("docs/wiring.svg").read_text() == current
