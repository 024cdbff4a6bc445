"""One small file, replaced so that a power cut leaves the old one or the new one, whole."""

from __future__ import annotations

import os


def replace(path: str, data: bytes, mode: int = 0o600, owner: tuple[int, int] | None = None) -> None:
    """Write ``data`` beside ``path``, have it on the disk, and let it take the place. Blocks for the disk.

    Args:
        owner: user and group; None: whoever writes.

    Raises:
        OSError: it could not be written; the old one stands, and nothing is left beside it.
    """
    beside = f"{path}.new"
    _forget(beside)  # of a life that ended in the middle
    # O_EXCL: nobody's symbolic link is followed here.
    fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        try:
            if owner is not None:
                os.fchown(fd, *owner)
            os.fchmod(fd, mode)
            while data:
                data = data[os.write(fd, data) :]
            os.fsync(fd)
        finally:
            os.close(fd)
        os.replace(beside, path)
    except OSError:
        _forget(beside)  # on a full disk it would keep others from writing
        raise
    sync_folder(os.path.dirname(path))


def move(old: str, new: str) -> None:
    """Give a file that is on the disk another name, for good.

    Raises:
        OSError: it keeps its name.
    """
    os.replace(old, new)
    sync_folder(os.path.dirname(new))


def sync_folder(folder: str) -> None:
    """Have the names in it on the disk: a rename is durable only then (fsync(2)).

    Raises:
        OSError: it cannot.
    """
    fd = os.open(folder or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _forget(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
