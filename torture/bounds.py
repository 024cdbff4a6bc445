"""How long a relay's line stays on when something goes wrong, each bound of the design measured with a real daemon.

A daemon as systemd runs it (torture/unit.py), on lines that are watched from outside (torture/wires.py), in the middle
of a pulse of two relays, one of each polarity. ``python -m torture bounds --json`` prints a row for each.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
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
from torture.memory import NotHad, no_memory, oom
from torture.strikes import (
    FROZEN_MS,
    GONE_MS,
    LATE_MS,
    Row,
    begin,
    cut,
    ever_on,
    outlast,
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
# sysexits.h: it cannot be had now, and nothing is wrong.
EX_TEMPFAIL = 75


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
        "oom": oom(cgroup),
        "blocked": outlast("blocked", "the event loop stands still", LATE_MS, "block"),
        "spinning": outlast("spinning", "the event loop calculates for ever", LATE_MS, "spin"),
        "hung": outlast("hung", "the thread that would release the line hangs in its driver", hung_ms, "stuck", False),
        "deaf": outlast("deaf", "the driver never returns from releasing the line", deaf_ms, "deaf", False),
        "frozen": cut("frozen", "SIGSTOP", sent(signal.SIGSTOP), frozen_ms, watchdog_s=watchdog_s),
        "seized": cut(
            "seized", "a library keeps the interpreter", usr1, frozen_ms, fault="seize", watchdog_s=watchdog_s
        ),
    }
    return found


def measure(names: list[str], watchdog_s: float, cgroup: Path | None = None) -> Iterator[Row]:
    """Take these, one after the other; all without a name. One that cannot be had here is a row without a figure."""
    known = cases(watchdog_s, cgroup)
    for name in names or known:
        with Caller() as caller:
            try:
                yield known[name](caller)
            except NotHad as error:
                yield Row(name, f"not measured: {error}", None, None, None, {})


def arguments(doors: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The verb on the command line."""
    verb = doors.add_parser("bounds", help="how long a line stays on, whatever goes wrong: every bound measured")
    verb.add_argument("names", nargs="*", metavar="NAME", help="only these: " + ", ".join(cases(1.0, None)))
    verb.add_argument("--json", action="store_true", help="for scripts")
    verb.add_argument("--watchdog", type=float, metavar="S", help="instead of the unit's WatchdogSec")
    verb.add_argument(
        "--cgroup", type=Path, metavar="DIR", help="a memory cgroup of yours, for oom; default: the machine's own"
    )


def main(options: argparse.Namespace) -> int:
    """The command; 0: every bound was kept, 75: one of them cannot be measured here."""
    watchdog_s = seconds("WatchdogSec") if options.watchdog is None else options.watchdog
    unknown = set(options.names) - set(cases(watchdog_s, options.cgroup))
    if unknown:
        print(f"no such bound: {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    rows = []
    for one in measure(options.names, watchdog_s, options.cgroup):
        rows.append(one)
        if not options.json:
            print(line(one), flush=True)
    if options.json:
        print(json.dumps([{**asdict(one), "machine": machine(), "uid": os.getuid()} for one in rows], indent=2))
    if any(one.ok is False for one in rows):
        return 1
    return EX_TEMPFAIL if any(one.ok is None for one in rows) else 0


def line(one: Row) -> str:
    """A row for people."""
    if one.ms is None or one.bound_ms is None:
        return f"{one.name:<10} {one.about}"
    verdict = "ok" if one.ok else "OVER"
    return f"{one.name:<10} {one.ms:>9,.1f} of {one.bound_ms:>9,.1f} ms  {verdict:<5} {one.about}"
