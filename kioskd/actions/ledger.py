"""The ledger: an intent is on the disk before anything moves, its outcome after. At most once, across power cuts.

A thread of its own writes; the loop hands jobs over and gets events back. When the disk does not take them, nothing
moves, status says so, and outcomes wait in memory until writing works again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Callable, NamedTuple

from kioskd.core.events import IntentCommitted, IntentFailed, PartChanged, ThreadDied
from kioskd.core.ports import Post
from kioskd.core.words import CallKey, PartState

if TYPE_CHECKING:
    # SQLite is loaded with it, in the ledger's own thread: it costs 2 MB and 15 ms of the start.
    from kioskd.actions.store import Store, Unknown

log = logging.getLogger(__name__)

THREAD = "kioskd-ledger"
PART = "ledger"
# How often a ledger that cannot write tries whether it can again. A guess: an owner who has freed the disk is
# answered while still looking.
RETRY_S = 5.0
PRUNE_S = 86_400.0
# Jobs that may wait for a disk that hangs; the machine has at most 8 open calls.
MOST_WAITING = 256
# Ending kept in memory while the disk takes none.
MOST_UNWRITTEN = 1000


class Intent(NamedTuple):
    """One intent, to be written and answered."""

    key: CallKey
    tool: str
    arguments: str


class Ending(NamedTuple):
    """How a call ended, to be written."""

    key: CallKey
    tool: str
    outcome: str
    reason: str


class Ledger:
    """Public methods: any thread, none blocks except ``stop``.

    Args:
        path: the file; made with mode 0600 when it is missing.
        post: gets IntentCommitted or IntentFailed for each ``commit``, PartChanged and ThreadDied.
        clock: seconds since 1970.
        retry_s: see ``RETRY_S``.
    """

    def __init__(
        self, path: Path | str, post: Post, clock: Callable[[], float] = time.time, retry_s: float = RETRY_S
    ) -> None:
        self._path = Path(path)
        self._post = post
        self._clock = clock
        self._retry_s = retry_s
        self._jobs: SimpleQueue[Intent | Ending | None] = SimpleQueue()
        self._unwritten: deque[Ending] = deque()
        self._lock = threading.Lock()  # "take no more jobs" and "one more job" exclude each other
        self._closed = "The ledger has not been started."
        self._thread = threading.Thread(target=self._run, name=THREAD, daemon=True)
        self._store: Store | None = None
        self._begun = False  # this process has marked the intents of the one before it
        self._unknowns: tuple[Unknown, ...] = ()
        self._renewed = ""  # why this ledger does not hold what came before; a sentence
        self._state, self._reason = PartState.STARTING, ""
        self._pruned_at = 0.0
        self._counts = {"committed": 0, "repeated": 0, "recorded": 0, "failed": 0, "lost": 0}

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

    def commit(self, key: CallKey, tool: str, arguments: str) -> None:
        """Write an intent. Answered by IntentCommitted when it is durable (``fresh`` False: this key has been here
        before), else by IntentFailed."""
        refusal = self._put(Intent(key, tool, arguments))
        if refusal:
            self._post(IntentFailed(key, refusal))

    def record(self, key: CallKey, tool: str, outcome: str, reason: str) -> None:
        """Write how a call ended; also one that was refused without an intent, whose key is used up by that."""
        refusal = self._put(Ending(key, tool, outcome, reason))
        if refusal:
            self._counts["lost"] += 1
            log.error("the outcome of %s (%s: %s) is not in the ledger: %s", tool, key, outcome, refusal)

    def unknowns(self) -> tuple[Unknown, ...]:
        """What was about to move when the process before this one ended: reported, never tried again."""
        return self._unknowns

    def snapshot(self) -> dict[str, object]:
        """For status: ``state reason unknown renewed unwritten`` and counts since start."""
        return {
            "state": self._state.value,
            "reason": self._reason,
            "unknown": [f"{unknown.tool} ({unknown.key.call_id})" for unknown in self._unknowns],
            "renewed": self._renewed,
            "unwritten": len(self._unwritten),
            **self._counts,
        }

    def _put(self, job: Intent | Ending) -> str:
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
            if self._try(self._opened):
                self._try(self._opened)  # a damaged file has been put aside by now
            while self._serve():
                pass
        except Exception as error:  # the thread's one boundary: the house decides what to do about it
            log.exception("the ledger's thread ended")
            self._claim(PartState.FAILED, f"The ledger's thread ended by a fault: {type(error).__name__}: {error}")
            self._refuse_all("The ledger's thread has ended; kioskd must be restarted.")
            self._post(ThreadDied(THREAD, repr(error)))
        finally:
            self._close()

    def _serve(self) -> bool:
        """One job, or one look whether the disk works again. False: stopped."""
        idle_s = self._retry_s if self._state is not PartState.RUNNING or self._unwritten else PRUNE_S
        try:
            job = self._jobs.get(timeout=idle_s)
        except Empty:
            self._try(self._prove)
            return True
        if job is None:
            if self._unwritten:
                self._try(self._catch_up)
            return False
        if isinstance(job, Intent):
            self._commit(job)
        else:
            self._record(job)
        return True

    def _commit(self, intent: Intent) -> None:
        fresh = False

        def write() -> None:
            nonlocal fresh
            # A key that was refused while the disk was full must be in the file before anybody asks whether it is new.
            self._catch_up()
            fresh = self._opened().intend(intent.key, intent.tool, intent.arguments, self._clock())

        trouble = self._try(write)
        if trouble:
            self._post(IntentFailed(intent.key, trouble))
            return
        self._counts["committed" if fresh else "repeated"] += 1
        self._post(IntentCommitted(intent.key, fresh))

    def _record(self, ending: Ending) -> None:
        self._unwritten.append(ending)
        if len(self._unwritten) > MOST_UNWRITTEN:
            lost = self._unwritten.popleft()
            self._counts["lost"] += 1
            log.error("the outcome of %s (%s: %s) is lost: the disk takes nothing", lost.tool, lost.key, lost.outcome)
        self._try(self._catch_up)

    def _catch_up(self) -> None:
        store = self._opened()
        while self._unwritten:
            store.record(*self._unwritten[0], at=self._clock())
            self._unwritten.popleft()
            self._counts["recorded"] += 1

    def _prove(self) -> None:
        """Nothing asks: does writing work (again), and is anything old enough to be forgotten?"""
        self._catch_up()
        store = self._opened()
        store.prove(self._clock())
        if time.monotonic() - self._pruned_at >= PRUNE_S:
            store.prune(self._clock())
            self._pruned_at = time.monotonic()

    def _try(self, write: Callable[[], object]) -> str:
        """Do it; empty, or the sentence that says why it could not be done. The file is opened anew next time."""
        from sqlite3 import Error

        from kioskd.actions.store import Damaged, advice, is_damage

        try:
            write()
        except (Error, OSError, Damaged) as error:
            self._counts["failed"] += 1
            self._close()
            damaged = isinstance(error, Damaged) or (isinstance(error, Error) and is_damage(error))
            trouble = self._put_aside(str(error)) if damaged else advice(self._path, error)
            self._claim(PartState.FAILED, trouble)
            return trouble
        self._claim(PartState.RUNNING, self._renewed)
        return ""

    # -- the file --------------------------------------------------------------------------------

    def _opened(self) -> Store:
        from kioskd.actions.store import Store

        if self._store is not None and self._store.moved:
            self._renewed = f"The ledger {self._path} was moved or deleted while kioskd ran; a new one was begun."
            self._close()
        if self._store is None:
            self._store = Store(self._path)
            self._begin(self._store)
        return self._store

    def _begin(self, store: Store) -> None:
        """Once in a process: what the one before left open is unknown, and is never tried again."""
        if self._begun:
            return
        self._unknowns = store.give_up(self._clock())
        self._begun = True
        for unknown in self._unknowns:
            log.warning("whether %s (%s) was done is unknown: kioskd ended meanwhile", unknown.tool, unknown.key)
        store.prune(self._clock())
        self._pruned_at = time.monotonic()

    def _put_aside(self, found: str) -> str:
        """A damaged file is kept for whoever wants to look; the next write begins a new one. The sentence about it.

        That forgets which call ids were used, which is safe: a session's id is new on every connect, policy refuses
        calls of any session but the live one, and within this process Actions runs no key twice.
        """
        from kioskd.actions.store import move_aside

        try:
            aside = move_aside(self._path)
        except OSError as error:
            return f"The ledger {self._path} is damaged ({found}) and cannot be moved aside: {error.strerror}."
        self._renewed = (
            f"The ledger was damaged ({found}) and lies in {aside} now; a new one was begun, earlier calls are not in "
            "it. Look at the storage of this device."
        )
        return self._renewed

    def _close(self) -> None:
        store, self._store = self._store, None
        if store is not None:
            store.close()

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
