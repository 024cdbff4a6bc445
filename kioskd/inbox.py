"""The corridor's one door: facts from any thread enter the event loop here, and nowhere else."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Callable

from kioskd.core.events import Event

# One batch may hold the loop for this many events at most; the rest waits for the next turn of the loop,
# so a chatty thread cannot starve the sockets. 64 machine steps take well under a millisecond
# (python -m benchmarks machine_us).
BATCH = 64


class Bell:
    """A coalescing wake-up: however often it rings before the loop looks, the callback runs once.

    ``ring`` may be called from any thread, and from the loop itself. After the inbox is closed it does nothing.
    """

    __slots__ = ("_inbox", "_callback", "_rung", "rings")

    def __init__(self, inbox: Inbox, callback: Callable[[], None]) -> None:
        self._inbox = inbox
        self._callback = callback
        self._rung = False
        self.rings = 0  # wake-ups that really reached the loop; the tests for "nobody speaks" count them

    def ring(self) -> None:
        """Have the callback run soon on the loop. Any thread."""
        if self._rung:
            # Already on its way: the callback clears the flag before it looks, so what the ringer
            # put down before ringing will be seen.
            return
        self._rung = True
        self._inbox._wake(self._run)

    def _run(self) -> None:
        self._rung = False
        self.rings += 1
        self._callback()


class Inbox:
    """First in, first out, never drops.

    Args:
        loop: the event loop that ``deliver`` runs in.
        deliver: called on the loop once for each event, in the order of posting.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, deliver: Callable[[Event], None]) -> None:
        self._loop = loop
        self._deliver = deliver
        # deque: append and popleft are atomic under CPython, also against signal handlers.
        self._events: deque[Event] = deque()
        self._bell = Bell(self, self._drain)
        self._closed = False
        self.posted = 0
        self.refused = 0

    def post(self, event: Event) -> bool:
        """Hand a fact to the machine.

        * May be called from any thread and from the loop; not from a signal handler (the loop turns
          signals into ordinary calls, see app.py).
        * Never blocks and never drops: control facts are few, audio does not come this way.
        * Events of one thread are delivered in the order in which that thread posted them; events of
          different threads in the order in which they arrived here.
        * Soon, but not when: the loop takes at most ``BATCH`` events in one turn.
        * An exception raised by ``deliver`` goes to the loop's exception handler; later events still come.
        * After ``close`` the event is refused: False is returned and ``refused`` counts it. A call that
          returned True before ``close`` was called is delivered.
        """
        if self._closed:
            self.refused += 1
            return False
        self.posted += 1
        self._events.append(event)
        self._bell.ring()
        return True

    def bell(self, callback: Callable[[], None]) -> Bell:
        """A wake-up for one lane: ``callback`` runs on the loop after ``ring``. Carries no data."""
        return Bell(self, callback)

    def _wake(self, run: Callable[[], None]) -> None:
        if self._loop.is_closed():
            return
        self._loop.call_soon_threadsafe(run)

    def _drain(self) -> None:
        for _ in range(min(len(self._events), BATCH)):
            event = self._events.popleft()
            try:
                self._deliver(event)
            except Exception as error:
                # The corridor goes on: one event that the machine cannot take must not stop those behind it.
                self._loop.call_exception_handler(
                    {"message": f"the machine could not take {event!r}", "exception": error}
                )
        if self._events:
            self._bell.ring()

    def close(self) -> None:
        """Deliver what is here and refuse what comes. Loop only."""
        self._closed = True
        while self._events:
            self._drain()
