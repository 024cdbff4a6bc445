"""The disk below the ledger: room, whether it takes writes, how long one takes, and how worn the card is."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Callable, Iterator, NamedTuple

from kioskd.checkup.files import text
from kioskd.core.finding import Finding, fail, ok, unknown, warn

# The ledger writes a row of some hundred bytes for a call and 20 MB are its largest file in years; a system without
# room fails in other ways long before. Guesses.
LEAST_BYTES, LOW_BYTES = 50 << 20, 500 << 20
# An intent is synced before the door moves: what a visitor waits for. A good card needs 5 to 30 ms.
SLOW_MS, DEAD_MS = 150.0, 1000.0
TRIES = 5
FULL = "journalctl --vacuum-size=50M; apt clean; see: du -xh / | sort -h | tail"
CARD = "use an industrial (A1 or better, pSLC) card, or an SSD"
# JEDEC eMMC 5.0, EXT_CSD 267 to 269: wear in tenths of the life, and whether spare blocks run out.
PRE_EOL = {1: "", 2: "four fifths of its spare blocks are used", 3: "nearly all of its spare blocks are used"}


class Room(NamedTuple):
    """Of a file system: what an unprivileged user may still write, how large it is, and whether it takes no writes."""

    free_bytes: int
    total_bytes: int
    read_only: bool
    free_inodes: int


def room_of(path: str) -> Room:
    """The file system of a path.

    Raises:
        OSError: it is not there.
    """
    found = os.statvfs(path)
    read_only = bool(found.f_flag & os.ST_RDONLY)
    # btrfs and others have no fixed number of inodes: they say 0 of 0.
    inodes = found.f_favail if found.f_files else 1 << 30
    return Room(found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize, read_only, inodes)


def room(path: str, look: Callable[[str], Room] = room_of) -> Iterator[Finding]:
    """Whether there is room below ``path`` and it can be written."""
    what = f"disk {path}"
    try:
        found = look(path)
    except PermissionError:
        yield unknown(what, "is not yours to look at", "sudo kioskctl doctor")
        return
    except OSError as error:
        yield fail(what, f"cannot be used: {error.strerror}", "see ops.state_dir; kioskd makes it at its start")
        return
    free = f"{found.free_bytes / 1e6:.0f} MB of {found.total_bytes / 1e6:.0f} MB free"
    data = {"free_bytes": found.free_bytes, "total_bytes": found.total_bytes}
    if found.read_only:
        sentence = "is read-only: nothing that moves can be written down, so nothing moves"
        yield fail(what, sentence, "an overlay? mount a writable partition; after a fault: fsck, see dmesg", **data)
    elif found.free_bytes < LEAST_BYTES or found.free_inodes < 100:
        yield fail(what, f"full: {free}", FULL, **data)
    elif found.free_bytes < LOW_BYTES:
        yield warn(what, f"nearly full: {free}", FULL, **data)
    else:
        yield ok(what, free, **data)


def sync_ms(folder: str, clock: Callable[[], float] = time.monotonic) -> list[float]:
    """How long each of some small writes took to be on the disk. Nothing stays behind.

    Raises:
        OSError: it cannot be written.
    """
    path, took = os.path.join(folder, f".doctor-{os.getpid()}"), []
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    try:
        for _ in range(TRIES):
            os.write(descriptor, b"\0" * 4096)
            began = clock()
            os.fsync(descriptor)
            took.append((clock() - began) * 1000)
    finally:
        os.close(descriptor)
        os.unlink(path)
    return took


def speed(folder: str, measure: Callable[[str], list[float]] = sync_ms) -> Iterator[Finding]:
    """How long a write takes until it survives a power cut."""
    try:
        took = sorted(measure(folder))
    except PermissionError:
        yield unknown("disk sync", f"{folder} is not yours to write", "sudo kioskctl doctor")
        return
    except OSError as error:
        yield fail("disk sync", f"{folder} cannot be written: {error.strerror}", "see dmesg")
        return
    median, worst = took[len(took) // 2], took[-1]
    data = {"median_ms": round(median, 2), "worst_ms": round(worst, 2)}
    sentence = f"a write is safe after {median:.0f} ms, {worst:.0f} ms at worst"
    if median > DEAD_MS:
        yield fail("disk sync", f"{sentence}: the visitor stands before the door so long", CARD, **data)
    elif median > SLOW_MS:
        yield warn("disk sync", f"{sentence}: each move of the door waits for it", CARD, **data)
    else:
        yield ok("disk sync", sentence, **data)


def device_of(path: str, sysfs: Path, number: Callable[[str], int] = lambda path: os.stat(path).st_dev) -> Path | None:
    """The disk that a path lies on, as a folder of sysfs; None: on none (tmpfs, overlay, network)."""
    try:
        device = number(path)
    except OSError:
        return None
    where = sysfs / f"dev/block/{os.major(device)}:{os.minor(device)}"
    if not where.exists():
        return None
    real = where.resolve()
    return real.parent if (real / "partition").exists() else real


def wear(disk: Path | None) -> Iterator[Finding]:
    """How worn a card or eMMC is, as far as it tells.

    Args:
        disk: its folder in sysfs.
    """
    if disk is None:
        yield unknown("disk wear", "what the ledger lies on is no disk of its own here", "")
        return
    device = disk / "device"
    name = text(device / "name") or text(device / "model") or disk.name
    # 0x00: not defined.
    told = (word for word in (text(device / "life_time") or "").split() if word.startswith("0x"))
    lives = [life for life in map(_hex, told) if life > 0]
    spare = PRE_EOL.get(_hex(text(device / "pre_eol_info")), "")
    if not lives and not spare:
        about = f"{name}, made {made}" if (made := text(device / "date")) else name
        kind = "SD cards do not tell" if text(device / "type") == "SD" else "it does not tell"
        yield unknown("disk wear", f"{about}: {kind} how worn they are" if "SD" in kind else f"{about}: {kind}", "")
        return
    used = min(100, max(lives, default=0) * 10)  # 0x01: up to a tenth of the life is used, ... 0x0b: all of it and more
    data = {"device": name, "used_percent": used}
    if used >= 100 or "nearly" in spare:
        yield fail("disk wear", f"{name} is worn out{f': {spare}' if spare else ''}", f"replace it now; {CARD}", **data)
    elif used >= 80 or spare:
        yield warn("disk wear", f"{name} has used {used} % of its life{f': {spare}' if spare else ''}", CARD, **data)
    else:
        yield ok("disk wear", f"{name} has used {used} % of its life at most", **data)


def _hex(said: str | None) -> int:
    try:
        return int(said or "0", 16)
    except ValueError:
        return 0
