"""Remembers over a restart and a power cut that the owner muted the kiosk: ``state_dir/mute.json``.

It errs on the private side: a file that cannot be read counts as muted, and says so.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from typing import Callable

log = logging.getLogger(__name__)

THREAD = "kioskd-keep"
NAME = "mute.json"
# The file has 16 bytes; one that is much larger is not ours.
LARGEST_BYTES = 4096
# A write that failed is tried again this often: a full disk may be emptied. A guess.
RETRY_S = 10.0


class Keep:
    """The kept mute. A disk may take seconds for an fsync, so writing has a thread of its own.

    Args:
        state_dir: the folder, which survives a restart.
        retry_s: a write that failed is tried again this often.
        write: replaces the file (for tests of a disk that fails).

    Attributes:
        muted: what was kept when this was made.
        problem: what is wrong, a sentence for people; empty when all is well. Any thread may read it.
        written: how often the file was written.
        failed: how often that failed.
    """

    def __init__(
        self, state_dir: str, retry_s: float = RETRY_S, write: Callable[[str, bool], None] | None = None
    ) -> None:
        self._path = os.path.join(state_dir, NAME)
        self._retry_s = retry_s
        self._write = write or replace
        self._changed = threading.Condition()
        self._wanted: bool | None = None  # what is to be written; None: nothing is
        self._stopping = False
        self._thread: threading.Thread | None = None
        self.written = self.failed = 0
        self.muted, self.problem = read(self._path)
        if self.problem:
            log.warning("%s", self.problem)

    def put(self, muted: bool) -> None:
        """Remember this from now on. Any thread; never blocks for the disk."""
        with self._changed:
            self._wanted = muted
            self._changed.notify()
            if self._thread is None and not self._stopping:
                # Most kiosks are never muted: no thread until one is.
                self._thread = threading.Thread(target=self._run, name=THREAD, daemon=True)
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
        return {"path": self._path, "problem": self.problem, "written": self.written, "failed": self.failed}

    # -- in the thread ---------------------------------------------------------------------------

    def _run(self) -> None:
        wait_s: float | None = None
        while True:
            with self._changed:
                if wait_s is not None:
                    self._changed.wait_for(lambda: self._stopping or self._wanted is not wanted, wait_s)
                else:
                    self._changed.wait_for(lambda: self._stopping or self._wanted is not None)
                wanted = self._wanted
                last = self._stopping
            if wanted is None:
                return  # only a stop wakes it without anything to write
            wait_s = None if self._try(wanted) else self._retry_s
            if last:
                return

    def _try(self, wanted: bool) -> bool:
        try:
            self._write(self._path, wanted)
        except OSError as error:
            self.failed += 1
            said = "on" if wanted else "off"
            self.problem = (
                f"that mute was switched {said} could not be written to {self._path} ({error.strerror or error}): "
                "a restart would not know of it; see ops.state_dir"
            )
            log.log(logging.ERROR if self.failed == 1 else logging.DEBUG, "%s", self.problem)
            return False
        self.written += 1
        self.problem = ""
        with self._changed:
            if self._wanted is wanted:
                self._wanted = None
        return True


def read(path: str) -> tuple[bool, str]:
    """Whether the kiosk was muted, and what is wrong with the file: a sentence, or nothing."""
    try:
        with open(path, "rb") as file:
            data = file.read(LARGEST_BYTES + 1)
        if len(data) > LARGEST_BYTES:
            raise ValueError("it is too long")
        kept = json.loads(data)
        if not isinstance(kept, dict) or not isinstance(kept.get("muted"), bool):
            raise ValueError("it does not say whether")
        return kept["muted"], ""
    except FileNotFoundError:
        return False, ""
    except OSError as error:
        why = error.strerror or str(error)
    except (ValueError, RecursionError) as error:
        why = str(error) or "it is no JSON"
    return True, (
        f"whether the kiosk was muted cannot be read from {path} ({why}), so its microphone stays closed: "
        "kioskctl unmute opens it and writes the file anew"
    )


def replace(path: str, muted: bool) -> None:
    """Write the file so that a power cut leaves the old one or the new one. Blocks for the disk.

    Raises:
        OSError: it could not be written; the old one stands.
    """
    beside = f"{path}.new"
    with open(beside, "w", encoding="ascii") as file:
        os.fchmod(file.fileno(), 0o600)
        json.dump({"muted": muted}, file)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)
    folder = os.open(os.path.dirname(path) or ".", os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
