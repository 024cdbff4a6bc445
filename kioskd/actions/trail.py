"""Writes the audit trail: JSON lines in ``state_dir/audit``, each chained to the one before (chain.py). One thread.

The files rotate and are bounded; which lines went is itself a line. What a power cut tore is cut off at the next start,
and said. On a full disk nothing is half written: the line is taken back, and the caller is told.
"""

from __future__ import annotations

import logging
import os
import time
from collections import deque
from io import BytesIO
from pathlib import Path
from typing import Callable, Mapping

from kioskd.actions.chain import GENESIS, Head, is_torn, read, write

log = logging.getLogger(__name__)

FILE_BYTES = 1024 * 1024
RECENT = 100  # lines kept for who asks over the socket
FILES = 32  # 32 MB: at about 400 bytes a line and 100 lines a day, two years


class Unrecorded(OSError):
    """The trail takes no line; the text is a sentence for the owner."""


class Trail:
    """An append-only trail.

    Args:
        folder: made with mode 0700 when it is missing.
        clock: seconds since 1970.
        file_bytes: a file that is larger is followed by another one.
        files: so many are kept.
    """

    def __init__(
        self,
        folder: Path | str,
        clock: Callable[[], float] = time.time,
        file_bytes: int = FILE_BYTES,
        files: int = FILES,
    ) -> None:
        self._folder = Path(folder)
        self._clock = clock
        self._file_bytes = file_bytes
        self._files = files
        self._descriptor = -1
        self._path = self._folder
        self._size = 0
        self._unsynced = False
        self.head = Head()
        self.synced = Head()  # the last line that is certainly on the disk
        self.recent: deque[str] = deque(maxlen=RECENT)
        self.lost = 0  # lines that could not be written, since the last one that could
        self.problem = ""

    @property
    def unsynced(self) -> bool:
        """Something written may not be on the disk yet."""
        return self._unsynced

    def append(self, what: str, data: Mapping[str, object]) -> None:
        """Write a line; it is on the disk after ``sync``.

        Raises:
            Unrecorded: it could not be written; the trail is as it was.
        """
        try:
            self._open()
            if self.lost:
                lost, self.lost = self.lost, 0
                try:
                    self._put("resumed", {"lost": lost})
                except OSError:
                    self.lost = lost
                    raise
            self._put(what, data)
        except OSError as error:
            self.lost += 1
            raise self._failed(error) from error
        self.problem = ""

    def sync(self) -> None:
        """Have everything on the disk.

        Raises:
            Unrecorded: the disk does not take it.
        """
        if not self._unsynced:
            return
        try:
            self._open()
            os.fsync(self._descriptor)
        except OSError as error:
            raise self._failed(error) from error
        self._unsynced = False
        self.synced = self.head

    def prove(self) -> None:
        """Have everything on the disk; after a failure, see whether the trail can be written again.

        Raises:
            Unrecorded: it cannot.
        """
        if self.problem:
            self.append("proof", {})
        self.sync()

    def expect(self, known: Head) -> None:
        """Compare with the head that the ledger keeps: a trail that ends before it has lost lines, one with another
        line in its place was written anew; the trail says so.

        Raises:
            Unrecorded: see ``append``.
        """
        try:
            self._open()
        except OSError as error:
            raise self._failed(error) from error
        log.info("audit trail: line %d, hash %s", self.head.seq, self.head.hash)
        try:
            self._compare(known)
        except OSError as error:
            raise self._failed(error) from error

    def told(self) -> dict[str, object]:
        """For ``kioskctl audit``: where it is, how far it is on the disk, and its last lines. Any thread."""
        head = self.synced
        known = {"seq": head.seq, "hash": head.hash} if head.seq else None
        return {"folder": str(self._folder), "head": known, "recent": list(self.recent)}

    def close(self) -> None:
        """Idempotent."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def snapshot(self) -> dict[str, object]:
        """For status."""
        return {"lines": self.head.seq, "head": self.head.hash, "lost": self.lost, "problem": self.problem}

    # -- the files -------------------------------------------------------------------------------

    def _put(self, what: str, data: Mapping[str, object]) -> None:
        at = self._clock()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + f".{int(at * 1000) % 1000:03}Z"
        line, head = write(self.head, stamp, what, data)
        written = os.write(self._descriptor, line)
        if written != len(line):
            # The disk was full in the middle of the line: take its beginning back.
            os.ftruncate(self._descriptor, self._size)
            raise OSError(28, "No space left on device")
        self._size += written
        self._unsynced = True
        self.head = head
        self.recent.append(line.decode().rstrip("\n"))
        if self._size >= self._file_bytes:
            self._rotate()

    def _failed(self, error: OSError) -> Unrecorded:
        self.close()
        text = error.strerror or str(error)
        self.problem = (
            f"The audit trail in {self._folder} cannot be written ({text}); nothing moves unrecorded. "
            "Free the disk, or see its rights."
        )
        return Unrecorded(self.problem)

    def _open(self) -> None:
        """Open the newest file, and find where the chain ends."""
        if self._descriptor >= 0:
            if not self._moved():
                return
            self.close()
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        files = trail_files(self._folder)
        if not files:
            self._begin_file()
            return
        self._path = files[-1]
        self._descriptor = os.open(files[-1], os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
        content = files[-1].read_bytes()
        self._size = len(content)
        lines = BytesIO(content).readlines()  # not splitlines: a torn line may hold a \r
        torn = lines.pop() if lines and is_torn(lines[-1]) else b""
        before = self.head
        if torn:
            self._size -= len(torn)
            os.ftruncate(self._descriptor, self._size)
        self._resume(lines, files)
        if torn:
            self._put("torn", {"bytes": len(torn), "why": "kioskd or the power ended in the middle of a line"})
        self._compare(before)
        if self._size >= self._file_bytes:
            self._rotate()

    def _compare(self, known: Head) -> None:
        """Say in the trail what does not fit a head that was certainly on the disk. The numbers of lines that are gone
        are not used again, as if they had never been.
        """
        if known.seq <= self.head.seq:
            if known.seq and not _continues(trail_files(self._folder), known):
                why = f"line {known.seq} is not the one that was written: somebody replaced the end of the audit trail"
                log.error("%s", why)
                self._put("broken", {"why": why})
            return
        why = f"lines {self.head.seq + 1} to {known.seq} are gone from the end of the audit trail"
        log.error("%s", why)
        self.head = known
        self._put("missing", {"why": why})

    def _moved(self) -> bool:
        """Whether the file's name leads to another file by now, or to none: what is written here would be lost."""
        try:
            return os.stat(self._path).st_ino != os.fstat(self._descriptor).st_ino
        except FileNotFoundError:
            return True

    def _resume(self, lines: list[bytes], files: list[Path]) -> None:
        """The head from the last line of the newest file (or, when that file is still empty, of the one before)."""
        while not lines and len(files) > 1:
            files = files[:-1]
            lines = BytesIO(files[-1].read_bytes()).readlines()
        if not lines:
            self.head = Head(_begin_of(files[0]) - 1, GENESIS)
            return
        line = read(lines[-1].removesuffix(b"\n"))
        if line is not None:
            self.head = Head(line.seq, line.hash)
            return
        self.head = Head(_begin_of(files[-1]) + len(lines) - 1, GENESIS)
        why = f"the last line of {files[-1].name} could not be read"
        log.error("audit trail: %s", why)
        self._put("broken", {"why": why})

    def _begin_file(self) -> None:
        path = self._path = self._folder / f"audit-{self.head.seq + 1:012}.jsonl"
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._descriptor = os.open(path, flags, 0o600)
        self._size = os.fstat(self._descriptor).st_size
        _sync_folder(self._folder)

    def _rotate(self) -> None:
        """Begin another file, and let the oldest go: first the line that says so, then the file."""
        os.fsync(self._descriptor)
        self.close()
        self._begin_file()
        log.info("audit trail: line %d, hash %s", self.head.seq, self.head.hash)
        files = trail_files(self._folder)
        if len(files) <= self._files:
            return
        until = _begin_of(files[len(files) - self._files]) - 1
        self._put("pruned", {"until": until})
        os.fsync(self._descriptor)
        for path in files[: len(files) - self._files]:
            path.unlink()


def trail_files(folder: Path) -> list[Path]:
    """The files of a trail, oldest first."""
    return sorted(folder.glob("audit-" + "[0-9]" * 12 + ".jsonl"))


def _continues(files: list[Path], known: Head) -> bool:
    """Whether the line of that number has that hash or, where it is missing and was told, the next one continues it."""
    for path in reversed([path for path in files if _begin_of(path) <= known.seq]):
        for raw in reversed(BytesIO(path.read_bytes()).readlines()):
            line = read(raw.removesuffix(b"\n"))
            if line is None or line.seq > known.seq + 1:
                continue
            if line.seq == known.seq + 1 and line.what == "missing":
                return line.prev == known.hash
            if line.seq <= known.seq:
                return (line.seq, line.hash) == known
    return True


def _begin_of(path: Path) -> int:
    return int(path.stem.removeprefix("audit-"))


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
