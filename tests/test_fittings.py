"""Lines for tools: what can be had is had, what cannot is a sentence."""

from __future__ import annotations

import json
from pathlib import Path

from kioskd.config.sections import Action, Config, Ops, Panel, RelayAction, SensorAction, Tool
from kioskd.fittings import FACTS, fit


def relay(name: str, pin: str, active: str = "high") -> Tool:
    action = Action(relay=RelayAction(pin=pin, active=active))
    return Tool(name=name, description="", class_="actuate", action=action)


def config(tmp_path: Path, *tools: Tool, pins: str = "simulated", runtime: str = "") -> Config:
    return Config(panel=Panel(pins=pins), tools=tools, ops=Ops(runtime_dir=runtime or str(tmp_path)))


def test_relays_rest_and_are_told_to_the_helper(tmp_path: Path) -> None:
    door, gate = relay("door", "GPIO27"), relay("gate", "GPIO26", "low")
    sensor = Tool(name="lux", description="", class_="read", action=Action(sensor=SensorAction(pin="GPIO6")))
    fitted = fit(config(tmp_path, door, gate, sensor))
    assert fitted.lines is not None and fitted.problems == []
    try:
        assert set(fitted.relays) == {"door", "gate"} and set(fitted.inputs) == {"lux"}
        assert not any(line.is_on for line in fitted.relays.values())
        assert json.loads((tmp_path / FACTS).read_text())
    finally:
        fitted.lines.close()


def test_one_bad_line_leaves_the_others(tmp_path: Path) -> None:
    fitted = fit(config(tmp_path, relay("door", "GPIO27"), relay("twin", "GPIO27")))
    assert fitted.lines is not None
    try:
        assert set(fitted.relays) == {"door"} and fitted.problems[0].startswith("twin: ")
    finally:
        fitted.lines.close()


def test_a_machine_without_lines_is_a_sentence(tmp_path: Path) -> None:
    fitted = fit(config(tmp_path, relay("door", "GPIO27"), pins="gpio"))
    assert fitted.relays == {} and "GPIO" in fitted.problems[0]
    if fitted.lines is not None:
        fitted.lines.close()


def test_a_runtime_folder_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    fitted = fit(config(tmp_path, relay("door", "GPIO27"), runtime=str(tmp_path / "none")))
    assert fitted.lines is not None and "safe-state helper" in fitted.problems[0]
    fitted.lines.close()
