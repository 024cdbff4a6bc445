"""Keeps the newest of what it is given in one small file, over a restart and a power cut, without ever blocking.

A disk may take seconds for an fsync, so writing has a thread of its own, from the first word on.
"""

from __future__ import annotations

import json
import logging
import threading
from typing import Callable, Generic, Iterable, TypeVar

from kioskd.config import durable

log = logging.getLogger(__name__)

T = TypeVar("T")
# A write that failed is tried again this often: a full disk may be emptied. A guess.
RETRY_S = 10.0
# What is kept so has some tens of bytes; a file that is much larger is not ours.
LARGEST_BYTES = 4096


class Scribe(Generic[T]):
    """Writes in a thread of its own.

    Args:
        path: the file.
        thread: the thread's name.
        write: replaces the file; raises OSError, the old one stands then. Called in the thread.
        trouble: makes the sentence for a write that failed, from what was to be written and why not.
        retry_s: it is tried again this often, until it is written or something newer is there.

    Attributes:
        problem: what is wrong, a sentence for people; empty when all is well. Any thread may read it.
        written: how often the file was written.
        failed: how often that failed.
    """

    def __init__(
        self,
        path: str,
        thread: str,
        write: Callable[[str, T], None],
        trouble: Callable[[T, str], str],
        retry_s: float = RETRY_S,
    ) -> None:
        self.path = path
        self._name = thread
        self._write = write
        self._trouble = trouble
        self._retry_s = retry_s
        self._changed = threading.Condition()
        self._wanted: list[T] = []  # what is to be written; empty: nothing is
        self._stopping = self._failing = False
        self._thread: threading.Thread | None = None
        self.written = self.failed = 0
        self.problem = ""

    def put(self, value: T) -> None:
        """Keep this from now on; it must not be changed any more. Any thread; never blocks for the disk."""
        with self._changed:
            self._wanted = [value]
            self._changed.notify()
            if self._thread is None and not self._stopping:
                # Nobody may ever have anything to keep: no thread until then.
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()

    def stop(self, timeout_s: float = 1.0) -> bool:
        """Write what is not written yet, and end; False when the disk did not take it in time."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(timeout_s)
            return not self._thread.is_alive()
        return True

    def snapshot(self) -> dict[str, object]:
        """For status. Any thread."""
        return {"path": self.path, "problem": self.problem, "written": self.written, "failed": self.failed}

    # -- in the thread ---------------------------------------------------------------------------

    def _run(self) -> None:
        wait_s: float | None = None
        wanted: list[T] = []
        while True:
            with self._changed:
                if wait_s is not None:
                    self._changed.wait_for(lambda: self._stopping or self._wanted is not wanted, wait_s)
                else:
                    self._changed.wait_for(lambda: bool(self._stopping or self._wanted))
                wanted = self._wanted
                last = self._stopping
            if not wanted:
                return  # only a stop wakes it without anything to write
            wait_s = None if self._try(wanted) else self._retry_s
            if last:
                return

    def _try(self, wanted: list[T]) -> bool:
        try:
            self._write(self.path, wanted[0])
        except OSError as error:
            self.failed += 1
            self.problem = self._trouble(wanted[0], error.strerror or str(error))
            log.log(logging.DEBUG if self._failing else logging.ERROR, "%s", self.problem)
            self._failing = True
            return False
        self.written += 1
        if self._failing:
            log.info("%s is written again", self.path)
        self._failing, self.problem = False, ""
        with self._changed:
            if self._wanted is wanted:
                self._wanted = []
        return True


def replace(path: str, lines: Iterable[str], mode: int = 0o600) -> None:
    """Write the file so that a power cut leaves the old one or the new one. Blocks for the disk.

    Raises:
        OSError: it could not be written; the old one stands.
    """
    durable.replace(path, "".join(f"{line}\n" for line in lines).encode(), mode)


def recall(path: str, parse: Callable[[object], T]) -> tuple[T | None, str]:
    """What a scribe kept there as JSON; None where nothing was kept, or it cannot be read. Then also why not.

    Args:
        parse: makes the value of what the file holds; raises ValueError, whose text is the reason.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(LARGEST_BYTES + 1)
        if len(data) > LARGEST_BYTES:
            raise ValueError("it is too long")
        return parse(json.loads(data)), ""
    except FileNotFoundError:
        return None, ""
    except OSError as error:
        return None, error.strerror or str(error)
    except (ValueError, RecursionError) as error:
        # json's own texts quote the file and tell an owner nothing.
        return None, "it is no JSON" if isinstance(error, (json.JSONDecodeError, RecursionError)) else str(error)
