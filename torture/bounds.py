"""How long a relay's line stays on when something goes wrong, each bound of the design measured with a real daemon.

A daemon as systemd runs it (torture/unit.py), on lines that are watched from outside (torture/wires.py), in the middle
of a pulse of two relays, one of each polarity. ``python -m torture bounds --json`` prints a row for each.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import resource
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Callable, Iterator, Mapping

from benchmarks.figure import percentile, spread
from benchmarks.host import machine
from kioskd.closing import SAFE_S
from kioskd.lines.fuse import GRACE_S
from kioskd.lines.lines import HANGS_S
from kioskd.pulse import BEAT_S
from torture.caller import Caller
from torture.strikes import (
    FROZEN_MS,
    GONE_MS,
    LATE_MS,
    SHORT_MS,
    Row,
    begin,
    cut,
    ever_on,
    outlast,
    pulsing,
    released,
    row,
    sent,
)
from torture.unit import DOOR, LOW_DOOR, ROOT, Unit, seconds

SETTLE_S = 2.0
# A model that asks more often is cut off by the link (1008).
ASK_S = 0.02
# A fuse's grace, two locks that a hanging thread holds, and what a busy board adds: half a second, all told.
HUNG_MS = 500.0
# ExecStopPost alone: what TimeoutAbortSec leaves of the second that a frozen process has.
HELPS, HELP_MS = 9, 500.0


# -- the start -----------------------------------------------------------------------------------


def start(caller: Caller) -> Row:
    """From the start of the process to both lines at rest."""
    with Unit(caller.url) as unit:
        unit.await_ready()
        first = [unit.wires.moves(line)[0] for line in (DOOR, LOW_DOOR)]
        at_rest = not first[0].high and first[1].high and not ever_on(unit)
        made = sorted(path.name for path in (unit.folder / "run").iterdir())
        ms = (max(move.at for move in first) - unit.began_at) * 1000
        ready_ms = (unit.ready_at - unit.began_at) * 1000
        about = "process start to both lines driven to rest, which is before READY; never the other level"
        detail = {"ready_ms": round(ready_ms, 1), "at_rest_from_the_first_request": at_rest, "runtime": made}
        return Row("start", about, round(ms, 1), round(ready_ms, 1), at_rest and ms <= ready_ms, detail)


def settle(caller: Caller) -> Row:
    """A model that calls from the first moment on."""
    with Unit(caller.url, pulse_ms=100, sections={"kiosk": {"settle_s": SETTLE_S}}) as unit:
        unit.await_ready()
        begin(unit, caller)
        asked = refused = 0
        until = unit.began_at + SETTLE_S + 5.0
        while not ever_on(unit) and time.monotonic() < until:
            caller.call("ring")
            asked += 1
            try:
                refused += caller.output(0.2).get("status") != "done"
            except queue.Empty:
                pass
            time.sleep(ASK_S)
        moves = ever_on(unit)
        ms = (moves[0].at - unit.began_at) * 1000 if moves else 0.0
        about = f"process start to the first move, asked for from the first moment on: at least {SETTLE_S:g} s"
        detail = {"asked": asked, "refused": refused, "bound_is": "least"}
        return Row("settle", about, round(ms, 1), SETTLE_S * 1000, ms >= SETTLE_S * 1000, detail)


def unready(caller: Caller) -> Row:
    """A start that never ends, and is ended."""
    with Unit(caller.url, fault="unready") as unit:
        unit.wires.wait(LOW_DOOR, True)
        at = unit.signal(signal.SIGKILL)
        unit.await_over()
        moved = len(ever_on(unit))
        about = "a start that hangs, ended by SIGKILL: neither line ever left its rest"
        return Row("starting", about, round((unit.safe_at - at) * 1000, 1), GONE_MS, moved == 0, {"moved": moved})


# -- memory --------------------------------------------------------------------------------------


def exhaust(unit: Unit) -> float:
    """Not a byte of address space more: each allocation that needs some fails."""
    pages = int(Path(f"/proc/{unit.process.pid}/statm").read_text().split()[0])
    size = pages * resource.getpagesize()
    at = time.monotonic()
    resource.prlimit(unit.process.pid, resource.RLIMIT_AS, (size, size))
    return at


def no_memory(caller: Caller) -> Row:
    """A pulse that begins when memory has ended."""
    with Unit(caller.url, pulse_ms=SHORT_MS) as unit:
        first, second = pulsing(unit, caller)
        exhaust(unit)
        on_ms = (released(unit, first.at) - min(first.at, second.at)) * 1000
        about = "no more memory can be had during a pulse (RLIMIT_AS): it ends on time all the same"
        lives = unit.process.poll() is None
        return row("no_memory", about, on_ms, SHORT_MS + LATE_MS, pulse_ms=SHORT_MS, daemon_lives=lives)


def oom(cgroup: Path) -> Callable[[Caller], Row]:
    """The kernel's own OOM killer, in a memory cgroup (v2) that may be made below ``cgroup``."""

    def blow(unit: Unit) -> float:
        children = cgroup / "cgroup.subtree_control"
        if "memory" not in children.read_text().split():
            children.write_text("+memory")
        mine = cgroup / f"kioskd-bounds-{unit.process.pid}"
        mine.mkdir()
        (mine / "cgroup.procs").write_text(str(unit.process.pid))
        at = time.monotonic()
        if (mine / "memory.swap.max").exists():  # not every kernel counts swap
            (mine / "memory.swap.max").write_text("0")
        (mine / "memory.max").write_text("1M")  # far below what it uses: the kernel kills at once
        unit.await_over()
        mine.rmdir()
        return at

    return cut("oom", "killed by the kernel, which has no memory left (MemoryMax)", blow)


