"""Lines for tools: what can be had is had, what cannot is a sentence."""

from __future__ import annotations

import dataclasses
import json
import queue
import time
from pathlib import Path
from typing import Callable

from kioskd.config.sections import Action, Config, Interlock, Ops, Panel, Policy, RelayAction, SensorAction, Tool
from kioskd.core.events import ActionEnded, Event
from kioskd.core.house_events import InterlocksRead
from kioskd.core.words import CallKey
from kioskd.fittings import FACTS, fit, open_hands
from kioskd.lines.released import keep


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


def test_a_relay_is_never_on_for_longer_than_its_pulse_whatever_hangs(tmp_path: Path) -> None:
    door = dataclasses.replace(
        relay("door", "GPIO27"), action=Action(relay=RelayAction(pin="GPIO27", pulse_ms=20, min_gap_s=0.1))
    )
    fitted = fit(config(tmp_path, door))
    assert fitted.lines is not None
    try:
        fitted.relays["door"].on()  # and nobody switches it off
        until = time.monotonic() + 10
        while fitted.relays["door"].is_on and time.monotonic() < until:
            time.sleep(0.01)
        assert not fitted.relays["door"].is_on and fitted.lines.snapshot()["fuses_blown"] == 1
    finally:
        fitted.lines.close()


def test_what_is_known_of_released_lines_is_shown(tmp_path: Path) -> None:
    keep(str(tmp_path), {"chip": "pinctrl-rp1", "verdict": "input"})
    fitted = fit(dataclasses.replace(config(tmp_path), ops=Ops(runtime_dir=str(tmp_path), state_dir=str(tmp_path))))
    assert fitted.lines is not None
    assert fitted.lines.snapshot()["released"] == {"pinctrl-rp1": {"chip": "pinctrl-rp1", "verdict": "input"}}
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


def test_a_runtime_folder_that_is_not_there_is_a_sentence_about_each_relay_that_is_refused(tmp_path: Path) -> None:
    """Killed in a pulse, nobody would release them: nothing moves without its net. The bell that calls people rings."""
    door, gate = (dataclasses.replace(relay(name, pin), class_=kind) for name, pin, kind in RELAYS[:2])
    bell = dataclasses.replace(relay(*RELAYS[2][:2]), class_="notify")
    fitted = fit(config(tmp_path, door, gate, bell, runtime=str(tmp_path / "none")))
    assert fitted.lines is not None
    try:
        assert set(fitted.relays) == {"bell"} and set(fitted.withheld) == {"door", "gate"}
        assert fitted.problems == [*fitted.withheld.values()]
        for name, sentence in fitted.withheld.items():
            assert sentence.startswith(f"{name} is refused: ") and "lines.json cannot be written (No such" in sentence
        assert fitted.lines.snapshot()["lines"]["GPIO27"]["value"] == 0, "it is held at rest all the same"
    finally:
        fitted.lines.close()


RELAYS = (("door", "GPIO27", "access"), ("gate", "GPIO26", "actuate"), ("bell", "GPIO25", "notify"))


def test_facts_that_cannot_be_put_in_their_place_are_the_same(tmp_path: Path) -> None:
    (tmp_path / FACTS).mkdir()
    (tmp_path / FACTS / "in the way").touch()
    door = dataclasses.replace(relay("door", "GPIO27"), class_="access")
    fitted = fit(config(tmp_path, door))
    assert fitted.lines is not None and fitted.relays == {} and "lines.json" in fitted.withheld["door"]
    fitted.lines.close()


def test_contacts_are_opened_once_and_shared_with_a_sensor(tmp_path: Path) -> None:
    shut = Interlock(pin="GPIO6", must_be="active", name="the door contact")
    fire = Interlock(pin="GPIO7", must_be="inactive", name="the fire alarm")
    guarded = [
        dataclasses.replace(relay(name, pin), policy=Policy(interlocks=(shut, fire)))
        for name, pin in (("door", "GPIO27"), ("gate", "GPIO26"))
    ]
    sensor = Tool(name="is_shut", description="", class_="read", action=Action(sensor=SensorAction(pin="GPIO6")))
    fitted = fit(config(tmp_path, *guarded, sensor))
    assert fitted.lines is not None and fitted.problems == []
    try:
        assert set(fitted.contacts) == {"GPIO6", "GPIO7"} and fitted.contacts["GPIO6"] is fitted.inputs["is_shut"]
        assert not fitted.contacts["GPIO7"].active
        fitted.lines.press("GPIO7")
    finally:
        fitted.lines.close()


def test_a_contact_that_cannot_be_had_is_a_sentence_about_what_is_refused(tmp_path: Path) -> None:
    fire = Interlock(pin="GPIO27", must_be="inactive", name="the fire alarm")
    fitted = fit(config(tmp_path, dataclasses.replace(relay("door", "GPIO27"), policy=Policy(interlocks=(fire,)))))
    assert fitted.lines is not None
    try:
        assert fitted.contacts == {} and "door is refused: the fire alarm cannot be read" in fitted.problems[0]
    finally:
        fitted.lines.close()


def test_the_hands_begin_the_trail_with_version_and_configuration(tmp_path: Path) -> None:
    closes: list[Callable[[], object]] = []
    wanted = config(tmp_path, relay("door", "GPIO27"))
    wanted = dataclasses.replace(wanted, ops=Ops(state_dir=str(tmp_path), runtime_dir=str(tmp_path)))
    fitted = fit(wanted)
    ledger, actions, _ = open_hands(wanted, fitted, lambda event: True, lambda name, close: closes.append(close), 10.0)
    assert fitted.lines is not None and "door" in str(actions.snapshot()["relays"])
    for close in reversed(closes):
        assert close()
    fitted.lines.close()
    first = json.loads(next((tmp_path / "audit").glob("*.jsonl")).read_text().splitlines()[0])
    assert first["what"] == "start" and len(first["data"]["config_sha256"]) == 64
    told = ledger.snapshot()["audit"]
    assert isinstance(told, dict) and told["lines"] == 1


def test_a_simulated_contact_forbids_what_the_hands_are_asked_for(tmp_path: Path) -> None:
    fire = Interlock(pin="GPIO7", must_be="inactive", name="the fire alarm")
    wanted = config(tmp_path, dataclasses.replace(relay("door", "GPIO27"), policy=Policy(interlocks=(fire,))))
    wanted = dataclasses.replace(wanted, ops=Ops(state_dir=str(tmp_path), runtime_dir=str(tmp_path)))
    fitted = fit(wanted)
    assert fitted.lines is not None
    answers: queue.SimpleQueue[Event] = queue.SimpleQueue()
    closes: list[Callable[[], object]] = []

    def post(event: Event) -> bool:
        if isinstance(event, (InterlocksRead, ActionEnded)):
            answers.put(event)
        return True

    _, actions, _ = open_hands(wanted, fitted, post, lambda name, close: closes.append(close), 10.0)
    key = CallKey("e", "s", "c1")
    actions.look(key, "door")
    assert answers.get(timeout=20) == InterlocksRead(key, "", "")
    fitted.lines.press("GPIO7")
    while not fitted.contacts["GPIO7"].active:
        time.sleep(0.001)
    actions.look(key, "door")
    assert "the fire alarm (GPIO7) is active" in getattr(answers.get(timeout=20), "problem")
    actions.run(key, "door", {})
    ended = answers.get(timeout=20)
    assert isinstance(ended, ActionEnded) and not ended.ok and "fire alarm" in ended.reason
    assert not fitted.relays["door"].is_on
    for close in reversed(closes):
        assert close()
    fitted.lines.close()
