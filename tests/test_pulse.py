"""The heartbeat: proof feeds the watchdog, and the lamp is never left lying."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Awaitable, Callable

import pytest

from kioskd.app import House, Source
from kioskd.config.sections import Audio, Config, Endpoint, Lamp, Ops, Panel, Talk
from kioskd.core.events import MuteAsked, PartChanged
from kioskd.core.words import PartState
from kioskd.pulse import Pulse


def config(tmp_path: Path) -> Config:
    return Config(
        service=(Endpoint(dialect="local", url="ws://127.0.0.1:9/waves/v1/s2s"),),
        talk=Talk(mode="voice"),
        audio=Audio(input="null", output="null"),
        panel=Panel(pins="simulated", lamp=Lamp(single="GPIO22")),
        ops=Ops(state_dir=str(tmp_path), runtime_dir=str(tmp_path)),
    )


def in_house(tmp_path: Path, play: Callable[[House], Awaitable[Any]]) -> Any:
    """Open a whole house on simulated hardware, play in it, close it."""

    async def main() -> Any:
        house = House(config(tmp_path), Source("kiosk.yaml", ()), asyncio.get_running_loop().time(), set())
        try:
            await house.open()
            return await asyncio.wait_for(play(house), 20)
        finally:
            await house.close()

    return asyncio.run(main())


def parts(house: House) -> Pulse:
    return house.pulse


async def settled(house: House, part: str, state: PartState) -> None:
    """Wait until a part claims a state."""
    while parts(house).health.state(part) is not state:
        await asyncio.sleep(0.01)


def test_ready_does_not_say_that_all_is_well_while_another_configuration_runs(tmp_path: Path) -> None:
    async def main() -> str:
        source = Source("kiosk.yaml", (), running="last good", problem="line 7 is wrong")
        house = House(config(tmp_path), source, asyncio.get_running_loop().time(), set())
        told: list[str] = []
        try:
            await house.open()
            told.append(house.pulse.sentence())  # before the loop has turned, as READY was
        finally:
            await house.close()
        return told[0]

    assert "line 7 is wrong" in asyncio.run(main())


def test_a_house_that_moves_feeds_the_watchdog(tmp_path: Path) -> None:
    async def play(house: House) -> tuple[bool, int]:
        await settled(house, "capture", PartState.RUNNING)
        before = house.notifier.fed
        house.pulse.beat()
        return house.pulse.verdict().ok, house.notifier.fed - before

    assert in_house(tmp_path, play) == (True, 1)


def test_a_microphone_that_stands_still_starves_it(tmp_path: Path) -> None:
    async def play(house: House) -> tuple[str, int]:
        await settled(house, "capture", PartState.RUNNING)
        before = house.notifier.fed
        house.pulse.health.progress("capture", -5, asyncio.get_running_loop().time() - 60)
        frozen = house.capture.progress()
        setattr(house.capture, "progress", lambda: frozen)
        house.pulse.health._parts["capture"].moved_at -= 60
        house.pulse.health._parts["capture"].count = frozen.periods + frozen.ticks
        house.pulse.beat()
        return house.pulse.verdict().starving, house.notifier.fed - before

    starving, fed = in_house(tmp_path, play)
    assert "the microphone claims to be running" in starving and fed == 0


def test_the_lamp_shows_a_failed_part_and_forgets_it_when_it_heals(tmp_path: Path) -> None:
    async def play(house: House) -> list[str]:
        seen = []
        for state, reason in ((PartState.FAILED, "the button is stuck"), (PartState.RUNNING, "")):
            house.pulse.heard(PartChanged("panel", state, reason))
            assert house.pulse.light is not None
            seen.append(house.pulse.light.name)
        return seen

    assert in_house(tmp_path, play) == ["fault", "idle"]


def test_a_missing_secret_is_told_and_is_no_fault_of_the_box(tmp_path: Path) -> None:
    async def play(house: House) -> tuple[str, tuple[str, ...]]:
        house.pulse.heard(PartChanged("the secret service[0].key", PartState.ABSENT, "there is no credential k"))
        assert house.pulse.light is not None
        return house.pulse.light.name, house.pulse.verdict().reasons

    lamp, reasons = in_house(tmp_path, play)
    assert lamp == "idle" and any("service[0].key is absent: there is no credential k" in one for one in reasons)


def test_mute_reaches_the_lamp(tmp_path: Path) -> None:
    async def play(house: House) -> str:
        house.inbox.post(MuteAsked(True))
        while house.pulse.light is None or house.pulse.light.name != "muted":
            await asyncio.sleep(0.01)
        return house.pulse.sentence()

    assert in_house(tmp_path, play).startswith("muted")


WEDGED = """
import sys, threading
from kioskd import cli, pulse, sound
from kioskd.core import health

