"""The last good configurations: copies of what ran healthy, in ``state_dir/config``, oldest thrown away.

A copy carries its own SHA-256 in its name: one that a dying card has changed is not taken for good.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import threading
from typing import Iterator, NamedTuple

from kioskd.config import durable
from kioskd.config.files import read_at_most
from kioskd.config.loader import MOST_BYTES

log = logging.getLogger(__name__)

FOLDER = "config"  # in ops.state_dir
MOST = 5
_NAME = re.compile(r"good-(\d{8})-([0-9a-f]{64})\.yaml")


class Good(NamedTuple):
    """One copy, whole. ``number`` grows: the newest has the largest."""

    number: int
    sha256: str
    path: str
    data: bytes


class Goods:
    """The copies in one folder. Any thread; blocks on the disk.

    Args:
        state_dir: the folder that survives a restart; it need not be there.
        most: so many are kept.
    """

    def __init__(self, state_dir: str, most: int = MOST) -> None:
        self.folder = os.path.join(state_dir, FOLDER)
        self._most = most
        self._lock = threading.Lock()  # one that is given up goes on in its thread

    def newest_first(self) -> Iterator[Good]:
        """Each copy that is what it was when it was kept."""
        for number, sha256, path in self._names():
            try:
                data, _ = read_at_most(path, MOST_BYTES)
            except OSError as error:
                log.error("%s, a copy of a good configuration, cannot be read: %s", path, error.strerror)
                continue
            if fingerprint(data) == sha256:
                yield Good(number, sha256, path, data)
            else:
                log.error("%s, a copy of a good configuration, is damaged and not used", path)

    def before(self, sha256: str) -> Good | None:
        """The newest that is another one than this."""
        return next((good for good in self.newest_first() if good.sha256 != sha256), None)

    def keep(self, data: bytes) -> None:
        """Let this be the newest.

        Raises:
            OSError: it could not be written; what was kept before stands.
        """
        with self._lock:
            self._keep(data)

    def _keep(self, data: bytes) -> None:
        sha256, known = fingerprint(data), self._names()
        newest = next(self.newest_first(), None)
        if newest is not None and newest.sha256 == sha256 and newest.number == known[0][0]:
            return
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        number = known[0][0] + 1 if known else 1
        durable.replace(os.path.join(self.folder, f"good-{number:08}-{sha256}.yaml"), data)
        once_more = [path for _, known_sha, path in known if known_sha == sha256]
        for path in dict.fromkeys((*once_more, *(path for _, _, path in known[self._most - 1 :]))):
            os.unlink(path)

    def _names(self) -> list[tuple[int, str, str]]:
        """Number, fingerprint and path of each, newest first."""
        try:
            names = os.listdir(self.folder)
        except OSError:
            return []
        found = [(match, name) for name in names if (match := _NAME.fullmatch(name))]
        return sorted(((int(m[1]), m[2], os.path.join(self.folder, name)) for m, name in found), reverse=True)


def fingerprint(data: bytes) -> str:
    """SHA-256 in hexadecimal, as ``sha256sum`` prints it."""
    return hashlib.sha256(data).hexdigest()