# -- the helper by itself ------------------------------------------------------------------------


def helper(caller: Caller) -> Row:
    """ExecStopPost as the unit has it, without a relay: what its start takes. The others pay for this board's chips."""
    with tempfile.NamedTemporaryFile("w", prefix="kioskd-", suffix=".json") as facts:
        facts.write('{"pins": "gpio", "relays": []}')
        facts.flush()
        samples = []
        for _ in range(HELPS):
            began = time.monotonic()
            subprocess.run([sys.executable, "-m", "kioskd.lines.safe", facts.name], cwd=ROOT, check=True, timeout=60)
            samples.append((time.monotonic() - began) * 1000)
    ms = percentile(samples, 0.5)
    return row("helper", "start of ExecStopPost by itself, median", ms, HELP_MS, spread_ms=spread(samples, 1))


# -- all of it -----------------------------------------------------------------------------------


def cases(watchdog_s: float, cgroup: Path | None) -> Mapping[str, Callable[[Caller], Row]]:
    """By name, in the order of the design's table."""
    frozen_ms, hung_ms = watchdog_s * 1000 + FROZEN_MS, HUNG_MS
    # The fuse tries; the next beat sees that it hangs, and ends the process; ExecStopPost tries in another one.
    deaf_ms = (GRACE_S + HANGS_S + BEAT_S + SAFE_S) * 1000 + GONE_MS
    usr1 = sent(signal.SIGUSR1)
    found = {
        "start": start,
        "starting": unready,
        "settle": settle,
        "helper": helper,
        "stop": cut("stop", "SIGTERM", sent(signal.SIGTERM)),
        "crash": cut("crash", "an exception that nobody foresaw", usr1, fault="crash"),
        "segfault": cut("segfault", "SIGSEGV", sent(signal.SIGSEGV)),
        "kill": cut("kill", "SIGKILL", sent(signal.SIGKILL)),
        "no_memory": no_memory,
        "blocked": outlast("blocked", "the event loop stands still", LATE_MS, "block"),
        "spinning": outlast("spinning", "the event loop calculates for ever", LATE_MS, "spin"),
        "hung": outlast("hung", "the thread that would release the line hangs in its driver", hung_ms, "stuck", False),
        "deaf": outlast("deaf", "the driver never returns from releasing the line", deaf_ms, "deaf", False),
        "frozen": cut("frozen", "SIGSTOP", sent(signal.SIGSTOP), frozen_ms, watchdog_s=watchdog_s),
        "seized": cut(
            "seized", "a library keeps the interpreter", usr1, frozen_ms, fault="seize", watchdog_s=watchdog_s
        ),
    }
    return found if cgroup is None else {**found, "oom": oom(cgroup)}


def measure(names: list[str], watchdog_s: float, cgroup: Path | None = None) -> Iterator[Row]:
    """Take these, one after the other; all without a name."""
    known = cases(watchdog_s, cgroup)
    for name in names or known:
        with Caller() as caller:
            yield known[name](caller)


def arguments(doors: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The verb on the command line."""
    verb = doors.add_parser("bounds", help="how long a line stays on, whatever goes wrong: every bound measured")
    verb.add_argument("names", nargs="*", metavar="NAME", help="only these: " + ", ".join((*cases(1.0, None), "oom")))
    verb.add_argument("--json", action="store_true", help="for scripts")
    verb.add_argument("--watchdog", type=float, metavar="S", help="instead of the unit's WatchdogSec")
    verb.add_argument("--cgroup", type=Path, metavar="DIR", help="a memory cgroup (v2) of yours, for oom")


def main(options: argparse.Namespace) -> int:
    """The command; 0: every bound was kept."""
    watchdog_s = seconds("WatchdogSec") if options.watchdog is None else options.watchdog
    unknown = set(options.names) - set(cases(watchdog_s, options.cgroup))
    if unknown:
        print(f"no such bound: {', '.join(sorted(unknown))} (oom wants --cgroup DIR)", file=sys.stderr)
        return 2
    rows = []
    for one in measure(options.names, watchdog_s, options.cgroup):
        rows.append(one)
        if not options.json:
            verdict = "ok" if one.ok else "OVER"
            print(f"{one.name:<10} {one.ms:>9,.1f} of {one.bound_ms:>9,.1f} ms  {verdict:<5} {one.about}", flush=True)
    if options.json:
        print(json.dumps([{**asdict(one), "machine": machine(), "uid": os.getuid()} for one in rows], indent=2))
    return 0 if all(one.ok for one in rows) else 1
