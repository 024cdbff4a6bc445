"""When this machine stood still: a latency that was taken meanwhile is the host's, not the kiosk's.

A virtual machine is taken off its core for tens of milliseconds whenever its neighbours want it, and a p99 of a
hundred samples is then one such moment. One process for each core sleeps a little, again and again, and writes down
when it woke late; a sample that such a moment touches is set aside, and counted. A kiosk that keeps a core busy does
not delay a watcher beyond the scheduler's slice, so what it is late by itself stays in.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from select import select
from types import TracebackType
from typing import Sequence

from benchmarks.figure import ProbeFailed, percentile, spread
from benchmarks.host import often

# Between two looks; 0.3 % of each core.
EVERY_S = 0.002
# Woken so late: beyond what the scheduler lets a thread wait for one other (a slice of 3 to 4 ms).
LATE_S = 0.005
# So many samples must be left of all for a figure to mean something.
ENOUGH = 0.5


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when, in seconds of CLOCK_MONOTONIC."""

    began: float
    ended: float

    @property
    def ms(self) -> float:
        """How long."""
        return (self.ended - self.began) * 1000

    def touches(self, other: Span) -> bool:
        """Whether both have a moment in common."""
        return self.began <= other.ended and other.began <= self.ended


@dataclass(slots=True)
class Stalls:
    """Watches from enter to exit; then ``spans`` are the moments at which a core did not serve.

    Attributes:
        watchers: one for each core.
    """

    spans: Sequence[Span] = ()
    watchers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __enter__(self) -> Stalls:
        for core in sorted(os.sched_getaffinity(0)):
            command = [sys.executable, "-m", "benchmarks.stalls", str(core)]
            self.watchers.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
        for watcher in self.watchers:
            assert watcher.stdout is not None
            watcher.stdout.readline()  # it watches
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        told = [json.loads(watcher.communicate(timeout=30)[0]) for watcher in self.watchers]
        self.spans = [Span(began, ended) for spans in told for began, ended in spans]

    def apart(self, samples: Sequence[Span]) -> tuple[list[Span], list[Span]]:
        """Those that no stall touched, and the others."""
        calm: list[Span] = []
        touched: list[Span] = []
        for sample in samples:
            (touched if any(sample.touches(span) for span in self.spans) else calm).append(sample)
        return calm, touched


@dataclass(frozen=True, slots=True)
class Undisturbed:
    """What a figure says of the samples that no stall touched.

    Attributes:
        p99, median: in ms.
        detail: both lots, and how often and how long the machine stood still.
    """

    p99: float
    median: float
    detail: dict[str, object]


def undisturbed(samples: Sequence[Span], stalls: Stalls, less_ms: float = 0.0) -> Undisturbed:
    """The figure of the samples, ``less_ms`` taken off each.

    Raises:
        ProbeFailed: the machine stood still in too many of them.
    """
    calm, touched = stalls.apart(samples)
    if len(calm) < often(math.ceil(ENOUGH * len(samples)), 0):
        raise ProbeFailed(f"the machine stood still in {len(touched)} of {len(samples)} samples")
    ms = [sample.ms - less_ms for sample in calm or samples]  # none is calm: a quick look at a busy machine
    detail: dict[str, object] = {
        "ms": spread(ms),
        "all_ms": spread([sample.ms - less_ms for sample in samples]),
        "set_aside": len(touched),
        "stalls": len(stalls.spans),
        "longest_stall_ms": round(max((span.ms for span in stalls.spans), default=0.0), 1),
    }
    return Undisturbed(round(percentile(ms, 0.99), 3), percentile(ms, 0.5), detail)


def watch(core: int) -> list[tuple[float, float]]:
    """Until standard input ends: from when to when this core let us wait."""
    os.sched_setaffinity(0, {core})
    found: list[tuple[float, float]] = []
    slept_at = time.monotonic()
    print(flush=True)
    while True:
        over = bool(select([sys.stdin], [], [], EVERY_S)[0])
        woke_at = time.monotonic()
        if woke_at - slept_at - EVERY_S > LATE_S:
            found.append((slept_at, woke_at))
        if over:
            return found
        slept_at = woke_at


if __name__ == "__main__":
    print(json.dumps(watch(int(sys.argv[1]))))
