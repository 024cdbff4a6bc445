"""The timeline: every note in memory for ``kioskctl watch``, and, where asked for, in files a person can read later.

The loop only appends to a bounded queue; a thread of its own writes. A full disk costs rows, counted, never speech.
"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from collections import deque
from datetime import datetime, timezone
from pathlib import Path
from typing import IO, Mapping

log = logging.getLogger(__name__)

REMEMBERED = 200  # notes kept for a watcher that comes late
# Rows waiting for the disk: about a minute of a busy conversation's frames (100 a second).
QUEUE_ROWS = 6000
# Notes waiting for one watcher; a watcher that does not read loses the oldest.
WATCHER_NOTES = 500

Row = Mapping[str, object]


class Watcher:
    """One subscriber's bounded queue. Loop only."""

    def __init__(self) -> None:
        self._rows: deque[Row] = deque(maxlen=WATCHER_NOTES)
        self._filled = asyncio.Event()

    def put(self, row: Row) -> None:
        """A new note."""
        self._rows.append(row)
        self._filled.set()

    async def get(self) -> Row:
        """The next note; waits for it."""
        while not self._rows:
            self._filled.clear()
            await self._filled.wait()
        return self._rows.popleft()


class Timeline:
    """Notes and frames of one run.

    Args:
        path: where notes go as JSON lines; None: memory only.
        wire_path: where frames go, without their audio; None: nowhere.
        started_at: monotonic seconds of the process start; ``t`` counts from it.
    """

    def __init__(self, path: str | None, wire_path: str | None, started_at: float) -> None:
        self._started_at = started_at
        self._paths = {"note": path, "wire": wire_path}
        self._queue: deque[tuple[str, Row]] = deque()
        self._filled = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._watchers: set[Watcher] = set()
        self.recent: deque[Row] = deque(maxlen=REMEMBERED)
        self.dropped = 0  # rows that no disk would take, or that came faster than it writes
        self.problem = ""  # why files are not written now, a sentence; empty when they are
        if any(self._paths.values()):
            self._thread = threading.Thread(target=self._write, name="kioskd-timeline", daemon=True)
            self._thread.start()

    def note(self, kind: str, text: str, data: Mapping[str, object]) -> None:
        """One line for people. Loop only; never blocks."""
        row = {**self._stamp(), "kind": kind, "text": text, **data}
        self.recent.append(row)
        for watcher in self._watchers:
            watcher.put(row)
        self._enqueue("note", row)

    def trace(self, kind: str, fields: Mapping[str, object]) -> None:
        """One frame for wire.jsonl. Loop only; never blocks."""
        self._enqueue("wire", {**self._stamp(), "kind": kind, **fields})

    def subscribe(self) -> Watcher:
        """A queue of the notes from now on. Loop only."""
        watcher = Watcher()
        self._watchers.add(watcher)
        return watcher

    def unsubscribe(self, watcher: Watcher) -> None:
        """Forget a subscriber."""
        self._watchers.discard(watcher)

    def stop(self, timeout_s: float) -> bool:
        """Write what waits and end the thread. False when it would not end."""
        self._stopping.set()
        self._filled.set()
        if self._thread is None:
            return True
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    # -- the loop's side -------------------------------------------------------------------------

    def _stamp(self) -> dict[str, object]:
        return {
            "t": round(time.monotonic() - self._started_at, 3),
            "wall": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
        }

    def _enqueue(self, kind: str, row: Row) -> None:
        if self._paths[kind] is None:
            return
        if len(self._queue) >= QUEUE_ROWS:
            self.dropped += 1
            return
        self._queue.append((kind, row))
        self._filled.set()

    # -- the thread's side -----------------------------------------------------------------------

    def _write(self) -> None:
        files: dict[str, IO[str]] = {}
        try:
            while True:
                self._filled.wait()
                self._filled.clear()
                self._write_batch(files)
                if self._stopping.is_set() and not self._queue:
                    return
        finally:
            for file in files.values():
                _close(file)

    def _write_batch(self, files: dict[str, IO[str]]) -> None:
        batch: dict[str, list[str]] = {}
        for _ in range(len(self._queue)):
            kind, row = self._queue.popleft()
            batch.setdefault(kind, []).append(self._line(row))
        for kind, lines in batch.items():
            try:
                if kind not in files:
                    # A frame may hold half a surrogate pair, which no UTF-8 can; it is written as JSON writes it.
                    files[kind] = open(Path(str(self._paths[kind])), "a", encoding="utf-8", errors="backslashreplace")
                files[kind].write("".join(lines))
                files[kind].flush()
                self.problem = ""
            except OSError as error:
                if self.dropped == 0:
                    log.warning("the timeline cannot be written: %s; rows are counted from here on", error)
                self.problem = f"{self._paths[kind]} cannot be written ({error.strerror}); see ops in the configuration"
                self.dropped += len(lines)
                _close(files.pop(kind, None))

    def _line(self, row: Row) -> str:
        try:
            return json.dumps(row, default=str, ensure_ascii=False) + "\n"
        except (TypeError, ValueError, RecursionError) as error:
            # What a service sent is in here: one row that cannot be told must not end the thread that tells all others.
            log.warning("a row of the timeline cannot be written: %s", error)
            self.dropped += 1
            return ""


def _close(file: IO[str] | None) -> None:
    """Close a file whose last rows may not fit on the disk; they are counted already."""
    try:
        if file is not None:
            file.close()
    except OSError as error:
        log.debug("closing the timeline: %s", error)
