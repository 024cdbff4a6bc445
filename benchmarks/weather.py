"""How much of a core a run really had: the neighbours of a virtual machine come and go from one minute to the next.

A process of its own does a small sum of work four times a second and takes the wall clock, so that a core that was
lent to somebody else, or shared with a busy twin, shows as a longer sum. It costs 0.2 % of a core.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from select import select
from types import TracebackType

PERIOD_S = 0.25
SUMS = 20_000
# A run that had the machine nearly to itself needs no second one; of those that had not, the calmest counts.
NEARLY = 1.25
ATTEMPTS = 5
# No further attempt behind this: what takes minutes and is no matter of time (echo, gate) is not repeated for an hour.
PATIENCE_S = 300.0


@dataclass(frozen=True, slots=True)
class Weather:
    """What the machine was like during a run.

    Attributes:
        sum_ns: wall time of a small sum, mean: what counts.
        least_ns: the quickest of them.
        samples: how many.
    """

    sum_ns: float
    least_ns: float
    samples: int


class Watch:
    """Watches the machine from enter to exit; then ``weather`` tells."""

    def __enter__(self) -> Watch:
        command = [sys.executable, "-m", "benchmarks.weather"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        told, _ = self._process.communicate(timeout=30)
        self.weather = Weather(**json.loads(told))


def work_ns() -> float:
    """Wall time of one sum, taken over SUMS of them."""
    began, total = time.perf_counter(), 0
    for number in range(SUMS):
        total += number
    return (time.perf_counter() - began) / SUMS * 1e9


def watch() -> Weather:
    """Until standard input ends; at least one sample."""
    taken = [work_ns()]
    while not select([sys.stdin], [], [], PERIOD_S)[0]:
        taken.append(work_ns())
    return Weather(round(sum(taken) / len(taken), 1), round(min(taken), 1), len(taken))


if __name__ == "__main__":
    seen = watch()
    print(json.dumps({"sum_ns": seen.sum_ns, "least_ns": seen.least_ns, "samples": seen.samples}))
