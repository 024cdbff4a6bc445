"""The ledger: an intent is on the disk before anything moves, its outcome after. At most once, across power cuts.

A thread of its own writes, the audit trail too; the loop hands jobs over and gets events back. When the disk does not
take them, nothing moves, status says so, and outcomes wait in memory until writing works again.
"""

from __future__ import annotations

import logging
import threading
import time
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Callable, Mapping

from kioskd.actions.book import Book
from kioskd.actions.jobs import Ending, Entry, Intent, Job, Kept, Lock, Repair
from kioskd.actions.trail import Unrecorded
from kioskd.core.events import IntentCommitted, IntentFailed, PartChanged, ThreadDied
from kioskd.core.ports import Post
from kioskd.core.words import CallKey, PartState

if TYPE_CHECKING:
    from kioskd.actions.store import Unknown

log = logging.getLogger(__name__)

THREAD = "kioskd-ledger"
PART = "ledger"
TEXT_PART = "ledger text"
# How often a ledger that cannot write tries whether it can again. A guess: an owner who has freed the disk is
# answered while still looking.
RETRY_S = 5.0
PRUNE_S = 86_400.0
# Jobs that may wait for a disk that hangs; the machine has at most 8 open calls.
MOST_WAITING = 256
# A line of the audit trail that nothing waits for is on the disk after this long: one sync serves several. A guess.
SYNC_S = 0.5


