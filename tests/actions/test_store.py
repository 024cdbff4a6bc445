"""The ledger's file remembers each call once, and survives what happens to files."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
from pathlib import Path
from typing import Iterator

import pytest

from kioskd.actions.chain import Head
from kioskd.actions.store import (
    MOST_ARGUMENT_BYTES,
    MOST_ASIDE,
    RETENTION_S,
    Damaged,
    Store,
    Unknown,
    advice,
    is_damage,
    kept,
    move_aside,
)
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


@pytest.mark.parametrize("content", [b"not a database at all" * 100, b"SQLite format 3\0" + b"\xff" * 8000])
def test_a_file_that_is_no_ledger_is_told_apart(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(content)
    with pytest.raises((Damaged, sqlite3.DatabaseError)) as raised:
        Store(path)
    assert isinstance(raised.value, Damaged) or is_damage(raised.value)
    aside = move_aside(path)
    assert aside.read_bytes() == content and aside.name.startswith("ledger.db.damaged-")
    Store(path).close()


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


def test_of_damaged_ledgers_a_few_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    for number in range(3 * MOST_ASIDE + 4):
        path.write_text(str(number))
        os.utime(path, (number, number))
        last = move_aside(path)
    left = sorted(tmp_path.iterdir())
    assert len(left) == 3 * MOST_ASIDE and last in left


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


def test_secrets_are_not_kept() -> None:
    raw = '{"floor": 2, "pin": 1234, "Password": "x", "guest": [{"door_code": "99", "name": "Ada"}]}'
    masked = {"floor": 2, "pin": "***", "Password": "***", "guest": [{"door_code": "***", "name": "Ada"}]}
    assert json.loads(kept(raw)) == masked


@pytest.mark.parametrize(("raw", "text"), [("", "{}"), ("secret 1234", "<11 characters that are not JSON>")])
def test_what_is_not_json_is_not_kept(raw: str, text: str) -> None:
    assert kept(raw) == text
    assert kept("[" * 5000) == "<5000 characters that are not JSON>"


def test_long_arguments_are_cut() -> None:
    text = kept(json.dumps({"a": "é" * 5000}))
    assert len(text.encode()) == MOST_ARGUMENT_BYTES and text.endswith("...")


def test_the_advice_names_the_file_and_the_fault() -> None:
    said = advice(Path("/var/lib/kioskd/ledger.db"), OSError(30, "Read-only file system"))
    assert "/var/lib/kioskd/ledger.db" in said and "Read-only file system" in said and "nothing moves" in said


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


def test_a_pin_is_a_secret_however_its_name_goes_on() -> None:
    assert json.loads(kept('{"pin_number": 4711, "ping": 1}')) == {"pin_number": "***", "ping": 1}


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
