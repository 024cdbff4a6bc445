"""Remembers over a restart and a power cut that the owner muted the kiosk: ``state_dir/mute.json``.

It errs on the private side: a file that cannot be read counts as muted, and says so.
"""

from __future__ import annotations

import json
import logging
import os
from typing import Callable

from kioskd.ops import scribe
from kioskd.ops.scribe import RETRY_S, Scribe

log = logging.getLogger(__name__)

THREAD = "kioskd-keep"
NAME = "mute.json"


class Keep:
    """The kept mute.

    Args:
        state_dir: the folder, which survives a restart.
        retry_s: a write that failed is tried again this often.
        write: replaces the file (for tests of a disk that fails).

    Attributes:
        muted: what was kept when this was made.
        put: remember this from now on; any thread, never blocks for the disk (``Scribe.put``).
        stop: write what is not written yet, and end (``Scribe.stop``).
    """

    def __init__(
        self, state_dir: str, retry_s: float = RETRY_S, write: Callable[[str, bool], None] | None = None
    ) -> None:
        path = os.path.join(state_dir, NAME)
        self._scribe: Scribe[bool] = Scribe(path, THREAD, write or replace, lambda *why: lost(path, *why), retry_s)
        self.put, self.stop, self.snapshot = self._scribe.put, self._scribe.stop, self._scribe.snapshot
        self.muted, self._scribe.problem = read(path)
        if self.problem:
            log.warning("%s", self.problem)

    @property
    def problem(self) -> str:
        """What is wrong, a sentence for people; empty when all is well. Any thread may read it."""
        return self._scribe.problem

    @property
    def failed(self) -> int:
        """How often a write failed."""
        return self._scribe.failed


def lost(path: str, muted: bool, why: str) -> str:
    """The sentence for a mute that could not be kept."""
    said = "on" if muted else "off"
    return (
        f"that mute was switched {said} could not be written to {path} ({why}): "
        "a restart would not know of it; see ops.state_dir"
    )


def read(path: str) -> tuple[bool, str]:
    """Whether the kiosk was muted, and what is wrong with the file: a sentence, or nothing."""
    muted, why = scribe.recall(path, _muted)
    if not why:
        return bool(muted), ""
    return True, (
        f"whether the kiosk was muted cannot be read from {path} ({why}), so its microphone stays closed: "
        "kioskctl unmute opens it and writes the file anew"
    )


def _muted(kept: object) -> bool:
    muted = kept.get("muted") if isinstance(kept, dict) else None
    if not isinstance(muted, bool):
        raise ValueError("it does not say whether")
    return muted


def replace(path: str, muted: bool) -> None:
    """Write the file so that a power cut leaves the old one or the new one. Blocks for the disk.

    Raises:
        OSError: it could not be written; the old one stands.
    """
    scribe.replace(path, [json.dumps({"muted": muted})])
