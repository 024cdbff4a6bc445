"""A relay that waits for its rival, with a real daemon: what happens meanwhile is heard, and it does not move."""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any, Callable

import pytest

from torture.caller import Caller
from torture.strikes import begin
from torture.unit import DOOR, LOW_DOOR, TALK, UNIT_SETTLE_S, Unit, configuration

ALARM = 22
APART_S = 3.0
PATIENCE_S = 20.0


def waiting_tools(folder: Path) -> list[dict[str, Any]]:
    """The second relay waits for the first, and for the fire alarm not to be there."""
    ring, low_ring = configuration(folder, "", pulse_ms=100)["tools"]
    low_ring["action"]["relay"] |= {"never_with": ["ring"], "apart_ms": round(APART_S * 1000)}
    fire = {"pin": f"GPIO{ALARM}", "must_be": "active", "name": "the fire alarm", "pull": "down"}
    low_ring["policy"]["interlocks"] = [fire]
    return [ring, low_ring]


def mute(unit: Unit) -> None:
    with socket.socket(socket.AF_UNIX) as control:
        control.connect(str(unit.folder / "run" / "change.sock"))
        control.sendall(b'{"do": "mute"}\n')
        assert json.loads(control.recv(4096))["ok"]


def cancel(unit: Unit) -> None:
    """The visitor speaks over it: a press of the talk button."""
    unit.wires.drive(TALK, False)


def alarm(unit: Unit, quiet: bool) -> None:
    """How the contact of the fire alarm stands; it is read, and nobody waits for its edges."""
    (unit.wires.folder / f"level{ALARM}").write_text(str(int(quiet)))


def outcomes(state: Path) -> dict[str, tuple[str, str]]:
    with closing(sqlite3.connect(state / "ledger.db")) as db:
        rows = db.execute("SELECT tool, outcome, reason FROM calls WHERE outcome IS NOT NULL").fetchall()
    return {tool: (outcome, reason) for tool, outcome, reason in rows}


BLOWS: dict[str, tuple[Callable[[Unit], object], str, str]] = {
    "nothing": (lambda unit: None, "done", ""),
    "mute": (mute, "cancelled", "muted"),
    "fire": (lambda unit: alarm(unit, False), "failed", "the fire alarm (GPIO22) is inactive"),
    "cancel": (cancel, "cancelled", "the visitor spoke over it"),
    "sigterm": (lambda unit: unit.signal(signal.SIGTERM), "cancelled", "kioskd stops"),
}


@pytest.mark.parametrize("name", BLOWS)
def test_a_relay_that_waits_moves_only_if_nothing_came_between(name: str, tmp_path: Path) -> None:
    blow, outcome, why = BLOWS[name]
    sections = {"tools": waiting_tools(tmp_path), "ops": {"state_dir": str(tmp_path / "state")}}
    with Caller() as caller, Unit(caller.url, sections=sections) as unit:
        alarm(unit, True)
        unit.await_ready()
        begin(unit, caller)
        time.sleep(max(0.0, unit.ready_at + UNIT_SETTLE_S - time.monotonic()))
        caller.call("ring")
        first = unit.wires.wait(DOOR, False, since=unit.wires.wait(DOOR, True).at)
        caller.call("low_ring")
        until = time.monotonic() + PATIENCE_S
        while "low_ring" not in intents(tmp_path / "state") and time.monotonic() < until:
            time.sleep(0.01)
        assert time.monotonic() < first.at + APART_S, "this machine is too slow to look into the wait"
        blow(unit)
        while "low_ring" not in outcomes(tmp_path / "state") and time.monotonic() < until:
            time.sleep(0.05)
        found = outcomes(tmp_path / "state").get("low_ring", ("", unit.log()[-2000:]))
        moved = [move for move in unit.wires.moves(LOW_DOOR) if not move.high]
        assert found[0] == outcome and why in found[1]
        assert [move.at - first.at >= APART_S - 0.05 for move in moved] == [True] * (name == "nothing")


def intents(state: Path) -> set[str]:
    with closing(sqlite3.connect(state / "ledger.db")) as db:
        return {tool for (tool,) in db.execute("SELECT tool FROM calls WHERE intent_at IS NOT NULL")}
