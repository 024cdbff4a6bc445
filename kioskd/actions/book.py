"""What the ledger's thread writes in: the ledger's file and the audit trail together. That thread only."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Mapping

from kioskd.actions.endings import Endings
from kioskd.actions.jobs import Intent, Lock, about
from kioskd.actions.trail import Trail
from kioskd.core.house_events import LedgerRead
from kioskd.core.ports import Post

if TYPE_CHECKING:
    # SQLite is loaded with it, in the ledger's own thread: it costs 2 MB and 15 ms of the start.
    from kioskd.actions.store import Store, Unknown

log = logging.getLogger(__name__)


class Book:
    """The file is opened when something is to be written, and anew after it was closed.

    Args:
        path: the ledger's file; the trail is in the folder ``audit`` beside it.
        post: gets LedgerRead.
        clock: seconds since 1970.
        start: what the line about this start says.

    Attributes:
        doubt: a sentence: texts that were read are none, so what ran and what is locked may be remembered wrongly.
        mended: a sentence about the last repair.
        repairs: how many there were.
        renewed: a sentence: why this ledger does not hold what came before.
        unknowns: what was about to move when the process before this one ended.

    Raises:
        sqlite3.Error, OSError, Damaged: from every method: the disk does not take it, or the file is no ledger.
    """

    def __init__(self, path: Path, post: Post, clock: Callable[[], float], start: Mapping[str, object]) -> None:
        self._path = path
        self._post = post
        self._clock = clock
        self._start = dict(start)
        self._locks: dict[str, tuple[float, float]] = {}  # when and for how long; the disk has not taken them yet
        self.trail = Trail(path.parent / "audit", clock)
        self.endings = Endings(self.trail, clock)
        self.store: Store | None = None
        self._begun = False  # this process has marked the intents of the one before it
        self.unknowns: tuple[Unknown, ...] = ()
        self.renewed = ""
        self.doubt = ""
        self.mended = ""
        self.repairs = 0

    def opened(self) -> Store:
        """The file, open."""
        from kioskd.actions.store import Store

        if self.store is not None and self.store.moved:
            self.renewed = f"The ledger {self._path} was moved or deleted while kioskd ran; a new one was begun."
            self.close()
        if self.store is None:
            self.store = Store(self._path)
            self._begin(self.store)
        return self.store

    def _begin(self, store: Store) -> None:
        """Once in a process: what the one before left open is unknown, and is never tried again."""
        if self._begun:
            return
        self.trail.expect(store.head())
        self.trail.append("start", self._start)
        runs, locks = store.runs(self._clock()), store.locks(self._clock())
        self.unknowns = store.give_up(self._clock())
        self._begun = True
        self._doubt(store)
        self._post(LedgerRead(runs, locks))
        for unknown in self.unknowns:
            log.warning("whether %s (%s) was done is unknown: kioskd ended meanwhile", unknown.tool, unknown.key)
            self.trail.append("unknown", about(unknown.key, unknown.tool))
        store.prune(self._clock())

    def _doubt(self, store: Store) -> None:
        if store.odd:
            self.doubt = (
                f"The ledger {self._path} holds text that is none (not UTF-8): somebody wrote into it, or its storage "
                "fails. What ran and what is locked may be remembered wrongly, so nothing of class access runs. "
                "kioskctl audit repair mends it, and keeps a copy of it as it was."
            )
            log.error("%s", self.doubt)

    def intend(self, intent: Intent) -> bool:
        """Write an intent; it is durable when this returns. False: this key has been here before."""
        # A key that was refused while the disk was full must be in the file before anybody asks whether it is new.
        self.catch_up()
        fresh = self.opened().intend(intent.key, intent.tool, intent.arguments, self._clock())
        if fresh and intent.told:
            self.trail.append("intent", about(intent.key, intent.tool))
        self.trail.sync()
        return fresh

    def lock_out(self, lock: Lock) -> None:
        """Remember a lock-out, also when the disk takes it only later."""
        self._locks[lock.tool] = (self._clock(), lock.for_s)
        self.keep_locks()

    def keep_locks(self) -> None:
        """Write the lock-outs that wait; all of them are durable when this returns."""
        for tool, (at, for_s) in list(self._locks.items()):
            self.opened().lock(tool, at, for_s)
            del self._locks[tool]

    def catch_up(self) -> None:
        """Write the lock-outs and outcomes that wait."""
        self.keep_locks()
        self.endings.write(self.opened())

    def repair(self) -> None:
        """Make every text of the file readable; the file as it was is kept aside, and the trail tells of it. Where all
        are, nothing is done."""
        from kioskd.actions.aside import free_name, keep_few

        store, aside = self.opened(), free_name(self._path)
        if not store.unreadable():
            self.doubt, self.mended = "", f"Nothing in {self._path} had to be mended."
            self.repairs += 1
            return
        store.copy_to(aside)
        keep_few(self._path)
        rows = store.mend()
        self.trail.append("repaired", {"rows": rows, "kept": aside.name})
        self.doubt = ""
        self.mended = f"{rows} rows were made readable; the ledger as it was lies in {aside}."
        self.repairs += 1
        log.warning("ledger: %s", self.mended)

    def prove(self) -> None:
        """Nothing asks: does writing work (again)?"""
        self.catch_up()
        self.opened().prove(self._clock())
        self.trail.prove()

    def prune(self) -> None:
        """Forget what is older than the retention."""
        self.opened().prune(self._clock())

    def close(self) -> None:
        """Idempotent; the trail stays open."""
        store, self.store = self.store, None
        if store is not None:
            store.close()
