"""Remembers over a restart how loud visitors have set the answers: ``state_dir/volume.json``.

Beside it stands what the configuration said then: an owner who changes ``audio.volume`` is heard.
"""

from __future__ import annotations

import json
import logging
import os
from typing import Callable

from kioskd.ops import scribe
from kioskd.ops.scribe import RETRY_S, Scribe

log = logging.getLogger(__name__)

THREAD = "kioskd-loudness"
NAME = "volume.json"


class Loudness:
    """The kept volume.

    Args:
        state_dir: the folder, which survives a restart.
        configured: what ``audio.volume`` says now.
        remember: keep it at all.
        bounds: what was kept counts within these (``panel.volume``): the model may have set less, or the owner narrowed
            them since, and a kiosk that nobody hears must not stay so.
        write: replaces the file (for tests of a disk that fails).

    Attributes:
        volume: what answers begin with: the kept volume, else the configured one.
        configured: as above; another one when the configuration was changed meanwhile.
        stop: write what is not written yet, and end (``Scribe.stop``).
    """

    def __init__(
        self,
        state_dir: str,
        configured: float,
        remember: bool = True,
        write: Callable[[str, dict[str, float]], None] | None = None,
        retry_s: float = RETRY_S,
        bounds: tuple[float, float] = (0.0, 1.0),
    ) -> None:
        path = os.path.join(state_dir, NAME)
        self.configured, self._remember = configured, remember
        self._scribe: Scribe[dict[str, float]] = Scribe(
            path, THREAD, write or replace, lambda kept, why: lost(path, kept, why), retry_s
        )
        self.stop, self.snapshot = self._scribe.stop, self._scribe.snapshot
        kept, self._scribe.problem = read(path, configured) if remember else (None, "")
        if self.problem:
            log.warning("%s", self.problem)
        self.volume = configured if kept is None else min(bounds[1], max(bounds[0], kept))

    @property
    def problem(self) -> str:
        """What is wrong, a sentence for people; empty when all is well. Any thread may read it."""
        return self._scribe.problem

    def put(self, volume: float) -> None:
        """Remember this from now on; any thread, never blocks for the disk."""
        self.volume = volume
        if self._remember:
            self._scribe.put({"volume": volume, "configured": self.configured})


def lost(path: str, kept: dict[str, float], why: str) -> str:
    """The sentence for a volume that could not be kept."""
    return f"that the volume is {kept['volume']:g} could not be written to {path} ({why}); see ops.state_dir"


def read(path: str, configured: float) -> tuple[float | None, str]:
    """The kept volume, None where there is none that still counts; and what is wrong with the file, a sentence."""
    kept, why = scribe.recall(path, lambda kept: (_volume(kept, "volume"), _volume(kept, "configured")))
    if why:
        return None, f"the volume that was kept in {path} cannot be read ({why}), so audio.volume counts"
    return (kept[0] if kept is not None and kept[1] == configured else None), ""


def _volume(kept: object, name: str) -> float:
    value = kept.get(name) if isinstance(kept, dict) else None
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0.0 <= value <= 1.0:
        raise ValueError("it says none")
    return float(value)


def replace(path: str, kept: dict[str, float]) -> None:
    """Write the file so that a power cut leaves the old one or the new one. Blocks for the disk.

    Raises:
        OSError: it could not be written; the old one stands.
    """
    scribe.replace(path, [json.dumps(kept)])
