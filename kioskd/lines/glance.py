"""How the lines stand, for status: read by a thread, because a driver may take its time, and the loop may not."""

from __future__ import annotations

import logging
import threading
import time
from typing import Callable, Mapping

log = logging.getLogger(__name__)

# So long the loop waits for a driver that answers as drivers do, in microseconds; a slow one is told of next time.
PATIENCE_S = 0.005


class Glance:
    """``look``: one thread (the loop).

    Args:
        read: how they stand; may block. Called in a thread of its own, one at a time.
    """

    def __init__(self, read: Callable[[], Mapping[str, object]]) -> None:
        self._read = read
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._began_at: float | None = None  # a read is under way since then
        self._known: Mapping[str, object] = {}
        self._known_at: float | None = None

    def look(self) -> dict[str, object]:
        """How they stand, now where the driver is quick; else as they last were, and since when it has not answered."""
        now = time.monotonic()
        with self._lock:
            begins = self._began_at is None
            if begins:
                self._began_at = now
                self._done.clear()
        if begins:
            threading.Thread(target=self._run, name="lines-glance", daemon=True).start()
            self._done.wait(PATIENCE_S)
        with self._lock:
            shown = dict(self._known)
            if self._began_at is not None:
                shown["unanswered_s"] = round(now - self._began_at, 3)
            if self._known_at is not None and self._known_at < now:
                shown["age_s"] = round(now - self._known_at, 3)
        return shown

    def _run(self) -> None:
        known: Mapping[str, object] = {}
        try:
            known = self._read()
        except Exception as error:
            # The boundary of this thread: status says why it does not know.
            log.exception("the lines could not be read for status")
            known = {"problem": f"the lines could not be read: {type(error).__name__}: {error}"}
        finally:
            with self._lock:
                self._known, self._known_at, self._began_at = known, time.monotonic(), None
            self._done.set()
