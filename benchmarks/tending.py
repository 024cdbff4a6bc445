"""What the owner waits for: a reload of live keys under a running microphone, and ``kioskctl status`` as a process."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Mapping

from benchmarks.daemon import Daemon, daemon
from benchmarks.ear import Ear
from benchmarks.figure import Measured, ProbeFailed, percentile, spread
from benchmarks.host import often
from benchmarks.sound import sound

SETTLE_S = 2.0
PAUSE_S = 0.05
# A period of the microphone; what was due and did not come while a reload ran is a lost one.
PERIOD_S = 0.01
# The figures are read once for each side of the run, and reading takes its time.
SLACK_PERIODS = 20
# What a reload changes, of each kind that is live: old and new text, both of the same length.
LIVE = (
    ("name: bench", "name: other"),
    ("description: Read the temperature in the lobby.", "description: Tells how warm the lobby is now."),
    ("count: 100", "count: 101"),
)


def reload_ms() -> Mapping[str, Measured]:
    """Request to answer on the change socket: a name, a tool's description and a policy, in turns."""
    with sound() as devices, Ear() as ear, daemon(ear.url, devices, {"volume": 0.5}) as running:
        time.sleep(SETTLE_S)
        path = running.folder / "kioskd.yaml"
        before, began = running.status()["audio"]["capture"], time.monotonic()
        took_ms = [_reloaded(path, number) for number in range(often(100, 4))]
        elapsed_s = time.monotonic() - began
        after = running.status()
        capture, reloads = after["audio"]["capture"], after["config"]["reloads"]
    if reloads != len(took_ms) or after["config"]["pending"]:
        raise ProbeFailed(f"of {len(took_ms)} reloads {reloads} were done: {after['config']['problem']}")
    missing = elapsed_s / PERIOD_S - (capture["periods"] - before["periods"])
    lost = capture["xruns"] - before["xruns"]
    if lost or missing > SLACK_PERIODS:
        raise ProbeFailed(f"sound was lost meanwhile: {lost} xruns, {missing:.0f} periods too few")
    value = percentile(took_ms, 0.5)
    periods = round(elapsed_s / PERIOD_S)
    story = f"median of {len(took_ms)} reloads of live keys; of {periods} periods of the microphone none was lost"
    return {"reload_ms": Measured(round(value, 2), story, {"ms": spread(took_ms), "sound": devices.why})}


def _reloaded(path: Path, number: int) -> float:
    """Change the file and have it reloaded; how long that took in ms."""
    text = path.read_text()
    for old, new in LIVE:
        text = text.replace(old, new) if number % 2 == 0 else text.replace(new, old)
    path.write_text(text)
    began = time.perf_counter()
    answer = _asked(path.parent / "run" / "change.sock", {"do": "reload"})
    took_ms = (time.perf_counter() - began) * 1000
    if answer.get("ok") is not True or len(answer["config"]["changes"]) != len(LIVE):
        raise ProbeFailed(f"the daemon did not reload: {answer}")
    time.sleep(PAUSE_S)
    return took_ms


def _asked(path: Path, request: Mapping[str, object]) -> dict[str, Any]:
    with socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(10)
        asking.connect(str(path))
        asking.sendall(json.dumps(request).encode() + b"\n")
        answer: dict[str, Any] = json.loads(asking.makefile("rb").readline())
        return answer


def ctl_status_ms() -> Mapping[str, Measured]:
    """From just before the process is made to its end, with a page from a daemon that runs."""
    with sound() as devices, Ear() as ear, daemon(ear.url, devices) as running:
        time.sleep(SETTLE_S)
        took_ms = [_status(running) for _ in range(often(31, 2))][1:]  # the first one warms the cache
    value = percentile(took_ms, 0.5)
    story = f"median of {len(took_ms)} runs of kioskctl status, its Python included"
    return {"ctl_status_ms": Measured(round(value, 1), story, {"ms": spread(took_ms)})}


def _status(running: Daemon) -> float:
    command = [sys.executable, "-m", "kioskd.ctl", "--runtime-dir", str(running.folder / "run"), "status"]
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True)
    took_ms = (time.perf_counter() - began) * 1000
    if done.returncode not in (0, 1) or b"microphone" not in done.stdout:
        raise ProbeFailed(f"kioskctl status ended with {done.returncode}: {done.stderr.decode(errors='replace')}")
    return took_ms
