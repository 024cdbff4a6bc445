"""Lives of a kiosk's hands: real ledger, real actions, real relay thread, and a line that writes down what it does."""

from __future__ import annotations

import json
import logging
import os
import queue
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from kioskd.actions.actions import Actions
from kioskd.actions.chain import verify
from kioskd.actions.ledger import Ledger
from kioskd.actions.store import read_head
from kioskd.actions.trail import trail_files
from kioskd.config.sections import Action, RelayAction, SecretRef, Tool
from kioskd.core.events import ActionEnded, Event, IntentCommitted, IntentFailed
from kioskd.core.house_events import LedgerRead
from kioskd.core.words import CallKey

PATIENCE_S = 30.0
DOOR = Tool(
    name="unlock_door",
    description="",
    class_="access",
    action=Action(relay=RelayAction(pin="GPIO27", pulse_ms=1, min_gap_s=0.0)),
)


class WorldLine:
    """A relay line of which every move is a line in a file: what the world saw, whatever became of the process."""

    name = "GPIO27"

    def __init__(self, path: Path) -> None:
        self._world = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self.is_on = False
        self.call = ""

    def on(self) -> None:
        """Energise."""
        os.write(self._world, f"{self.call}\n".encode())
        self.is_on = True

    def off(self) -> None:
        """Release."""
        self.is_on = False


def no_secret(ref: SecretRef) -> str:
    """There is none."""
    raise LookupError(str(ref))


def live(folder: Path, calls: int) -> int:
    """Ask for each call twice, as a service that repeats itself does; write down what was reported as unknown."""
    logging.disable(logging.CRITICAL)
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()

    def post(event: Event) -> bool:
        events.put(event)
        return True

    def wait(*kinds: type[Event]) -> Event:
        while not isinstance(event := events.get(timeout=PATIENCE_S), kinds):
            pass
        return event

    line = WorldLine(folder / "world")
    ledger = Ledger(folder / "ledger.db", post)
    ledger.start()
    wait(LedgerRead)
    reported = [unknown.key.call_id for unknown in ledger.unknowns()]
    (folder / "unknown").write_text(json.dumps(reported))
    actions = Actions([DOOR], {"unlock_door": line}, {}, ledger, post, "torture", no_secret)
    for number in (*range(calls), *range(calls)):
        key = CallKey("e", "s", f"c{number}")
        actions.audit("decision", {"call": key.call_id, "verdict": "allow"})
        actions.commit(key, "unlock_door", "{}")
        committed = wait(IntentCommitted, IntentFailed)
        if isinstance(committed, IntentCommitted) and committed.fresh:
            line.call = key.call_id
            actions.run(key, "unlock_door", {})
            ended = wait(ActionEnded)
            outcome = "done" if isinstance(ended, ActionEnded) and ended.ok else "failed"
        else:
            outcome = "duplicate"
        actions.record(key, "unlock_door", outcome, "")
    return 0 if actions.stop(PATIENCE_S) and ledger.stop(PATIENCE_S) else 1


class World(NamedTuple):
    """What is on the disk between two lives."""

    moved: list[str]
    intents: set[str]
    open: set[str]
    outcomes: dict[str, str]
    unknown: list[str]


def look(folder: Path) -> World:
    """Read it; the ledger as another process would."""
    world, reported = folder / "world", folder / "unknown"
    moved = world.read_text().split() if world.exists() else []
    rows: list[tuple[str, float | None, str | None]] = []
    if (folder / "ledger.db").exists():
        with closing(sqlite3.connect(folder / "ledger.db")) as db:
            try:
                rows = db.execute("SELECT call_id, intent_at, outcome FROM calls").fetchall()
            except sqlite3.OperationalError:
                rows = []  # killed before the table was there
    text = reported.read_text() if reported.exists() else ""
    return World(
        moved,
        {call for call, intent_at, _ in rows if intent_at is not None},
        {call for call, intent_at, outcome in rows if intent_at is not None and outcome is None},
        {call: outcome for call, _, outcome in rows if outcome is not None},
        json.loads(text) if text else [],
    )


def wrongs(folder: Path, world: World) -> list[str]:
    """What must never be, whenever one looks."""
    found = []
    if len(world.moved) != len(set(world.moved)):
        found.append(f"a call moved the line twice: {world.moved}")
    if not set(world.moved) <= world.intents:
        found.append(f"moved without an intent: {set(world.moved) - world.intents}")
    pieces = [(path.name, path.read_bytes().splitlines(keepends=True)) for path in trail_files(folder / "audit")]
    verdict = verify(pieces, read_head(str(folder / "ledger.db")))
    found += [f"{finding.file}:{finding.line}: {finding.sentence}" for finding in verdict.findings if finding.tampered]
    return found


def wrongs_after(before: World, after: World, calls: int) -> list[str]:
    """What the second life must have made of what the first one left."""
    found = []
    if set(after.unknown) != before.open:
        found.append(f"left open: {before.open}; reported as unknown: {after.unknown}")
    again = set(after.moved[len(before.moved) :]) & before.intents
    if again:
        found.append(f"tried again: {again}")
    everything = {f"c{number}" for number in range(calls)}
    if after.intents != everything or after.open or set(after.outcomes) != everything:
        found.append(f"not all calls have ended: {after}")
    never = everything - before.intents - set(after.moved)
    if never:
        found.append(f"never asked for before, and not done: {never}")
    wrong = {call for call in before.open if after.outcomes.get(call) != "unknown"}
    if wrong:
        found.append(f"an open intent became something else than unknown: {wrong}")
    return found
