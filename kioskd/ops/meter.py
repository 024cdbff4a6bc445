"""Counts what each service is used for, by hour and by day, and keeps it: ``state_dir/usage.jsonl``.

What others count since start, never falling, comes in once a second; what is new of it is booked. A power cut loses at
most the last minute.
"""

from __future__ import annotations

import logging
import os
from typing import Callable, Mapping, NamedTuple

from kioskd.config.files import read_at_most
from kioskd.core.books import Books, Bucket, Hour, Now
from kioskd.core.tally import ZERO, Tally
from kioskd.core.usage_file import LARGEST_BYTES, Kept, lines_of, read
from kioskd.ops.scribe import RETRY_S, Scribe, replace

log = logging.getLogger(__name__)

THREAD = "kioskd-usage"
NAME = "usage.jsonl"
ASIDE = ".damaged"  # behind the name of a file that could not be understood
# The group reads it too: kioskctl usage does where no daemon runs.
MODE = 0o640
SAVE_S = 60.0
# The two clocks are not read at one instant; a suspend takes longer than this.
SUSPEND_S = 1.0


class Session(NamedTuple):
    """Which session is there: its service, and the id that the service gave it."""

    service: str
    id: str


class Snapshot(NamedTuple):
    """What is to be written. Buckets are never changed, so this is safe in another thread."""

    hours: Mapping[Hour, Bucket]
    days: Mapping[str, Bucket]


class _Owed(NamedTuple):
    """Time spent suspended in a session that may have lived through it."""

    session: Session
    seconds: float
    bytes_down: int


class Meter:
    """One for the house. Loop only; the file is written in a thread of its own.

    Args:
        state_dir: the folder, which survives a restart.
        clock: the time, in three ways.
        awake: monotonic seconds without suspends.
        save_s, retry_s: what is new is written this often; a write that failed is tried again that often.
        write: replaces the file (for tests of a disk that fails).

    Attributes:
        books: hours and days.
        note: what was wrong with the file at the start, a sentence; empty when nothing was.
        damaged: files that had to be set aside since start.
        broken: lines of them that could not be understood.
        suspended_s: time spent suspended that was counted, because the session lived through it.
    """

    def __init__(
        self,
        state_dir: str,
        clock: Callable[[], Now],
        awake: Callable[[], float],
        save_s: float = SAVE_S,
        retry_s: float = RETRY_S,
        write: Callable[[str, Snapshot], None] | None = None,
    ) -> None:
        self._clock, self._awake, self._save_s = clock, awake, save_s
        path = os.path.join(state_dir, NAME)
        self._scribe: Scribe[Snapshot] = Scribe(path, THREAD, write or save, lambda _, why: lost(path, why), retry_s)
        kept, self.note = load(path)
        self.damaged, self.broken = int(bool(self.note)), kept.broken
        if self.note:
            log.warning("%s", self.note)
        now = clock()
        self.books = Books(now, kept.hours, kept.days)
        self.suspended_s = 0.0
        self._seen: Mapping[str, Tally] = {}
        self._dirty = bool(self.note)  # whole again as soon as may be
        self._saved_at = float("-inf") if self.note else now.boot
        self._last = now.boot, awake()
        self._session: Session | None = None
        self._owed: _Owed | None = None

    def add(self, service: str, used: Tally) -> None:
        """This was used just now."""
        self.books.tick(self._clock())
        self._book(service, used)

    def tick(self, readings: Mapping[str, Tally], session: Session | None = None) -> None:
        """Book what is new, and have it written when that is due.

        Args:
            readings: what each service was used for since the daemon started.
            session: the one that is ready now.
        """
        now, awake = self._clock(), self._awake()
        self.books.tick(now)
        for service, reading in readings.items():
            used = reading.minus(self._seen.get(service, ZERO))
            if used != ZERO:
                self._book(service, used)
        self._seen = readings
        suspended_s = (now.boot - self._last[0]) - (awake - self._last[1])
        self._last = now.boot, awake
        self._live_through(suspended_s, session, readings)
        if self._dirty and now.boot - self._saved_at >= self._save_s:
            self.save()

    def save(self) -> None:
        """Have it written now: a session has ended, or the daemon does."""
        if self._dirty:
            self._dirty = False
            self._saved_at = self._clock().boot
            self._scribe.put(Snapshot(dict(self.books.hours), dict(self.books.days)))

    def stop(self, timeout_s: float = 1.0) -> bool:
        """Write what is not written yet, and end; False when the disk did not take it in time."""
        return self._scribe.stop(timeout_s)

    @property
    def problem(self) -> str:
        """Why usage is not kept, a sentence; empty when it is. Any thread."""
        return self._scribe.problem

    def snapshot(self) -> dict[str, object]:
        """For status."""
        return {
            **self._scribe.snapshot(),
            "note": self.note,
            "damaged": self.damaged,
            "broken_lines": self.broken,
            "clock_jumps": self.books.jumps,
            "suspended_s": round(self.suspended_s, 1),
        }

    # -- inside ----------------------------------------------------------------------------------

    def _book(self, service: str, used: Tally) -> None:
        self.books.book(service, used)
        self._dirty = True

    def _live_through(self, suspended_s: float, session: Session | None, readings: Mapping[str, Tally]) -> None:
        """A suspended box counts no seconds, but the service may: if the session is still there and the service says
        something in it, it lasted all the while.
        """
        down = readings.get(session.service, ZERO).bytes_down if session is not None else 0
        owed = self._owed
        if owed is not None and owed.session != session:
            self._owed = owed = None  # it did not survive, and nobody bills a dead socket
        elif owed is not None and down > owed.bytes_down:
            self._book(owed.session.service, Tally(session_s=owed.seconds))
            self.suspended_s += owed.seconds
            self._owed = owed = None
        if suspended_s > SUSPEND_S and session is not None and session == self._session:
            self._owed = _Owed(session, suspended_s + (owed.seconds if owed else 0.0), down)
        self._session = session


def load(path: str) -> tuple[Kept, str]:
    """What was kept, and a sentence when something is wrong with it; such a file is set aside. Blocks for the disk."""
    try:
        kept = read(read_at_most(path, LARGEST_BYTES)[0])
        why = kept.problem
    except FileNotFoundError:
        return Kept({}, {}, 0, ""), ""
    except OSError as error:
        kept, why = Kept({}, {}, 0, ""), error.strerror or str(error)
    if not why:
        return kept, ""
    try:
        os.replace(path, path + ASIDE)
        then = f"it was set aside as {path}{ASIDE}"
    except OSError as error:
        then = f"it could not be set aside ({error.strerror or error})"
    found = "what could be read of it still counts" if kept.days or kept.hours else "usage is counted from nothing"
    return kept, f"{path} cannot be used as it is ({why}): {then}, and {found}"


def save(path: str, snapshot: Snapshot) -> None:
    """Write the file whole. Blocks for the disk.

    Raises:
        OSError: it could not be written; the old one stands.
    """
    replace(path, lines_of(snapshot.hours, snapshot.days), MODE)


def lost(path: str, why: str) -> str:
    """The sentence for usage that cannot be kept."""
    return (
        f"what was used cannot be written to {path} ({why}): a restart would forget it, and the budget with it; "
        "make room, or see ops.state_dir"
    )
