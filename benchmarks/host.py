"""The machine that a figure was taken on."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def machine() -> dict[str, object]:
    """Processor, cores, Python, kernel and how busy it is."""
    return {
        "cpu": cpu_model(Path("/proc/cpuinfo")),
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "kernel": platform.release(),
        "load": [round(load, 2) for load in os.getloadavg()],
    }


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
