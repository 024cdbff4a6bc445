"""What a check says, and where a path stands in the file."""

from __future__ import annotations

import re
from typing import Mapping, NamedTuple

from kioskd.config.means import means
from kioskd.config.sections import Tool


class Finding(NamedTuple):
    """A sentence about a key.

    Attributes:
        key: the path, as ``tools[1].action.relay.pin``.
        needs: other paths that it was judged by; if the file has one of them wrong, the finding may be false.
        warning: the kiosk can run like this.
    """

    key: str
    sentence: str
    needs: tuple[str, ...] = ()
    warning: bool = False


class Lines:
    """The line of each path that the file names; what it does not name stands where its parent stands."""

    def __init__(self, known: Mapping[str, int] | None = None) -> None:
        self._known = known or {}

    def of(self, path: str) -> int:
        """The line, counted from 1."""
        while path:
            if path in self._known:
                return self._known[path]
            path = parent(path)
        return 1


def parent(path: str) -> str:
    """``tools[1]`` of ``tools[1].action``, ``tools`` of ``tools[1]``; "" at the top."""
    return re.sub(r"(\[\d+\]|(^|\.)[^.\[]*)$", "", path)


def confirms(tool: Tool) -> bool:
    """Whether a person must confirm before this tool runs (the default depends on the class)."""
    return means(tool).needed > 0
