"""The marker of a trial (``trial.json`` in the runtime folder): what is tried, or how the last one ended.

The runtime folder is emptied by a boot, and the marker names the boot besides: a trial never survives a power cut.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, replace
from math import isfinite

from kioskd.config import durable
from kioskd.config.files import read_at_most

NAME = "trial.json"
# A marker has a few hundred bytes, and sentences of what was wrong before it.
MOST_BYTES = 64 * 1024
# How it stands: a restart was asked for, it runs; how it ended.
STARTING, RUNNING, KEPT, ROLLED_BACK = "starting", "running", "kept", "rolled back"
ENDED = (KEPT, ROLLED_BACK)


@dataclass(frozen=True, slots=True)
class Trial:
    """One trial.

    Attributes:
        sha256: of what is tried.
        state: see above.
        began: seconds of CLOCK_BOOTTIME, as the two below: it goes on over a restart of the daemon.
        watch_s, confirm_s: how long it is watched, and may wait for a confirmation (0: none is needed), once it runs.
        until: health is judged then.
        confirm_until: somebody must confirm it until then; 0: nobody need.
        restart: keys of it needed a restart, which makes it another process that rolls back.
        before: what was in trouble before it: it is not blamed for that.
        by: who applies it, as they call themselves.
        confirmed: somebody did.
        reason: why it ended so.
        boot: which boot this is.
    """

    sha256: str
    state: str
    began: float
    watch_s: float
    confirm_s: float
    until: float = 0.0
    confirm_until: float = 0.0
    restart: bool = False
    before: tuple[str, ...] = ()
    by: str = ""
    confirmed: bool = False
    reason: str = ""
    boot: str = ""

    @property
    def ended(self) -> bool:
        """It is over."""
        return self.state in ENDED

    def over(self, state: str, reason: str) -> Trial:
        """The same, ended so."""
        return replace(self, state=state, reason=reason)


def boot_id() -> str:
    """Of this boot; random(4)."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""  # then only the folder tells


def marker(runtime_dir: str) -> str:
    """Where the marker lies."""
    return os.path.join(runtime_dir, NAME)


def read(runtime_dir: str, boot: str) -> Trial | None:
    """The marker of this boot. One that is damaged is none: then the file runs, as if nobody had tried anything."""
    try:
        data, _ = read_at_most(marker(runtime_dir), MOST_BYTES)
        row = json.loads(data)
        trial = Trial(**{**row, "before": tuple(row["before"])})
        # The start does sums with them: one that is none would keep the kiosk from ever coming up again.
        times = (trial.began, trial.watch_s, trial.confirm_s, trial.until, trial.confirm_until)
        whole = isinstance(trial.sha256, str) and all(isfinite(one) for one in times)
    except (OSError, ValueError, TypeError, KeyError, RecursionError, OverflowError):
        return None
    return trial if whole and trial.boot == boot else None


def write(runtime_dir: str, trial: Trial) -> None:
    """Replace the marker.

    Raises:
        OSError: it could not be written; the old one stands.
    """
    durable.replace(marker(runtime_dir), json.dumps(asdict(trial)).encode())