class Ledger:
    """Public methods: any thread, none blocks except ``stop``.

    Args:
        path: the file; made with mode 0600 when it is missing.
        post: gets IntentCommitted or IntentFailed for each ``commit``, LedgerRead, PartChanged and ThreadDied.
        clock: seconds since 1970.
        retry_s: see ``RETRY_S``.
        start: what the line about this start says in the audit trail (folder ``audit`` beside the file).
    """

    def __init__(
        self,
        path: Path | str,
        post: Post,
        clock: Callable[[], float] = time.time,
        retry_s: float = RETRY_S,
        start: Mapping[str, object] | None = None,
    ) -> None:
        self._path = Path(path)
        self._post = post
        self._clock = clock
        self._retry_s = retry_s
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._book = Book(self._path, post, clock, start or {})
        self._lock = threading.Lock()  # "take no more jobs" and "one more job" exclude each other
        self._closed = "The ledger has not been started."
        self._thread = threading.Thread(target=self._run, name=THREAD, daemon=True)
        self._state, self._reason, self._pruned_at = PartState.STARTING, "", 0.0
        self._doubted = ""
        self._counts = {"committed": 0, "repeated": 0, "failed": 0, "lost": 0}

    def start(self) -> None:
        """Open the file, in the ledger's thread."""
        self._closed = ""
        self._thread.start()

    def stop(self, timeout_s: float) -> bool:
        """Write what waits, then end. False: the disk still hangs after ``timeout_s``."""
        with self._lock:
            started, self._closed = self._thread.ident is not None, self._closed or "kioskd is ending."
        if not started:
            return True
        self._jobs.put(None)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def commit(self, key: CallKey, tool: str, arguments: str, *, told: bool = True, access: bool = False) -> None:
        """Write an intent. Answered by IntentCommitted when it is durable (``fresh`` False: this key has been here
        before), else by IntentFailed. ``told`` and ``access``: see jobs.Intent."""
        refusal = self._put(Intent(key, tool, arguments, told, access))
        if refusal:
            self._post(IntentFailed(key, refusal))

    def record(self, key: CallKey, tool: str, outcome: str, reason: str, *, told: bool = True) -> None:
        """Write how a call ended; also one that was refused without an intent, whose key is used up by that."""
        refusal = self._put(Ending(key, tool, outcome, reason, told))
        if refusal:
            self._counts["lost"] += 1
            log.error("the outcome of %s (%s: %s) is not in the ledger: %s", tool, key, outcome, refusal)

    def audit(self, what: str, data: Mapping[str, object]) -> None:
        """A line for the audit trail."""
        if self._put(Entry(what, data)):
            self._counts["lost"] += 1

    def keep_lock(self, tool: str, for_s: float) -> None:
        """Remember a lock-out over a restart."""
        if self._put(Lock(tool, for_s)):
            self._counts["lost"] += 1

    def when_kept(self, tell: Callable[[str], None]) -> None:
        """``tell`` gets an empty text as soon as every lock-out so far is on the disk, else why it is not; in any
        thread, and it must not block."""
        if refusal := self._put(Kept(tell)):
            tell(refusal)

    def repair(self) -> str:
        """Make texts readable that are none; how it went is in ``trail()``. A sentence when that cannot be begun."""
        return self._put(Repair())

    def trail(self) -> dict[str, object]:
        """See ``Trail.told``; ``doubt``, ``mended`` and ``repairs``: see ``Book``."""
        book = self._book
        return {**book.trail.told(), "doubt": book.doubt, "mended": book.mended, "repairs": book.repairs}

    def unknowns(self) -> tuple[Unknown, ...]:
        """What was about to move when the process before this one ended: reported, never tried again."""
        return self._book.unknowns

    def snapshot(self) -> dict[str, object]:
        """For status: ``state reason unknown renewed unwritten`` and counts since start."""
        return {
            "state": self._state.value,
            "reason": self._reason,
            "unknown": [f"{unknown.tool} ({unknown.key.call_id})" for unknown in self._book.unknowns],
            "renewed": self._book.renewed,
            "doubt": self._book.doubt,
            "unwritten": len(self._book.endings),
            "audit": self._book.trail.snapshot(),
            **self._counts,
            "recorded": self._book.endings.recorded,
            "lost": self._counts["lost"] + self._book.endings.lost,
        }

    def _put(self, job: Job) -> str:
        with self._lock:
            if self._closed:
                return self._closed
            if self._jobs.qsize() >= MOST_WAITING:
                return f"The disk under {self._path} hangs; too much is waiting for it."
            self._jobs.put(job)
            return ""

    # -- the thread ------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            if self._try(self._book.opened):
                self._try(self._book.opened)  # a damaged file has been put aside by now
            self._pruned_at = time.monotonic()
            while self._serve():
                pass
        except Exception as error:  # the thread's one boundary: the house decides what to do about it
            log.exception("the ledger's thread ended")
            self._claim(PartState.FAILED, f"The ledger's thread ended by a fault: {type(error).__name__}: {error}")
            self._refuse_all("The ledger's thread has ended; kioskd must be restarted.")
            self._post(ThreadDied(THREAD, repr(error)))
        finally:
            self._book.close()
            self._book.trail.close()

    def _serve(self) -> bool:
        """One job, or one look whether the disk works again. False: stopped."""
        running = self._state is PartState.RUNNING and not self._book.endings
        prune_s = max(0.0, self._pruned_at + PRUNE_S - time.monotonic())
        idle_s = SYNC_S if running and self._book.trail.unsynced else prune_s if running else self._retry_s
        try:
            job = self._jobs.get(timeout=idle_s)
        except Empty:
            self._try(self._book.trail.sync if idle_s == SYNC_S else self._prove)
            return True
        if isinstance(job, Intent):
            self._commit(job)
        elif isinstance(job, Ending):
            self._book.endings.add(job)
            self._try(self._book.catch_up)
        elif isinstance(job, Entry):
            self._try(partial(self._book.trail.append, job.what, job.data))
        elif isinstance(job, Lock):
            self._try(partial(self._book.lock_out, job))
        elif isinstance(job, Kept):
            job.tell(self._try(self._book.opened) or self._try(self._book.keep_locks))
        elif isinstance(job, Repair):
            self._try(self._book.repair)
        else:
            self._try(self._book.catch_up)
            self._try(self._book.trail.sync)
        return job is not None

    def _commit(self, intent: Intent) -> None:
        fresh, doubt = False, ""

        def write() -> None:
            nonlocal fresh, doubt
            self._book.opened()
            doubt = self._book.doubt if intent.access else ""
            fresh = not doubt and self._book.intend(intent)

        trouble = self._try(write) or doubt
        if trouble:
            self._post(IntentFailed(intent.key, trouble))
            return
        self._counts["committed" if fresh else "repeated"] += 1
        self._post(IntentCommitted(intent.key, fresh))

    def _prove(self) -> None:
        """Nothing asks: does writing work (again), and is anything old enough to be forgotten?"""
        self._book.prove()
        if time.monotonic() - self._pruned_at >= PRUNE_S:
            self._book.prune()
            self._pruned_at = time.monotonic()

    def _try(self, write: Callable[[], object]) -> str:
        """Do it; empty, or the sentence that says why it could not be done. The file is opened anew next time."""
        from sqlite3 import Error
        from kioskd.actions.aside import advice, is_damage, put_aside
        from kioskd.actions.store import Damaged

        try:
            write()
        except (Error, OSError, Damaged) as error:
            self._counts["failed"] += 1
            self._book.close()
            if isinstance(error, Unrecorded):
                self._claim(PartState.FAILED, str(error))
                return str(error)
            damaged = isinstance(error, Damaged) or (isinstance(error, Error) and is_damage(error))
            if damaged:
                trouble, self._book.renewed = put_aside(self._path, str(error), self._book.renewed)
            else:
                trouble = advice(self._path, error)
            self._claim(PartState.FAILED, trouble)
            return trouble
        if self._book.store is not None and not self._book.trail.problem:  # one of the two alone is not enough
            self._claim(PartState.RUNNING, self._book.renewed)
        if self._book.doubt != self._doubted:
            self._doubted = self._book.doubt
            self._post(PartChanged(TEXT_PART, PartState.FAILED if self._doubted else PartState.RUNNING, self._doubted))
        return ""

    def _claim(self, state: PartState, reason: str) -> None:
        if (state, reason) == (self._state, self._reason):
            return
        self._state, self._reason = state, reason
        log.log(logging.INFO if state is PartState.RUNNING else logging.ERROR, "ledger: %s %s", state.value, reason)
        self._post(PartChanged(PART, state, reason))

    def _refuse_all(self, why: str) -> None:
        with self._lock:
            self._closed = why
        while True:
            try:
                job = self._jobs.get_nowait()
            except Empty:
                return
            if isinstance(job, Intent):
                self._post(IntentFailed(job.key, why))
            elif isinstance(job, Kept):
                job.tell(why)
