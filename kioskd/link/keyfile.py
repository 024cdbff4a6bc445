"""Notices that a file with a secret was changed, so that a refused key is tried again as soon as there is another."""

from __future__ import annotations

import os
from typing import Callable, NamedTuple, Sequence

from kioskd.link.endpoints import EndpointSetup


class Face(NamedTuple):
    """What of a file changes when it is written, replaced (a rename has another inode), or opened up (chmod)."""

    device: int
    inode: int
    size: int
    modified_ns: int
    changed_ns: int


def face_of(path: str) -> Face | None:
    """None: there is no such file, or none that we may see."""
    try:
        # Links are followed: a credential may be one, and what it leads to is what is read.
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return Face(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


class KeyWatch:
    """The files of all endpoints' secrets. Loop only: a look is a few calls of stat(2) on local files.

    Args:
        changed: told the name of an endpoint of which a file came or changed.
    """

    def __init__(self, setups: Sequence[EndpointSetup], changed: Callable[[str], None]) -> None:
        self._changed = changed
        self.use(setups)

    def use(self, setups: Sequence[EndpointSetup]) -> None:
        """Watch the files of these endpoints from now on."""
        self._paths = {setup.name: setup.key_paths for setup in setups if setup.key_paths}
        self._faces = {path: face_of(path) for paths in self._paths.values() for path in paths}

    def look(self) -> None:
        """Tell of what changed since the last look. A file that has gone is no news: there is nothing to try."""
        new = {path: face_of(path) for path in self._faces}
        changed = {path for path, face in new.items() if face is not None and face != self._faces[path]}
        self._faces = new
        for name, paths in self._paths.items():
            if not changed.isdisjoint(paths):
                self._changed(name)
