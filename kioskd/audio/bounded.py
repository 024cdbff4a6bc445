"""Calls that may never return, in a thread of their own; whoever waits for one may give up.

Opening, closing and listing devices asks the sound server, and libpulse has no timeout: a server that is stopped
blocked each of them until it went on (measured: SIGSTOP for 6 s, ``close`` took 5.8 s).
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from typing import Callable, Generic, TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")

THREAD = "kioskd-devices"
# A call that has not returned for so long is wedged for good. Whoever asks then waits without end: a thread that does
# not move is what ends the process (exit 70), and nothing less gets rid of a deadlock inside a library. A guess.
WEDGED_S = 60.0


class Trouble:
    """What went wrong where nobody waited any more, in the whole process. Any thread reads.

    Attributes:
        faults: late results that could not be undone: a device that may still be held.
        last: the latest of them, a sentence; empty before the first.
    """

    def __init__(self) -> None:
        self.faults = 0
        self.last = ""

    def note(self, error: Exception) -> None:
        """One more."""
        self.faults += 1
        self.last = f"a device that was opened too late could not be closed ({type(error).__name__}: {error})"

    def snapshot(self) -> dict[str, object]:
        """For status."""
        return {"faults": self.faults, "last_fault": self.last}


TROUBLE = Trouble()


class _Errand(Generic[T]):
    """One call, what came of it, and whether anybody still wants it."""

    def __init__(self, work: Callable[[], T], undo: Callable[[T], object], must: bool) -> None:
        self._work, self._undo, self._must = work, undo, must
        self._lock = threading.Lock()
        self._ready = threading.Event()
        self._left = False
        self._result: list[T] = []
        self._error: BaseException | None = None

    def run(self) -> None:
        """Do it, unless nobody waits; undo it when nobody has waited to the end. The runner's thread."""
        if self._left and not self._must:
            return
        try:
            result = [self._work()]
        except BaseException as error:  # it goes to whoever waits, as if raised there
            result, self._error = [], error
        with self._lock:
            self._result = result
            self._ready.set()
            left = self._left
        if not left:
            return
        if self._error is not None:
            log.debug("a call that nobody waited for any more failed: %s", self._error)
        for value in result:
            self._undo(value)

    def await_result(self, timeout_s: float | None) -> T:
        """What came of it.

        Raises:
            TimeoutError: nothing yet; it is undone when it comes.
        """
        self._ready.wait(timeout_s)
        with self._lock:
            if not self._ready.is_set():
                self._left = True
                raise TimeoutError
        if self._error is not None:
            raise self._error
        return self._result[0]


class Bounded:
    """Does calls one after the other, in a daemon thread that lives while there is something to do.

    Args:
        trouble: counts what goes wrong where nobody waits any more.
    """

    def __init__(self, trouble: Trouble = TROUBLE) -> None:
        self._trouble = trouble
        self._errands: deque[Callable[[], None]] = deque()
        self._lock = threading.Lock()
        self._running = False
        self._busy_since: float | None = None

    @property
    def busy_s(self) -> float:
        """How long the present call has been running; 0.0 when there is none."""
        since = self._busy_since
        return 0.0 if since is None else time.monotonic() - since

    def call(
        self,
        work: Callable[[], T],
        timeout_s: float,
        undo: Callable[[T], object] = lambda value: None,
        must: bool = False,
    ) -> T:
        """``work()`` in the runner's thread. Any thread but that one.

        Args:
            undo: called in the runner's thread with a result that came too late.
            must: it is done even when nobody has waited for its beginning.

        Raises:
            TimeoutError: not done within ``timeout_s``.
        """
        errand = _Errand(work, undo, must)
        with self._lock:
            self._errands.append(errand.run)
            if not self._running:
                self._running = True
                threading.Thread(target=self._run, name=THREAD, daemon=True).start()
        return errand.await_result(None if self.busy_s > WEDGED_S else timeout_s)

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._errands:
                    self._running = False
                    return
                run = self._errands.popleft()
            self._busy_since = time.monotonic()
            try:
                run()
            except Exception as error:
                # The boundary of the thread: undoing a late result failed, and the next errand is due all the same.
                log.exception("A device that was opened too late could not be closed")
                self._trouble.note(error)
            finally:
                self._busy_since = None
