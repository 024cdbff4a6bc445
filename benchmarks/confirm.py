"""From the hand at the button to the relay: a real daemon with ledger and audit trail, on lines seen from outside.

It is told from the stamp of the edge to the stamp of the line's move. ``hold_ms`` is the visitor's own time and is
taken off: what is left is the kiosk's. The button's ``debounce_ms`` is in it: a finger that leaves is known so late,
and no shorter press may confirm; here it is the least that can be configured. Once with everything on a tmpfs, and once
on a real disk, where the intent (SQLite, ``synchronous=FULL``) and the audit trail must be on the disk before anything
moves.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import Mapping

from benchmarks.figure import Measured, ProbeFailed, spread
from benchmarks.host import often
from benchmarks.stalls import Span, Stalls, Undisturbed, undisturbed
from torture.caller import Caller
from torture.unit import DOOR, TALK, Unit

PRESSES, DISK_PRESSES = 100, 40
FIRST = 2  # what is loaded and made once
HOLD_MS, DEBOUNCE_MS = 100, 1  # the least that can be configured
PULSE_MS = 100
# The question is asked, the lamp shows it, and a person reacts; a press that came before it does not count.
REACTION_S = 0.15
# Between the end of a pulse and the next call: min_gap_s is over by then.
REST_S = 0.1
SYNCS = 50
MEMORY = Path("/dev/shm")
DOOR_TOOL = {
    "name": "unlock_door",
    "description": "Unlock the door.",
    "phrases": ["open the door"],
    "class": "access",
    "action": {"relay": {"pin": f"GPIO{DOOR}", "pulse_ms": PULSE_MS, "min_gap_s": 0.1}},
    "policy": {"allow": True, "hold_ms": HOLD_MS, "rate": {"count": 1000, "per_s": 60}},
}


def confirm_to_relay_ms() -> Mapping[str, Measured]:
    """Both file systems; the tmpfs counts."""
    if filesystem(MEMORY) != "tmpfs":
        raise ProbeFailed(f"{MEMORY} is no tmpfs here")
    disk = real_disk()
    on_memory, on_disk = taken(MEMORY, PRESSES), taken(disk, DISK_PRESSES)
    detail = {
        **on_memory.detail,
        "hold_ms": HOLD_MS,
        "debounce_ms": DEBOUNCE_MS,
        "disk": {
            "filesystem": filesystem(disk),
            **on_disk.detail,
            "commit_costs_ms": round(on_disk.median - on_memory.median, 3),
            "one_fsync_of_it_ms": spread(syncs(disk)),
        },
    }
    story = (
        f"from the press and its {HOLD_MS} ms to the relay's line, p99 of the undisturbed of {PRESSES} (median "
        f"{on_memory.median:.1f} ms); on {filesystem(disk)} the median is {on_disk.median:.1f} ms"
    )
    return {"confirm_to_relay_ms": Measured(on_memory.p99, story, detail)}


def taken(base: Path, presses: int) -> Undisturbed:
    """The daemon's own part of each confirmation, with its state below ``base``."""
    panel = {"talk": {"pin": f"GPIO{TALK}", "debounce_ms": DEBOUNCE_MS}}
    changed = {"tools": [DOOR_TOOL], "panel": panel}
    with Caller() as caller, Unit(caller.url, sections=changed, base=str(base), watchdog_s=60.0) as unit:
        unit.await_ready()
        unit.wires.drive(TALK, False)
        caller.sessions.get(timeout=10)
        unit.wires.drive(TALK, True)
        time.sleep(1.0)  # beyond settle_s
        try:
            with Stalls() as stalls:
                samples = [confirmed(unit, caller) for _ in range(often(presses, 2) + FIRST)]
        except TimeoutError as error:
            raise ProbeFailed(f"{error}; {' | '.join(unit.log().splitlines()[-4:])}") from error
    return undisturbed(samples[FIRST:], stalls, less_ms=HOLD_MS)


def confirmed(unit: Unit, caller: Caller) -> Span:
    """One call, its confirmation, and the end of its pulse; from the press to the line's move."""
    caller.call("unlock_door")
    asked = caller.output()
    if asked.get("status") != "needs_confirmation":
        raise ProbeFailed(f"the call was not asked to be confirmed: {asked}")
    time.sleep(REACTION_S)
    pressed_at = unit.wires.drive(TALK, False)
    on_at = unit.wires.wait(DOOR, True, since=pressed_at).at
    unit.wires.drive(TALK, True)
    unit.wires.wait(DOOR, False, since=on_at)
    time.sleep(REST_S)
    return Span(pressed_at, on_at)


# -- the disk ------------------------------------------------------------------------------------


def filesystem(folder: Path) -> str:
    """Its type, as the kernel calls it (proc(5), mounts)."""
    device, found = os.stat(folder).st_dev, "unknown"
    for line in Path("/proc/mounts").read_text().splitlines():
        _, place, kind = line.split()[:3]
        try:
            if os.stat(place).st_dev == device:
                found = kind
        except OSError:
            continue  # not for us
    return found


def real_disk() -> Path:
    """A folder that outlives the power.

    Raises:
        ProbeFailed: there is none that we may write to.
    """
    for folder in (Path(tempfile.gettempdir()), Path("/var/tmp"), Path.home()):
        if filesystem(folder) not in ("tmpfs", "ramfs", "overlay", "unknown") and os.access(folder, os.W_OK):
            return folder
    raise ProbeFailed("no folder on a real disk can be written to")


def syncs(folder: Path) -> list[float]:
    """What one append and its fsync take there, in ms."""
    samples = []
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        for _ in range(often(SYNCS, 3)):
            began = time.perf_counter()
            file.write(bytes(4096))
            file.flush()
            os.fsync(file.fileno())
            samples.append((time.perf_counter() - began) * 1000)
    return samples
