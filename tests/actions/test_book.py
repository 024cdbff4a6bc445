"""Ledger and trail together: what is in doubt is said, and can be mended."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

from kioskd.actions.book import Book
from kioskd.actions.jobs import Ending, Intent, Lock
from kioskd.actions.trail import trail_files
from kioskd.core.house_events import LedgerRead
from kioskd.core.words import CallKey

KEY = CallKey("hydra", "sess_1", "call_1")


def book_of(folder: Path, posts: Any) -> Book:
    return Book(folder / "ledger.db", posts, lambda: 100.0, {"version": "1"})


def close(book: Book) -> None:
    book.close()
    book.trail.close()


def lines(folder: Path) -> list[str]:
    return [json.loads(line)["what"] for path in trail_files(folder / "audit") for line in path.open()]


def spoiled(folder: Path, posts: Any) -> Book:
    """A ledger with a lock whose tool is no text."""
    first = book_of(folder, posts)
    first.lock_out(Lock("unlock_door", 600.0))
    close(first)
    with sqlite3.connect(folder / "ledger.db") as db:
        db.execute("UPDATE locks SET tool = CAST(x'756e6c6f636bff' AS TEXT)")
    again = book_of(folder, posts)
    again.opened()
    return again


def test_an_intent_is_a_row_and_a_line_and_new_once(tmp_path: Path, posts: Any) -> None:
    book = book_of(tmp_path, posts)
    assert book.intend(Intent(KEY, "door", "{}")) and not book.intend(Intent(KEY, "door", "{}"))
    assert book.intend(Intent(KEY._replace(call_id="c2"), "thermometer", "{}", told=False))
    assert lines(tmp_path) == ["start", "intent"]
    close(book)


def test_outcomes_that_wait_come_before_the_next_intent(tmp_path: Path, posts: Any) -> None:
    book = book_of(tmp_path, posts)
    book.endings.add(Ending(KEY, "door", "refused", "muted"))
    assert not book.intend(Intent(KEY, "door", "{}"))
    close(book)


def test_a_text_that_is_none_is_a_doubt_and_not_the_end(tmp_path: Path, posts: Any) -> None:
    book = spoiled(tmp_path, posts)
    assert "not UTF-8" in book.doubt and "kioskctl audit repair" in book.doubt
    assert posts.of(LedgerRead)[-1].locks[0][0] == "unlock\\xff", "what can be read is"
    assert book.intend(Intent(KEY, "bell", "{}")), "who may run although it is in doubt is not decided here"
    close(book)


def test_a_repair_ends_the_doubt_keeps_the_file_and_is_told(tmp_path: Path, posts: Any) -> None:
    book = spoiled(tmp_path, posts)
    book.repair()
    assert book.doubt == "" and "1 rows were made readable" in book.mended
    [aside] = tmp_path.glob("ledger.db.damaged-*")
    assert sqlite3.connect(aside).execute("SELECT hex(tool) FROM locks").fetchone() == ("756E6C6F636BFF",)
    assert lines(tmp_path)[-1] == "repaired"
    close(book)
    third = book_of(tmp_path, posts)
    third.opened()
    assert third.doubt == ""
    close(third)


def test_where_nothing_has_to_be_mended_no_copy_is_left(tmp_path: Path, posts: Any) -> None:
    book = book_of(tmp_path, posts)
    assert book.intend(Intent(KEY, "door", "{}"))
    book.repair()
    first = book.mended
    assert "nothing" in first.lower() and not list(tmp_path.glob("ledger.db.damaged-*"))
    assert lines(tmp_path) == ["start", "intent"], "nothing was repaired"
    book.repair()
    assert book.repairs == 2, "whoever asked twice is answered twice"
    close(book)
