"""Outcomes wait for the disk, in order, each once in the trail."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from kioskd.actions.endings import MOST_UNWRITTEN, Endings
from kioskd.actions.jobs import Ending
from kioskd.actions.store import Store
from kioskd.actions.trail import Trail, trail_files
from kioskd.core.words import CallKey


def ending(number: int) -> Ending:
    return Ending(CallKey("e", "s", f"c{number}"), "door", "done", "")


def told(folder: Path) -> list[str]:
    return [json.loads(line)["data"]["call"] for path in trail_files(folder) for line in path.open()]


def test_an_outcome_is_in_trail_and_ledger_and_the_ledger_knows_the_trails_end(tmp_path: Path) -> None:
    trail, store = Trail(tmp_path), Store(tmp_path / "ledger.db")
    endings = Endings(trail, lambda: 1.0)
    endings.add(ending(1))
    endings.add(ending(2))
    endings.write(store)
    assert told(tmp_path) == ["c1", "c2"] and len(endings) == 0 and endings.recorded == 2
    assert store.counts() == {"done": 2} and store.head() == trail.head == trail.synced
    store.close()
    trail.close()


def test_a_ledger_that_fails_makes_no_second_line(tmp_path: Path) -> None:
    trail, store = Trail(tmp_path), Store(tmp_path / "ledger.db")
    endings = Endings(trail, lambda: 1.0)
    endings.add(ending(1))
    store.close()
    for _ in range(3):
        with pytest.raises(sqlite3.Error):
            endings.write(store)
    store = Store(tmp_path / "ledger.db")
    endings.write(store)
    assert told(tmp_path) == ["c1"] and store.counts() == {"done": 1}
    store.close()
    trail.close()


def test_far_too_many_lose_the_oldest_loudly(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    endings = Endings(Trail(tmp_path), lambda: 1.0)
    for number in range(MOST_UNWRITTEN + 2):
        endings.add(ending(number))
    assert len(endings) == MOST_UNWRITTEN and endings.lost == 2 and "is lost" in caplog.text
