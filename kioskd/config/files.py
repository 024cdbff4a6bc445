"""Small files, read whole or refused."""

from __future__ import annotations

import os
import stat


class NotAFile(OSError):
    """What was opened is a directory, a device, a pipe or a socket."""


def read_at_most(path: str, limit_bytes: int) -> tuple[bytes, os.stat_result]:
    """The first ``limit_bytes`` of a regular file and one more if there is more, with what the open file really is:
    judged after opening, so that nothing can be exchanged in between. Blocks on the disk; any thread.

    Raises:
        OSError: it cannot be opened or read; NotAFile if it is no regular file.
        ValueError: the path holds a NUL.
    """
    # O_NONBLOCK: opening a FIFO must not wait for a writer
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            raise NotAFile(0, "it is not a regular file")
        data = b""
        while len(data) <= limit_bytes and (more := os.read(fd, limit_bytes + 1 - len(data))):
            data += more
        return data, found
    finally:
        os.close(fd)