# Ten seconds for a thread that does not move, and five of grace: scaled.
scale = float(sys.argv[2])
health.DEADLINES_S["capture"] = {state: most / scale for state, most in health.DEADLINES_S["capture"].items()}
pulse.WEDGED_S /= scale

class Stuck:
    rate_hz, xruns, held = 16000, 0, 0
    def relax(self, chunks): pass
    def read(self, timeout_s):
        threading.Event().wait()  # a driver that never comes back
    def close(self): pass

sound.open_input = lambda spec: Stuck()
sys.exit(cli.main(["run", "-c", sys.argv[1]]))
"""


def wedged(tmp_path: Path, scale: int = 1) -> subprocess.Popen[str]:
    """A daemon whose microphone's read never returns."""
    tree = {
        "service": [{"dialect": "local"}],
        "talk": {"mode": "voice"},
        "audio": {"input": "null", "output": "null"},
        "panel": {"pins": "simulated"},
        "ops": {"state_dir": str(tmp_path), "runtime_dir": str(tmp_path), "timeline": str(tmp_path / "t.jsonl")},
    }
    (tmp_path / "kiosk.yaml").write_text(json.dumps(tree))  # JSON is YAML
    command = [sys.executable, "-c", WEDGED, str(tmp_path / "kiosk.yaml"), str(scale)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def test_a_wedged_thread_ends_in_a_journal_line_and_70(tmp_path: Path) -> None:
    daemon = wedged(tmp_path, scale=5)
    _, said = daemon.communicate(timeout=30)
    assert daemon.returncode == 70
    assert "<2>" in said and "the microphone claims to be" in said
    assert "ending at once" in (tmp_path / "t.jsonl").read_text()


def test_sigterm_ends_a_house_with_a_wedged_thread_too(tmp_path: Path) -> None:
    daemon = wedged(tmp_path)
    while not (tmp_path / "look.sock").exists():
        assert daemon.poll() is None
    daemon.send_signal(signal.SIGTERM)
    _, said = daemon.communicate(timeout=10)
    assert daemon.returncode == 70 and "did not end within" in said


def test_a_service_that_answers_nothing_is_told_until_it_answers(tmp_path: Path) -> None:
    async def play(house: House) -> tuple[str, list[str], list[str]]:
        await settled(house, "capture", PartState.RUNNING)
        house.machine.state.unanswered = 4
        house.pulse.beat()
        lit, told = house.pulse.light, list(house.pulse.verdict().reasons)
        house.machine.state.unanswered = 0
        house.pulse.beat()
        return lit.name if lit else "", told, list(house.pulse.verdict().reasons)

    lit, told, after = in_house(tmp_path, play)
    assert lit == "offline" and "last 4 turns without an answer" in told[0] and after == []


def test_a_timeline_that_cannot_be_written_is_told_in_status(tmp_path: Path) -> None:
    async def play(house: House) -> tuple[str, list[str]]:
        await settled(house, "capture", PartState.RUNNING)
        house.timeline.problem = "it cannot be written"
        house.pulse.beat()
        return house.pulse.light.name if house.pulse.light else "", list(house.pulse.verdict().reasons)

    lit, told = in_house(tmp_path, play)
    assert lit == "idle" and told[0].startswith("the timeline has failed: it cannot be written")


def test_who_ends_at_once_halts_the_relays_before_their_lines_are_released(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def play(house: House) -> list[str]:
        done: list[str] = []
        assert house.lines is not None
        monkeypatch.setattr(house.actions, "halt", lambda: done.append("halt"))
        monkeypatch.setattr(house.lines, "make_safe", lambda: done.append("safe"))
        monkeypatch.setattr(logging, "shutdown", lambda: None)
        monkeypatch.setattr(os, "_exit", lambda code: done.append(f"exit {code}"))
        house.pulse.abandon("a test")
        return list(done)

    assert in_house(tmp_path, play) == ["halt", "safe", "exit 70"]


def test_a_relay_whose_driver_hangs_ends_the_process_for_another_one_to_release_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def play(house: House) -> list[str]:
        ended: list[str] = []
        assert house.lines is not None
        monkeypatch.setattr(house.lines, "hanging", lambda: "the driver of GPIO27 hangs")
        monkeypatch.setattr(house.pulse, "abandon", ended.append)
        house.pulse.beat()
        return ended

    assert in_house(tmp_path, play) == ["the driver of GPIO27 hangs"]


def test_a_beat_that_goes_wrong_is_not_the_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def play(house: House) -> int:
        told: list[str] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(str(context["exception"])))
        monkeypatch.setattr(house.metering, "beat", lambda: {}["gone"])
        while not told:
            await asyncio.sleep(0.01)
        monkeypatch.undo()
        before = house.notifier.fed
        while house.notifier.fed == before:
            await asyncio.sleep(0.01)
        return len(told)

    assert in_house(tmp_path, play) == 1
