"""The machine that a figure was taken on."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path

# A second: long enough to see a neighbour of a virtual machine come and go; one before each run.
SLEEPS, FEW_SLEEPS = 1000, 50
# Sums of small numbers: what a core does in Python at this moment. 25 to 50 ns each on the machine of the figures in
# docs/performance.md, from one minute to the next.
SUMS = 20_000


def machine() -> dict[str, object]:
    """Processor, cores, Python, kernel and how busy it is."""
    return {
        "cpu": cpu_model(Path("/proc/cpuinfo")),
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "kernel": platform.release(),
        "load": [round(load, 2) for load in os.getloadavg()],
    }


def calm() -> dict[str, float]:
    """How calm the machine is right now: how late a sleep of 1 ms ends, and what a sum of two numbers costs.

    A figure of CPU or latency from a machine that is not calm says more about its neighbours than about kioskd.
    """
    slept_ms, last = [], time.perf_counter()
    for _ in range(often(SLEEPS, FEW_SLEEPS)):
        time.sleep(0.001)
        now = time.perf_counter()
        slept_ms.append((now - last) * 1000)
        last = now
    slept_ms.sort()
    worked = time.thread_time()
    total = 0
    for number in range(SUMS):
        total += number
    sum_ns = (time.thread_time() - worked) / SUMS * 1e9
    p99 = slept_ms[int(len(slept_ms) * 0.99)]
    return {"sleep_1ms_p99_ms": round(p99, 2), "sleep_1ms_max_ms": round(slept_ms[-1], 2), "sum_ns": round(sum_ns, 1)}


def cpu_model(path: Path) -> str:
    """The processor's name; boards without one tell their own (device tree)."""
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return platform.machine()
    for key in ("model name", "Model", "Hardware"):
        for line in lines:
            name, _, value = line.partition(":")
            if name.strip() == key and value.strip():
                return value.strip()
    return platform.machine()


# Set for the runs of the tests: every part is gone through, none of them often.
QUICK = "KIOSKD_BENCH_QUICK"


def often(count: int, quick: int) -> int:
    """How often something is to be done: ``count``, or ``quick`` where only a look was asked for."""
    return quick if os.environ.get(QUICK) else count
