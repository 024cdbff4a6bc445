"""One thread that waits for the edges of all libgpiod lines. It sleeps in the kernel while nothing moves."""

from __future__ import annotations

import logging
import os
import selectors
import threading
from typing import Callable, NamedTuple

log = logging.getLogger(__name__)

STOP_S = 2.0  # how long close waits for the thread; callbacks take microseconds, so this is generous (guess)


class Watched(NamedTuple):
    """``drain`` reads and reports the edges; ``lost`` is told when that is no longer possible."""

    drain: Callable[[], None]
    lost: Callable[[OSError], None]


class EdgeReader:
    """Calls ``drain`` in its own thread whenever the file descriptor is readable. The first watch starts the thread."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._selector.register(self._wake, selectors.EVENT_READ, None)
        self._lock = threading.RLock()
        self._thread: threading.Thread | None = None
        self._stopping = False
        self.errors = 0  # callbacks that raised

    def watch(self, fd: int, drain: Callable[[], None], lost: Callable[[OSError], None]) -> None:
        """Any thread."""
        with self._lock:
            self._selector.register(fd, selectors.EVENT_READ, Watched(drain, lost))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="lines-edges", daemon=True)
                self._thread.start()

    def unwatch(self, fd: int) -> None:
        """Any thread, also from inside ``drain``. When it returns, no other thread is inside ``drain``."""
        with self._lock:
            if fd in self._selector.get_map():
                self._selector.unregister(fd)

    def close(self) -> None:
        """End the thread. Not from inside ``drain``."""
        self._stopping = True
        os.eventfd_write(self._wake, 1)
        if self._thread is not None:
            self._thread.join(STOP_S)
            if self._thread.is_alive():
                log.error("the thread that reads GPIO edges did not end within %s s", STOP_S)
                return
        self._selector.close()
        os.close(self._wake)

    def _run(self) -> None:
        while not self._stopping:
            for key, _ in self._selector.select():
                if key.data is not None:
                    self._serve(key.fd, key.data)

    def _serve(self, fd: int, watched: Watched) -> None:
        # The lock is held while edges are read and reported, so that unwatch knows when the line can be let go.
        with self._lock:
            if self._stopping or fd not in self._selector.get_map():
                return
            try:
                watched.drain()
            except OSError as error:
                # A chip that was pulled out is readable for ever: without this the thread would spin.
                self._selector.unregister(fd)
                self._lose(watched, error)
            except Exception:
                # The boundary of this thread: one bad callback must not make every other line deaf.
                self.errors += 1
                log.exception("a GPIO callback failed")

    def _lose(self, watched: Watched, error: OSError) -> None:
        try:
            watched.lost(error)
        except Exception:
            self.errors += 1  # as above
            log.exception("a GPIO line is lost, and nobody could be told")
