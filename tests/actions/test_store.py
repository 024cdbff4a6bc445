"""The ledger's file remembers each call once, and survives what happens to files."""

from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path
from typing import Iterator, cast

import pytest

from kioskd.actions.chain import Head
from kioskd.actions.store import MOST_RUNS, RETENTION_S, Damaged, Store, Unknown
from kioskd.core.words import CallKey

KEY = CallKey("hydra", "sess_1", "call_1")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "state" / "ledger.db")
    yield store
    store.close()


def rows(store: Store, columns: str) -> list[tuple[object, ...]]:
    return store._db.execute(f"SELECT {columns} FROM calls ORDER BY call_id").fetchall()


def test_a_key_is_new_once(store: Store) -> None:
    assert store.intend(KEY, "open_door", "{}", 1.0)
    assert not store.intend(KEY, "open_door", "{}", 2.0)
    assert store.intend(KEY._replace(session="sess_2"), "open_door", "{}", 3.0)
    assert store.intend(KEY._replace(endpoint="local"), "open_door", "{}", 3.0)


def test_a_refused_key_does_not_become_new_later(store: Store) -> None:
    store.record(KEY, "open_door", "refused", "muted", 1.0)
    assert rows(store, "intent_at, outcome, reason") == [(None, "refused", "muted")]
    assert not store.intend(KEY, "open_door", "{}", 2.0)
    assert rows(store, "intent_at") == [(None,)]


def test_the_first_outcome_stays(store: Store) -> None:
    store.intend(KEY, "open_door", '{"floor": 1}', 1.0)
    store.record(KEY, "open_door", "done", "", 2.0)
    store.record(KEY, "open_door", "duplicate", "this call id has been used before", 3.0)
    row = ('{"floor": 1}', 1.0, "done", "", 2.0, 1)
    assert rows(store, "arguments, intent_at, outcome, reason, outcome_at, repeats") == [row]


def test_what_was_left_open_becomes_unknown_once(store: Store) -> None:
    store.intend(KEY, "open_door", "{}", 1.0)
    store.intend(KEY._replace(call_id="call_2"), "open_door", "{}", 2.0)
    store.record(KEY._replace(call_id="call_2"), "open_door", "done", "", 3.0)
    store.record(KEY._replace(call_id="call_3"), "open_door", "refused", "", 3.0)
    assert store.give_up(10.0) == (Unknown(KEY, "open_door", 1.0),)
    assert store.give_up(11.0) == ()
    assert store.counts() == {"unknown": 1, "done": 1, "refused": 1}
    assert not store.intend(KEY, "open_door", "{}", 12.0)


def test_only_what_has_ended_long_ago_is_forgotten(store: Store) -> None:
    for number, ended in enumerate(("done", "", "refused")):
        key = KEY._replace(call_id=f"call_{number}")
        if ended != "refused":
            store.intend(key, "open_door", "{}", 100.0)
        if ended:
            store.record(key, "open_door", ended, "", 100.0)
    assert store.prune(100.0 + RETENTION_S) == 0
    assert store.prune(100.1 + RETENTION_S) == 2
    assert rows(store, "call_id") == [("call_1",)]


