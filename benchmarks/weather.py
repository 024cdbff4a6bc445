"""How much of a core a run really had: the neighbours of a virtual machine come and go from one minute to the next.

A process of its own does a small sum of work four times a second and takes the wall clock, so that a core that was
lent to somebody else, or shared with a busy twin, shows as a longer sum. It costs 0.2 % of a core.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
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
        dearer: what a sum was charged as processor time, mean over least: how many times dearer all work was.
    """

    sum_ns: float
    least_ns: float
    samples: int
    dearer: float = 1.0


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


def work() -> tuple[float, float]:
    """Wall time and processor time of one sum in ns, taken over SUMS of them."""
    began, charged, total = time.perf_counter(), time.thread_time(), 0
    for number in range(SUMS):
        total += number
    return (time.perf_counter() - began) / SUMS * 1e9, (time.thread_time() - charged) / SUMS * 1e9


def watch() -> Weather:
    """Until standard input ends; at least one sample."""
    taken = [work()]
    while not select([sys.stdin], [], [], PERIOD_S)[0]:
        taken.append(work())
    wall, charged = [each[0] for each in taken], [each[1] for each in taken]
    dearer = sum(charged) / len(charged) / min(charged)
    return Weather(round(sum(wall) / len(wall), 1), round(min(wall), 1), len(taken), round(dearer, 3))


if __name__ == "__main__":
    print(json.dumps(asdict(watch())))
