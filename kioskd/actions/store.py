"""The ledger's file: one row for each call, in SQLite with WAL and ``synchronous=FULL`` (sqlite.org/pragma.html).

What this module returned from is on the disk, as far as the disk tells the truth. One thread only.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Iterable, NamedTuple

from kioskd.actions.aside import sync_directory
from kioskd.actions.chain import Head
from kioskd.actions.kept import kept
from kioskd.core.words import CallKey

RETENTION_S = 30 * 86_400.0
# What limits look back on after a restart: the longest ``policy.rate.per_s``, and a bound.
LONGEST_RATE_S = 86_400.0
MOST_RUNS = 1000  # of each tool
MOST_TEXT = 500
# Another writer (sqlite3 in somebody's shell) may hold the file for a moment. An intent, its outcome and the last try
# at the end must fit into the second that SIGTERM leaves us; readers never hold it (WAL).
BUSY_S = 0.25

_TABLES = """
CREATE TABLE IF NOT EXISTS calls (
    endpoint TEXT NOT NULL,
    session TEXT NOT NULL,
    call_id TEXT NOT NULL,
    tool TEXT NOT NULL,
    arguments TEXT NOT NULL,
    intent_at REAL,              -- seconds since 1970; NULL: it was never going to move anything
    outcome TEXT,                -- done failed refused cancelled expired duplicate dry_run unknown; NULL: not known yet
    reason TEXT,
    outcome_at REAL,
    repeats INTEGER NOT NULL DEFAULT 0,   -- how often this id came again after it had ended
    PRIMARY KEY (endpoint, session, call_id)
) WITHOUT ROWID;
-- lock-outs after refusals; tool is empty for all together
CREATE TABLE IF NOT EXISTS locks (tool TEXT PRIMARY KEY, at REAL NOT NULL, for_s REAL NOT NULL);
-- how far the audit trail is certainly on the disk: what is missing behind that was taken away
CREATE TABLE IF NOT EXISTS trail (id INTEGER PRIMARY KEY, seq INTEGER NOT NULL, hash TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS proof (id INTEGER PRIMARY KEY, written_at REAL NOT NULL);
"""
# Values that this module never wrote: SQLite takes any kind in any column, and finds nothing wrong with it.
_ODD = """SELECT 1 FROM trail WHERE typeof(seq) || typeof(hash) <> 'integertext' OR seq NOT BETWEEN 0 AND 999999999999
UNION ALL SELECT 1 FROM locks WHERE typeof(tool) || typeof(at) || typeof(for_s) <> 'textrealreal'
UNION ALL SELECT 1 FROM calls WHERE typeof(intent_at) NOT IN ('real', 'null')"""
# The first outcome stays: a call id that comes again must not rewrite what became of the first one.
_RECORD = """
INSERT INTO calls (endpoint, session, call_id, tool, arguments, outcome, reason, outcome_at)
VALUES (?, ?, ?, ?, '', ?, ?, ?)
ON CONFLICT DO UPDATE SET
    repeats = repeats + (outcome IS NOT NULL),
    reason = iif(outcome IS NULL, excluded.reason, reason),
    outcome_at = iif(outcome IS NULL, excluded.outcome_at, outcome_at),
    outcome = coalesce(outcome, excluded.outcome)
"""
# Text columns by table, as Store.mend makes them readable again.
_TEXTS = {
    "calls": "endpoint session call_id tool arguments outcome reason".split(),
    "locks": ["tool"],
    "trail": ["hash"],
}
_UNKNOWN = "kioskd ended before the outcome was known; it is not tried again"


class Damaged(Exception):
    """The file is no ledger (any more); the text says what SQLite found."""


class Unknown(NamedTuple):
    """An action that was about to move something when the process ended: it may have moved, or not."""

    key: CallKey
    tool: str
    intent_at: float


class Store:
    """An open ledger file, mode 0600.

    Raises:
        Damaged: the file is no ledger.
        sqlite3.Error, OSError: it cannot be had or written (see ``is_damage``); also from every method.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Made here and not by SQLite, which would use the umask; -wal and -shm take their mode from it.
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.fchmod(descriptor, 0o600)
            os.fsync(descriptor)
            self._inode = os.fstat(descriptor).st_ino
        finally:
            os.close(descriptor)
        sync_directory(path.parent)
        self._path = path
        self.odd = 0  # texts read so far that were not UTF-8: somebody else wrote them, or the storage did
        self._db = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)
        self._db.text_factory = self._text
        try:
            self._prepare()
        except (sqlite3.Error, Damaged):
            self._db.close()
            raise

    def _prepare(self) -> None:
        self._db.execute("PRAGMA journal_mode = WAL").fetchone()
        self._db.execute("PRAGMA synchronous = FULL")
        found = self._db.execute("PRAGMA quick_check(1)").fetchone()
        if found[0] != "ok":
            raise Damaged(found[0])
        self._db.executescript(_TABLES)
        if self._db.execute(_ODD).fetchone():
            raise Damaged("a value is of another kind than was written")

    def _text(self, raw: bytes) -> str:
        try:
            return raw.decode()
        except UnicodeDecodeError:
            self.odd += 1
            return raw.decode("utf-8", "backslashreplace")

    def intend(self, key: CallKey, tool: str, arguments: str, at: float) -> bool:
        """Write that this call is about to move something. False: its id is known already, nothing may move."""
        sql = "INSERT OR IGNORE INTO calls(endpoint, session, call_id, tool, arguments, intent_at) VALUES(?,?,?,?,?,?)"
        return self._db.execute(sql, (*_texts(*key, tool), kept(arguments), at)).rowcount == 1

    def record(self, key: CallKey, tool: str, outcome: str, reason: str, at: float, head: Head | None = None) -> None:
        """Write how a call ended, with or without an intent, and how far the audit trail is on the disk, in one step.

        The first outcome of a key stays.
        """
        row = (*_texts(*key, tool, outcome, reason), at)
        if head is None:
            self._db.execute(_RECORD, row)
            return
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._db.execute(_RECORD, row)
            self._db.execute("INSERT OR REPLACE INTO trail VALUES (1, ?, ?)", head)
            self._db.execute("COMMIT")
        except sqlite3.Error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def lock(self, tool: str, at: float, for_s: float) -> None:
        """Remember that a tool (empty: all) is locked for so long."""
        self._db.execute("INSERT OR REPLACE INTO locks VALUES (?, ?, ?)", (*_texts(tool), at, for_s))

    def locks(self, at: float) -> tuple[tuple[str, float], ...]:
        """Tool and seconds left of each lock-out. A clock that went back makes none longer than it was meant."""
        rows = self._db.execute("SELECT tool, at, for_s FROM locks").fetchall()
        left = ((tool, min(for_s, begun + for_s - at)) for tool, begun, for_s in rows)
        return tuple((tool, left_s) for tool, left_s in left if left_s > 0)

    def runs(self, at: float) -> tuple[tuple[str, float], ...]:
        """Tool and age in seconds of what was about to move something in the last day, oldest first."""
        # The last ones of each tool, not of all: who asks a thousand times for one must not make another's forgotten.
        ranked = "row_number() OVER (PARTITION BY tool ORDER BY intent_at DESC) AS place"
        sql = f"SELECT tool, intent_at, {ranked} FROM calls WHERE intent_at > ?"
        sql = f"SELECT tool, intent_at FROM ({sql}) WHERE place <= ? ORDER BY intent_at"
        rows = self._db.execute(sql, (at - LONGEST_RATE_S, MOST_RUNS)).fetchall()
        return tuple((tool, max(0.0, at - intent_at)) for tool, intent_at in rows)

    def head(self) -> Head:
        """How far the audit trail was on the disk when something was last written here."""
        row = self._db.execute("SELECT seq, hash FROM trail").fetchone()
        return Head(*row) if row else Head()

    def give_up(self, at: float) -> tuple[Unknown, ...]:
        """Mark the intents that have no outcome as unknown; which those are. Only when a process begins."""
        where = "WHERE intent_at IS NOT NULL AND outcome IS NULL"
        rows = self._db.execute(f"SELECT endpoint, session, call_id, tool, intent_at FROM calls {where}").fetchall()
        if rows:
            sql = f"UPDATE calls SET outcome = 'unknown', reason = ?, outcome_at = ? {where}"
            self._db.execute(sql, (_UNKNOWN, at))
        return tuple(Unknown(CallKey(*row[:3]), row[3], row[4]) for row in rows)

    def copy_to(self, aside: Path) -> None:
        """A copy of the whole file as it is, with its mode."""
        os.close(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        copy = sqlite3.connect(aside)
        try:
            self._db.backup(copy)
        except sqlite3.Error:
            aside.unlink()  # half a copy tells nobody anything, and the disk may be full because of it
            raise
        finally:
            copy.close()

    def unreadable(self) -> int:
        """How many rows have a text that is none."""
        self._db.create_function("odd", 1, _is_odd, deterministic=True)
        counted = (f"SELECT count(*) FROM {table} WHERE {_any_odd(columns)}" for table, columns in _TEXTS.items())
        return sum(int(self._db.execute(sql).fetchone()[0]) for sql in counted)

    def mend(self) -> int:
        """Make every text readable again, all at once or none; how many rows were not. Used-up ids stay used up."""
        self._db.create_function("odd", 1, _is_odd, deterministic=True)
        self._db.create_function("readable", 1, _readable, deterministic=True)
        rows = 0
        self._db.execute("BEGIN IMMEDIATE")
        try:
            for table, columns in _TEXTS.items():
                sets = ", ".join(f"{name} = readable(CAST({name} AS BLOB))" for name in columns)
                rows += self._db.execute(f"UPDATE OR REPLACE {table} SET {sets} WHERE {_any_odd(columns)}").rowcount
            self._db.execute("COMMIT")
        except sqlite3.Error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        self.odd = 0
        return rows

    def prune(self, at: float) -> int:
        """Forget what is older than the retention; how many rows that were."""
        sql = "DELETE FROM calls WHERE outcome IS NOT NULL AND coalesce(intent_at, outcome_at) < ?"
        return self._db.execute(sql, (at - RETENTION_S,)).rowcount

    def prove(self, at: float) -> None:
        """Write something of no meaning: does writing work again?"""
        self._db.execute("INSERT OR REPLACE INTO proof VALUES (1, ?)", (at,))

    def counts(self) -> dict[str, int]:
        """Rows by outcome; ``open`` are intents whose outcome is not known yet."""
        sql = "SELECT coalesce(outcome, 'open'), count(*) FROM calls GROUP BY 1"
        return {str(outcome): int(number) for outcome, number in self._db.execute(sql)}

    @property
    def moved(self) -> bool:
        """Whether the path leads to another file by now, or to none: what is written here would be lost."""
        try:
            return os.stat(self._path).st_ino != self._inode
        except FileNotFoundError:
            return True

    def close(self) -> None:
        """Idempotent."""
        self._db.close()


def read_head(path: str) -> Head | None:
    """How far the audit trail must reach, by a ledger that is only looked at; None: it cannot be read.

    Any process; a daemon may write to it meanwhile.
    """
    from urllib.parse import quote

    try:
        db = sqlite3.connect(f"file:{quote(path)}?mode=ro", uri=True, timeout=BUSY_S)
    except sqlite3.Error:
        return None
    try:
        row = db.execute("SELECT seq, hash FROM trail").fetchone()
    except sqlite3.Error:
        return None
    finally:
        db.close()
    return Head(*row) if row and isinstance(row[0], int) else None


def _any_odd(columns: Iterable[str]) -> str:
    return " OR ".join(f"odd(CAST({name} AS BLOB))" for name in columns)


def _is_odd(raw: bytes | None) -> bool:
    try:
        return raw is not None and raw.decode() is None
    except UnicodeDecodeError:
        return True


def _readable(raw: bytes | None) -> str | None:
    return None if raw is None else raw.decode("utf-8", "backslashreplace")


def _texts(*texts: str) -> tuple[str, ...]:
    """Writable and bounded. Keys that differ only beyond the bound count as the same one: refused, not run twice."""
    return tuple(text.encode("utf-8", "backslashreplace").decode()[:MOST_TEXT] for text in texts)