def test_the_file_is_its_owners_alone_whatever_the_umask(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.touch(0o666)
    before = os.umask(0)
    try:
        store = Store(path)
        store.intend(KEY, "open_door", "{}", 1.0)
        modes = {part.name: stat.S_IMODE(part.stat().st_mode) for part in tmp_path.iterdir()}
        store.close()
    finally:
        os.umask(before)
    assert modes == {"ledger.db": 0o600, "ledger.db-wal": 0o600, "ledger.db-shm": 0o600}


def test_commits_are_synced(store: Store) -> None:
    assert store._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert store._db.execute("PRAGMA synchronous").fetchone() == (2,)


def test_damage_in_the_middle_is_found_at_open(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    store = Store(path)
    for number in range(500):
        store.intend(KEY._replace(call_id=f"call_{number}"), "open_door", "{}", 1.0)
    store.close()
    with path.open("r+b") as file:
        file.seek(4096 * 2)
        file.write(os.urandom(4096 * 4))
    with pytest.raises((Damaged, sqlite3.DatabaseError)):
        Store(path)


def test_a_ledger_that_was_moved_is_noticed(store: Store, tmp_path: Path) -> None:
    assert not store.moved
    (tmp_path / "state" / "ledger.db").rename(tmp_path / "elsewhere")
    assert store.moved


def test_text_that_no_file_takes_is_made_writable(store: Store) -> None:
    key = CallKey("hydra", "sess\ud800", "x" * 9000)
    assert store.intend(key, "open\udfffdoor", '{"a": "\\ud800"}', 1.0)
    assert not store.intend(key, "open_door", "{}", 2.0)
    store.record(key, "open_door", "done", "because \ud83d", 3.0)
    assert store.counts() == {"done": 1}


# -- what outlives a restart ---------------------------------------------------------------------------


def test_runs_and_locks_are_remembered_with_their_age(store: Store) -> None:
    store.intend(KEY, "door", "{}", 100.0)
    store.intend(KEY._replace(call_id="c2"), "bell", "{}", 150.0)
    store.record(KEY._replace(call_id="c3"), "door", "refused", "", 160.0)
    assert store.runs(200.0) == (("door", 100.0), ("bell", 50.0))
    assert store.runs(100_000.0) == ()
    store.lock("door", 100.0, 120.0)
    store.lock("", 100.0, 30.0)
    assert store.locks(140.0) == (("door", 80.0),)


def test_a_clock_that_went_back_makes_limits_stricter_but_not_longer(store: Store) -> None:
    store.intend(KEY, "door", "{}", 1000.0)
    store.lock("door", 1000.0, 120.0)
    assert store.runs(10.0) == (("door", 0.0),)
    assert store.locks(10.0) == (("door", 120.0),)


def test_an_outcome_and_the_trails_head_are_written_together(store: Store) -> None:
    assert store.head() == Head()
    store.record(KEY, "door", "done", "", 1.0, Head(7, "ab"))
    assert store.head() == Head(7, "ab") and store.counts() == {"done": 1}


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO trail VALUES (1, x'00', 'h')",
        "INSERT INTO trail VALUES (1, 9223372036854775807, 'h')",
        "INSERT INTO locks VALUES ('open_door', 'then', 60.0)",
        "INSERT INTO calls VALUES ('e', 's', 'c', 'open_door', '', 'then', NULL, NULL, NULL, 0)",
    ],
)
def test_values_of_another_kind_are_damage(tmp_path: Path, sql: str) -> None:
    Store(tmp_path / "ledger.db").close()
    with sqlite3.connect(tmp_path / "ledger.db") as db:
        db.execute(sql)
    with pytest.raises(Damaged):
        Store(tmp_path / "ledger.db")


# -- texts that are none -------------------------------------------------------------------------------


def spoil(path: Path, column: str, table: str = "calls") -> None:
    """Somebody, or the storage, puts a byte into a text that no text has."""
    with sqlite3.connect(path) as db:
        db.execute(f"UPDATE {table} SET {column} = CAST(x'756e6c6f636bff' AS TEXT)")


@pytest.mark.parametrize("column", ["tool", "session", "arguments", "call_id"])
def test_a_text_that_is_none_is_read_all_the_same_and_counted(tmp_path: Path, column: str) -> None:
    store = Store(tmp_path / "ledger.db")
    store.intend(KEY, "open_door", "{}", 100.0)
    spoil(tmp_path / "ledger.db", column)
    assert len(store.runs(200.0)) == 1 and store.odd == (column == "tool")
    assert len(store.give_up(200.0)) == 1
    store.odd = 0
    assert store.mend() == 1 and store.mend() == 0
    [row] = rows(store, column)
    assert row == ("unlock\\xff",) and store.odd == 0
    store.close()


def test_a_mended_id_stays_used_up(tmp_path: Path) -> None:
    store = Store(tmp_path / "ledger.db")
    store.intend(KEY, "open_door", "{}", 1.0)
    spoil(tmp_path / "ledger.db", "session")
    store.mend()
    assert not store.intend(KEY._replace(session="unlock\\xff"), "open_door", "{}", 2.0)
    store.close()


def test_a_copy_is_the_file_as_it_was_and_its_owners_alone(store: Store, tmp_path: Path) -> None:
    store.intend(KEY, "open_door", "{}", 1.0)
    store.copy_to(tmp_path / "copy")
    assert stat.S_IMODE((tmp_path / "copy").stat().st_mode) == 0o600
    other = Store(tmp_path / "copy")
    assert not other.intend(KEY, "open_door", "{}", 2.0)
    other.close()


def test_a_flood_of_one_tool_makes_no_run_of_another_forgotten(store: Store) -> None:
    store.intend(KEY, "open_door", "{}", 1.0)
    store._db.execute("BEGIN")
    for number in range(MOST_RUNS + 5):
        store.intend(KEY._replace(call_id=f"flood_{number}"), "thermometer", "{}", 2.0 + number / 1000)
    store._db.execute("COMMIT")
    runs = store.runs(10.0)
    assert runs[0] == ("open_door", 9.0) and len(runs) == MOST_RUNS + 1


def test_half_a_copy_is_not_left_on_a_full_disk(store: Store, tmp_path: Path) -> None:
    class Full:
        """A ledger whose copy does not fit."""

        def backup(self, target: sqlite3.Connection) -> None:
            target.execute("CREATE TABLE half (a)")
            raise sqlite3.OperationalError("database or disk is full")

    whole, store._db = store._db, cast(sqlite3.Connection, Full())
    with pytest.raises(sqlite3.OperationalError, match="full"):
        store.copy_to(tmp_path / "aside")
    store._db = whole
    assert not (tmp_path / "aside").exists()
