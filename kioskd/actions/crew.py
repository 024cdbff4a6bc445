"""Threads that do what takes time, each job with a bound: whoever waits gets exactly one answer.

A job that hangs past its bound is answered for ("no answer"), its thread is named in ``snapshot`` and replaced by a
spare one; when it comes back after all, it ends. Python cannot end a thread from outside.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Callable

from kioskd.actions.outcome import Outcome, failed

log = logging.getLogger(__name__)

# The machine has at most 8 open calls; what is beyond this does not come from it.
MOST_WAITING = 32


@dataclass(eq=False, slots=True)
class Job:
    """One thing to do.

    Attributes:
        name: the tool, for status and journal.
        run: does it; blocks; runs in a thread of the crew.
        ended: takes the outcome, exactly once, in a thread of the crew or of its timer; must not block.
        bound_s: seconds from submitting to "no answer".
    """

    name: str
    run: Callable[[], Outcome]
    ended: Callable[[Outcome], None]
    bound_s: float
    thread: str = ""
    over: bool = False
    timer: threading.Timer | None = None


class Crew:
    """A few daemon threads and their jobs. ``submit`` and ``snapshot`` may be called from any thread.

    Args:
        name: the threads are called ``NAME-1``, ``NAME-2`` and so on.
        threads: how many work at the same time.
        spares: how many hanging threads are replaced before the crew makes do with what is left.
    """

    def __init__(self, name: str, threads: int, spares: int) -> None:
        self._name = name
        self._spares = spares
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._stuck: dict[str, str] = {}  # thread: tool
        self._replaced: set[str] = set()  # stuck threads whose place a spare has taken
        self._stopping = False
        self._counter = 0
        self.faults = 0  # jobs that ended by an exception nobody foresaw
        for _ in range(threads):
            self._add()

    def submit(self, job: Job) -> bool:
        """Have it done; never blocks. False: the crew is stopping, or has far too much to do."""
        with self._lock:
            if self._stopping or self._jobs.qsize() >= MOST_WAITING:
                return False
            job.timer = threading.Timer(job.bound_s, self._overdue, (job,))
            job.timer.name = f"{self._name}-bound"
            job.timer.daemon = True
            try:
                job.timer.start()
            except RuntimeError as error:
                # No thread can be had (a program may have used up all that the unit may have): nothing without a bound.
                log.error("%s cannot be done: %s", job.name, error)
                return False
            self._jobs.put(job)
            return True

    def stop(self, timeout_s: float) -> bool:
        """Begin nothing more, answer for what waits, wait for what runs. False: a thread still hangs."""
        deadline = time.monotonic() + timeout_s
        with self._lock:
            self._stopping = True
        self._dismiss()
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        late = [thread.name for thread in self._threads if thread.is_alive()]
        if late:
            log.warning("did not end within %.1f s: %s", timeout_s, ", ".join(late))
        return not late

    def snapshot(self) -> dict[str, object]:
        """``stuck``: tool by thread; ``faults``; ``waiting`` jobs."""
        with self._lock:
            return {"stuck": dict(self._stuck), "faults": self.faults, "waiting": self._jobs.qsize()}

    def _add(self) -> None:
        self._counter += 1
        thread = threading.Thread(target=self._serve, name=f"{self._name}-{self._counter}", daemon=True)
        self._threads = [one for one in self._threads if one.is_alive()] + [thread]
        thread.start()

    def _dismiss(self) -> None:
        """Answer for the jobs that nobody has begun."""
        while True:
            try:
                job = self._jobs.get_nowait()
            except Empty:
                return
            if job is not None:
                self._end(job, failed("kioskd is ending; nothing was done."))

    def _serve(self) -> None:
        me = threading.current_thread().name
        while (job := self._jobs.get()) is not None:
            if not self._begin(job, me):
                continue
            self._end(job, self._do(job))
            with self._lock:
                self._stuck.pop(me, None)
                if me in self._replaced:
                    self._replaced.discard(me)
                    return

    def _begin(self, job: Job, thread: str) -> bool:
        with self._lock:
            if not job.over:
                job.thread = thread
            return not job.over

    def _do(self, job: Job) -> Outcome:
        try:
            return job.run()
        except Exception as error:
            # The boundary of this thread: a fault of one action must not take the next one's thread away.
            self.faults += 1
            log.exception("%s ended by a fault", job.name)
            return failed(
                f"{job.name} ended by a fault of kioskd ({type(error).__name__}); the journal has the details."
            )

    def _end(self, job: Job, outcome: Outcome) -> bool:
        with self._lock:
            if job.over:
                return False
            job.over = True
        if job.timer is not None:
            job.timer.cancel()
        job.ended(outcome)
        return True

    def _overdue(self, job: Job) -> None:
        with self._lock:
            if job.over:
                return
            job.over = True
            hangs = job.thread
            if hangs:
                self._stuck[hangs] = job.name
                if len(self._replaced) < self._spares and not self._stopping:
                    self._replaced.add(hangs)
                    self._add()
        log.error("%s gave no answer within %.1f s (thread %s)", job.name, job.bound_s, hangs or "none was free")
        job.ended(failed(f"{job.name} gave no answer within {job.bound_s:g} s; whether it was done is not known."))
