"""How a new configuration comes to its place: read and doubted, put beside the file, and moved there in one step.

Beside ``kioskd.yaml`` it is called ``kioskd.yaml.trial``. Until it is kept the file itself stays what it was, so
whatever ends a trial (a power cut, a killed process, a full disk) leaves the old configuration in force.
"""

from __future__ import annotations

import fcntl
import os
import stat
from typing import BinaryIO, Collection

from kioskd.config import durable
from kioskd.config.files import NotAFile, read_at_most
from kioskd.config.goods import fingerprint
from kioskd.config.loader import MOST_BYTES

TRIAL, LOCK = ".trial", ".lock"


class Refused(Exception):
    """It is not taken; the text is a sentence for the one who applies."""


def from_file(path: str, owners: Collection[int]) -> bytes:
    """A configuration from a file of somebody's.

    Args:
        owners: user ids that may own it.

    Raises:
        Refused: it cannot be read, or may not be trusted.
    """
    try:
        if stat.S_ISLNK(os.lstat(path).st_mode):
            raise Refused(f"{path} is a symbolic link; name the file that it leads to")
        data, found = read_at_most(path, MOST_BYTES)
        after = os.stat(path, follow_symlinks=False)
    except NotAFile as error:
        raise Refused(f"{path} cannot be applied: {error.strerror}") from error
    except (OSError, ValueError) as error:
        raise Refused(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if found.st_uid not in owners:
        raise Refused(f"{path} belongs to another user (id {found.st_uid}), who could change it; make it yours: chown")
    if found.st_mode & stat.S_IWOTH:
        raise Refused(f"{path} may be written by everybody; take that away: chmod o-w {path}")
    if (after.st_ino, after.st_size, after.st_mtime_ns) != (found.st_ino, found.st_size, found.st_mtime_ns):
        raise Refused(f"{path} is being written just now; apply it when that is done")
    return data


def from_stream(stream: BinaryIO) -> bytes:
    """A configuration from standard input; at most one byte more than is taken."""
    return stream.read(MOST_BYTES + 1)


def doubted(data: bytes, name: str, sha256: str = "") -> bytes:
    """The same, if it came whole.

    Args:
        sha256: what it was where it came from; empty: nobody said.

    Raises:
        Refused: it is too large, or only a part of it.
    """
    if len(data) > MOST_BYTES:
        raise Refused(f"{name} is larger than {MOST_BYTES >> 20} MiB; this is not a configuration")
    if sha256 and fingerprint(data) != sha256.lower():
        raise Refused(f"{name} did not arrive as it was sent ({len(data)} bytes came); send it again")
    if not data.strip():
        raise Refused(f"{name} is empty")
    if not data.endswith(b"\n"):
        raise Refused(f"{name} ends in the middle of a line: it is half written, or lost its end on the way")
    return data


class Place:
    """The file that kioskd reads, and what lies beside it. Used by one process at a time: ``lock`` sees to that.

    Args:
        path: of the file; it need not be there yet.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.trial = path + TRIAL
        self._lock = -1

    def judge(self) -> None:
        """See whether it may be replaced.

        Raises:
            Refused: with the reason.
        """
        try:
            found = os.lstat(self.path)
        except FileNotFoundError:
            if not os.path.isdir(os.path.dirname(self.path) or "."):
                raise Refused(f"there is no folder {os.path.dirname(self.path)}") from None
            return
        except OSError as error:
            raise Refused(f"{self.path} cannot be looked at: {error.strerror}") from error
        if stat.S_ISLNK(found.st_mode):
            raise Refused(f"{self.path} is a symbolic link; kioskctl apply replaces files only: put a file there")
        if not stat.S_ISREG(found.st_mode):
            raise Refused(f"{self.path} is not a regular file")
        if found.st_uid not in (0, os.geteuid()):
            raise Refused(
                f"{self.path} belongs to neither root nor you (but to user id {found.st_uid}); see who that is, "
                "then: chown root"
            )

    def lock(self) -> None:
        """Be the only one who applies, until this process ends.

        Raises:
            Refused: somebody else is at it, or we may not write here.
        """
        path = self.path + LOCK
        try:
            self._lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self.unlock()
            raise Refused("another apply is under way; wait for its end") from error
        except PermissionError as error:
            raise Refused(f"you may not write beside {self.path}: use sudo") from error
        except OSError as error:
            raise Refused(f"nothing can be written beside {self.path}: {error.strerror}") from error

    def unlock(self) -> None:
        """Let others; also twice."""
        lock, self._lock = self._lock, -1
        if lock >= 0:
            os.close(lock)

    def put(self, data: bytes) -> None:
        """Put a configuration beside the file, readable for whom the file is.

        Raises:
            Refused: it could not be written; nothing has changed.
        """
        try:
            durable.replace(self.trial, data, *self._rights())
        except OSError as error:
            raise Refused(f"{self.trial} cannot be written: {error.strerror}; nothing was changed") from error

    def keep(self) -> None:
        """Let the trial be the file. One step: there is no moment at which neither is there.

        Raises:
            Refused: it stays the trial.
        """
        try:
            durable.move(self.trial, self.path)
        except OSError as error:
            raise Refused(f"{self.path} cannot be replaced: {error.strerror}") from error

    def back(self, data: bytes) -> None:
        """Let this be the file, without a trial.

        Raises:
            Refused: it could not be written.
        """
        try:
            durable.replace(self.path, data, *self._rights())
        except OSError as error:
            raise Refused(f"{self.path} cannot be written: {error.strerror}") from error

    def discard(self) -> None:
        """Take the trial away."""
        try:
            os.unlink(self.trial)
        except FileNotFoundError:
            pass

    def _rights(self) -> tuple[int, tuple[int, int] | None]:
        """Mode, and user and group, of the file; of one that is not there yet: for everybody to read, no secrets."""
        try:
            found = os.stat(self.path, follow_symlinks=False)
        except OSError:
            return 0o644, None
        mine = (found.st_uid, found.st_gid) == (os.geteuid(), os.getegid())
        return stat.S_IMODE(found.st_mode) & 0o664, None if mine else (found.st_uid, found.st_gid)
