"""The second thread behind every relay: it releases a line that stayed on longer than it may, whoever energised it."""

from __future__ import annotations

import logging
import threading
import time
from typing import Callable

log = logging.getLogger(__name__)

# The line's own thread ends a pulse; only where it does not, this one does, so much later. A guess: a thread of a busy
# board is late by tens of milliseconds, and a fuse that blows without need says that something is broken.
GRACE_S = 0.25
# A release that fails is tried again so soon, and for as long as it takes, for the door is open meanwhile; from the
# tenth time on more seldom, for then the chip is gone or its driver broken. Guesses.
RETRY_S, SELDOM_S, QUICK_TRIES = 0.1, 2.0, 10


class Fuse:
    """One for each relay, with a thread of its own, started with it: a door must not depend on whether a thread can be
    had at that moment.

    Args:
        name: the line's, for the journal.
        longest_s: the line may be on for so long; ``GRACE_S`` later the fuse blows.
        release: drives the line inactive, or raises; called in the fuse's thread, must not wait for other threads.
    """

    def __init__(self, name: str, longest_s: float, release: Callable[[], None]) -> None:
        if not longest_s > 0.0:
            raise ValueError(f"{name} may be on for {longest_s} s: it must be above 0")
        self._name = name
        self._longest_s = longest_s
        self._release = release
        self._changed = threading.Condition()
        self._due: float | None = None
        self._closed = False
        self._blowing_since: float | None = None
        self.blown = 0  # how often it had to release the line
        self.failed_in_a_row = 0  # releases; it is being tried again
        self._thread = threading.Thread(target=self._run, name=f"lines-fuse-{name}", daemon=True)
        self._thread.start()

    def arm(self) -> None:
        """The line is about to be energised. Armed already: the first deadline stays. Any thread."""
        with self._changed:
            if self._due is None:
                self._due = time.monotonic() + self._longest_s + GRACE_S
                self._changed.notify()

    def disarm(self) -> None:
        """The line is released. Any thread."""
        with self._changed:
            self._due = None  # the thread wakes once more at the old time and finds nothing: no wake-up for a pulse

    def close(self) -> None:
        """End the thread; it is not waited for. Idempotent."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    @property
    def hangs_s(self) -> float:
        """For how long the release has been under way: a driver that does not return. 0.0: it is not. Any thread."""
        began = self._blowing_since
        return 0.0 if began is None else time.monotonic() - began

    def _run(self) -> None:
        while self._wait():
            self._blow()

    def _wait(self) -> bool:
        """Until it is time to blow; False: closed."""
        with self._changed:
            while not self._closed:
                left_s = None if self._due is None else self._due - time.monotonic()
                if left_s is not None and left_s <= 0.0:
                    self._due = None  # whoever energises the line from here on arms it anew
                    return True
                self._changed.wait(left_s)
        return False

    def _blow(self) -> None:
        self._blowing_since = time.monotonic()
        try:
            self._release()
        except Exception as error:
            # The boundary of this thread, which must not end while the line is on: said, and tried again.
            self._again(error)
        else:
            self.blown += 1
            self.failed_in_a_row = 0
            log.critical("%s was on for more than %.3g s and was released by its fuse", self._name, self._longest_s)
        finally:
            self._blowing_since = None

    def _again(self, error: Exception) -> None:
        self.failed_in_a_row += 1
        why = "%s is on for too long and could not be released (%s); it is tried again"
        log.error(why, self._name, error, exc_info=error if self.failed_in_a_row == 1 else None)
        with self._changed:
            self._due = time.monotonic() + (RETRY_S if self.failed_in_a_row < QUICK_TRIES else SELDOM_S)
