"""Which configuration a start runs: the file; one on trial; or, when the file does not check, the last good one."""

from __future__ import annotations

import logging
import re
import time
from dataclasses import dataclass, replace
from typing import Iterator, Mapping

from kioskd.config import trial as trials
from kioskd.config.goods import Goods, fingerprint
from kioskd.config.loader import Loaded, Problem, take, weigh
from kioskd.config.sections import Config, Ops
from kioskd.config.staging import TRIAL
from kioskd.config.trial import Trial

log = logging.getLogger(__name__)

FILE, ON_TRIAL, LAST_GOOD = "file", "trial", "last good"
# A trial that asked for a restart and was not given one in this time is over: who applied it has given up.
RESTART_S = 120.0
_STATE_DIR = re.compile(rb"""(?:^[ \t]+|[{,][ \t]*)state_dir:[ \t]*["']?(/[^"',}#\s]+)""", re.MULTILINE)


@dataclass(frozen=True)
class Source:
    """Where the configuration came from, for status.

    Attributes:
        path: of the file.
        warnings: what ``kioskd check`` would warn of.
        data: what was read; empty where nobody did (a house made by hand).
        running: ``file``, ``trial`` or ``last good``.
        problem: why it is not the file, a sentence.
        trial: the one that runs, or the last one of this boot.
    """

    path: str
    warnings: tuple[str, ...]
    data: bytes = b""
    running: str = FILE
    problem: str = ""
    trial: Trial | None = None


class NothingRuns(Exception):
    """No configuration can be run, and none was good before: the problems of the file."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(f"{len(problems)} problems")
        self.problems = problems


def choose(path: str, env: Mapping[str, str]) -> tuple[Config, Source]:
    """What to run. Blocks on the disk.

    Raises:
        NothingRuns: exit status 78.
    """
    config, source = _standing(path, env)
    marker = trials.read(config.ops.runtime_dir, trials.boot_id())
    if marker is None or marker.ended:
        return config, replace(source, trial=marker)
    if source.running == FILE and _moved(source.data, marker):
        return config, replace(source, trial=_over(config.ops.runtime_dir, marker, "", trials.KEPT))
    tried, data, marker = _tried(path, config.ops.runtime_dir, marker)
    if tried.config is None:
        return config, replace(source, trial=marker)
    return tried.config, Source(path, tuple(map(str, tried.warnings)), data, ON_TRIAL, "", marker)


def _standing(path: str, env: Mapping[str, str]) -> tuple[Config, Source]:
    """The file, else the last good one."""
    loaded, data = take(path)
    if loaded.config is not None and data.strip():
        return loaded.config, Source(path, tuple(map(str, loaded.warnings)), data)
    why = str(loaded.problems[0]) if loaded.problems else f"{path} is empty"
    more = f" (and {len(loaded.problems) - 1} more)" if len(loaded.problems) > 1 else ""
    for good in _goods(data, env):
        kept = weigh(good[1], good[0])
        if kept.config is not None:
            problem = f"{why}{more}. The last good configuration runs in its place: mend the file, kioskctl reload"
            return kept.config, Source(path, tuple(map(str, kept.warnings)), good[1], LAST_GOOD, problem)
    if loaded.config is not None:
        return loaded.config, Source(path, tuple(map(str, loaded.warnings)), data)
    raise NothingRuns(loaded.problems)


def _goods(data: bytes, env: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
    """Path and content of what was good, newest first. Where they lie says a file that may be broken just there."""
    named = _STATE_DIR.search(data)
    said = named[1].decode("utf-8", "replace") if named else ""
    given = env.get("STATE_DIRECTORY", "").split(":")[0]
    default = next(field.default for field in Ops.__dataclass_fields__.values() if field.name == "state_dir")
    for folder in dict.fromkeys(one for one in (said, given, str(default)) if one.startswith("/")):
        for good in Goods(folder).newest_first():
            yield good.path, good.data


def _moved(data: bytes, marker: Trial) -> bool:
    """Whether what was on trial stands in the file by now: it was healthy to its end, and the daemon ended before it
    was told of the move."""
    proven = time.clock_gettime(time.CLOCK_BOOTTIME) >= marker.until
    return marker.state == trials.RUNNING and proven and fingerprint(data) == marker.sha256


def _tried(path: str, runtime_dir: str, marker: Trial) -> tuple[Loaded, bytes, Trial]:
    """What is on trial, if this is the start that was asked for; the marker as it is now."""
    now = time.clock_gettime(time.CLOCK_BOOTTIME)
    loaded, data = take(path + TRIAL)
    if marker.state != trials.STARTING:
        why = "kioskd ended while it was on trial"
    elif now - marker.began > RESTART_S:
        why = f"kioskd was not started again within {RESTART_S:.0f} s"
    elif fingerprint(data) != marker.sha256:
        why = "what was to be tried is not there any more"
    elif loaded.config is None:
        why = f"it does not check: {loaded.problems[0]}"
    else:
        confirm_until = now + marker.confirm_s if marker.confirm_s else 0.0
        running = replace(marker, state=trials.RUNNING, until=now + marker.watch_s, confirm_until=confirm_until)
        try:
            # Before anything of it runs: a process that it kills is not started with it once more.
            trials.write(runtime_dir, running)
            return loaded, data, running
        except OSError as error:
            why = f"its marker cannot be written ({error.strerror})"
    return Loaded(None), b"", _over(runtime_dir, marker, why)


def _over(runtime_dir: str, marker: Trial, reason: str, state: str = trials.ROLLED_BACK) -> Trial:
    ended = marker.over(state, reason)
    try:
        trials.write(runtime_dir, ended)
    except OSError as error:
        # It stays RUNNING, or grows stale: the next start takes that for ended as well.
        log.warning("the marker of a trial in %s cannot be written: %s", runtime_dir, error.strerror)
    return ended
