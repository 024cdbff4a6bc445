"""Memory that ends: an address space that grows no further, and the kernel's own OOM killer in a memory cgroup.

A cgroup is made for one daemon and taken away again: version 2, or version 1 where the kernel has the controller there
(cgroups(7)). What a process has charged before it is moved into a cgroup stays charged where it was, in both versions:
so the daemon is moved, bounded, and then made to ask for more.
"""

from __future__ import annotations

import os
import resource
import signal
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Callable, Iterator, NamedTuple

from torture.caller import Caller
from torture.strikes import LATE_MS, SHORT_MS, Row, cut, pulsing, released, row
from torture.unit import Unit

# Less than a daemon asks for in its next second, and more than the kernel needs to move it.
LIMIT_BYTES = 1 << 20


class NotHad(Exception):
    """No memory cgroup can be made here; a sentence says why."""


class Place(NamedTuple):
    """Where a memory cgroup may be made. ``version``: 1 or 2."""

    folder: Path
    version: int


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


def oom(given: Path | None) -> Callable[[Caller], Row]:
    """The kernel's OOM killer in the middle of a pulse.

    Args:
        given: a memory cgroup in which one more may be made; None: this machine's own is looked for.

    The case raises NotHad where none can be had.
    """

    def case(caller: Caller) -> Row:
        killed: list[int] = []

        def blow(unit: Unit) -> float:
            with group(given, unit.process.pid) as folder:
                at = unit.signal(signal.SIGUSR1)  # from here on it asks for more and more
                unit.await_over()
                killed.append(kills(folder))
            return at

        with group(given, None):
            pass  # said before a daemon is started for nothing
        found = cut("oom", "out of memory: killed by the kernel, in a memory cgroup", blow, fault="hungry")(caller)
        by_kernel = killed == [1] and found.detail["exit"] == -signal.SIGKILL
        return replace(found, ok=found.ok and by_kernel, detail={**found.detail, "oom_kills": sum(killed)})

    return case


def kills(folder: Path) -> int:
    """How many processes of this cgroup the kernel has killed for want of memory."""
    told = folder / "memory.events"
    lines = (told if told.exists() else folder / "memory.oom_control").read_text().splitlines()
    return sum(int(number) for name, number in (line.split() for line in lines) if name == "oom_kill")


@contextmanager
def group(given: Path | None, pid: int | None) -> Iterator[Path]:
    """A memory cgroup that lives as long as this; with this process in it, and no more than ``LIMIT_BYTES`` to have.

    Raises:
        NotHad: it cannot be made, or bounds nothing.
    """
    place = look() if given is None else _given(given)
    folder = place.folder / f"kioskd-bounds-{os.getpid()}"
    try:
        if place.version == 2:
            _delegate(place.folder)
        folder.mkdir()
    except OSError as error:
        raise NotHad(f"no memory cgroup can be made below {place.folder}: {error.strerror}") from error
    try:
        _bound(folder, place.version, pid)
        yield folder
    finally:
        folder.rmdir()


def _delegate(parent: Path) -> None:
    """Children have the controller only where their parent says so."""
    children = parent / "cgroup.subtree_control"
    if "memory" not in children.read_text().split():
        children.write_text("+memory")


def _bound(folder: Path, version: int, pid: int | None) -> None:
    limit, swap = (
        ("memory.max", "memory.swap.max")
        if version == 2
        else (
            "memory.limit_in_bytes",
            "memory.memsw.limit_in_bytes",
        )
    )
    try:
        if pid is not None:
            (folder / "cgroup.procs").write_text(str(pid))
        (folder / limit).write_text(str(LIMIT_BYTES))
        if (folder / swap).exists():  # not every kernel counts swap
            (folder / swap).write_text("0" if version == 2 else str(LIMIT_BYTES))
    except OSError as error:
        raise NotHad(f"{folder} does not bound memory: {error.strerror}") from error


def _given(folder: Path) -> Place:
    for version, file in ((2, "cgroup.controllers"), (1, "memory.limit_in_bytes")):
        if (folder / file).exists():
            return Place(folder, version)
    raise NotHad(f"{folder} is no memory cgroup")


def look(mounts: Path = Path("/proc/self/mounts")) -> Place:
    """Where the kernel has its memory controller: at the top, where root may make one (systemd's way, too)."""
    for line in mounts.read_text().splitlines():
        _, where, kind, options = line.split()[:4]
        folder = Path(where)
        if kind == "cgroup" and "memory" in options.split(","):
            return Place(folder, 1)
        if kind == "cgroup2" and "memory" in (folder / "cgroup.controllers").read_text().split():
            return Place(folder, 2)
    raise NotHad("the kernel offers no memory controller here (cgroup_enable=memory on a Raspberry Pi)")
