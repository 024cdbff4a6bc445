"""A damaged ledger is told apart from a full disk, and kept."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from kioskd.actions.aside import MOST_ASIDE, advice, free_name, is_damage, keep_few, move_aside, put_aside
from kioskd.actions.store import Damaged, Store


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


def test_of_damaged_ledgers_a_few_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    for number in range(3 * MOST_ASIDE + 4):
        path.write_text(str(number))
        os.utime(path, (number, number))
        last = move_aside(path)
    left = sorted(tmp_path.iterdir())
    assert len(left) == 3 * MOST_ASIDE and last in left


def test_the_advice_names_the_file_and_the_fault() -> None:
    said = advice(Path("/var/lib/kioskd/ledger.db"), OSError(30, "Read-only file system"))
    assert "/var/lib/kioskd/ledger.db" in said and "Read-only file system" in said and "nothing moves" in said


def test_a_name_is_free_and_the_newest_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    names = []
    for number in range(3 * MOST_ASIDE + 1):
        name = free_name(path)
        name.write_text("")
        os.utime(name, (number, number))
        names.append(name)
    keep_few(path)
    assert not names[0].exists() and names[1].exists() and len(set(names)) == len(names)


def test_what_cannot_be_moved_is_a_sentence(tmp_path: Path) -> None:
    said, renewed = put_aside(tmp_path / "nowhere" / "ledger.db", "a page is torn", "before")
    assert "cannot be moved aside" in said and renewed == "before"
