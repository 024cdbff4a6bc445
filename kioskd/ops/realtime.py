"""Real-time priority for the audio threads, where the unit allows it (the drop-in realtime.conf); else never missed.

A thread is given SCHED_FIFO from outside, by its name: the rooms know nothing of it. Without the right to do so nothing
is tried at all: under the unit's own sandbox the very call is refused.
"""

from __future__ import annotations

import logging
import os
import threading
from typing import Callable, Iterable, Mapping, Protocol

log = logging.getLogger(__name__)

# SCHED_FIFO priorities by thread, as JACK and PipeWire have them at 70 to 88, below the kernel's own interrupt threads
# (50) here: a thread of ours must not keep the sound card's interrupt from being served. The speaker goes before the
# microphone: a hole is heard, and what the microphone brings waits in its ring.
WANTED: Mapping[str, int] = {"kioskd-play": 20, "kioskd-capture": 19}


class Named(Protocol):
    """What is needed of a ``threading.Thread``."""

    @property
    def name(self) -> str:
        """As ps -L shows it."""

    @property
    def native_id(self) -> int | None:
        """The kernel's number of it; None: it has not begun."""


Schedule = Callable[[int, int], None]


def schedule(thread: int, priority: int) -> None:
    """Have that thread run before all that is not real time. What it starts does not inherit it.

    Raises:
        OSError: it may not.
    """
    os.sched_setscheduler(thread, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(priority))


def limit() -> int:
    """RLIMIT_RTPRIO: the highest priority that this process may give (setrlimit(2)); 0: none."""
    import resource  # once, at start

    most, _ = resource.getrlimit(resource.RLIMIT_RTPRIO)
    return 99 if most == resource.RLIM_INFINITY else most


class Realtime:
    """Gives the audio threads their priority as they come. Loop only.

    Args:
        most: the highest priority that may be given; 0 where the unit has no such drop-in.
        give: gives it.
        threads: those that run.

    Attributes:
        problem: why the right could not be used, a sentence; empty while nothing is wrong, also where there is none.
    """

    def __init__(
        self,
        most: int,
        give: Schedule = schedule,
        threads: Callable[[], Iterable[Named]] = threading.enumerate,
    ) -> None:
        self._most, self._give, self._threads = most, give, threads
        self._given: dict[str, tuple[int, int]] = {}  # thread's number and priority, by name
        self.problem = ""

    def look(self) -> None:
        """See to threads that are new; call it once a second. Never raises."""
        if self._most < 1 or self.problem:
            return
        for thread in self._threads():
            number, wanted = thread.native_id, WANTED.get(thread.name)
            if wanted is None or number is None or self._given.get(thread.name, (0, 0))[0] == number:
                continue
            priority = min(wanted, self._most)
            try:
                self._give(number, priority)
            except ProcessLookupError:
                continue  # it ended just now
            except OSError as error:
                self.problem = f"{thread.name} cannot be given real-time priority: {error.strerror}"
                log.warning("%s; sound goes on without", self.problem)
                return
            self._given[thread.name] = (number, priority)
            log.info("%s has real-time priority %d", thread.name, priority)

    def snapshot(self) -> dict[str, object]:
        """For status."""
        given = {name: priority for name, (_, priority) in self._given.items()}
        return {"allowed": self._most, "given": given, "problem": self.problem}
