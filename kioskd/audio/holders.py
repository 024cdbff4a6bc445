"""Who holds a sound card: the processes that "busy" means.

Two sources, because a hardened unit sees only one of them: every process's open files (proc(5)), and the owner that
ALSA itself tells (``owner_pid`` in /proc/asound/cardN/pcmMp/subK/status), which is there for everybody.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Iterable, NamedTuple

PROC = Path("/proc")
_OWNER = re.compile(r"^owner_pid\s*:\s*(\d+)", re.MULTILINE)
_THREAD_GROUP = re.compile(r"^Tgid:\s*(\d+)", re.MULTILINE)
# More would not make the sentence clearer.
MOST_NAMED = 3


class Holder(NamedTuple):
    """A process that has a card's device open; ``name`` is empty when it is hidden from us."""

    pid: int
    name: str


def holders(card: int, direction: str, proc: Path = PROC) -> tuple[Holder, ...]:
    """Who has the card open for "input" or "output". Any thread; reads /proc, some milliseconds.

    Processes that we may not look into, and those that end meanwhile, are passed over.
    """
    letter = "c" if direction == "input" else "p"
    found = {pid: _name(pid, proc) for pid in sorted({*_owners(card, letter, proc), *_openers(card, letter, proc)})}
    return tuple(Holder(pid, name) for pid, name in found.items())


def tell(found: Iterable[Holder]) -> str:
    """The holders for a sentence: "pulseaudio (process 812)"; empty when nobody is seen."""
    words = [f"{one.name} (process {one.pid})" if one.name else f"process {one.pid}" for one in found]
    more = f" and {len(words) - MOST_NAMED} more" if len(words) > MOST_NAMED else ""
    return ", ".join(words[:MOST_NAMED]) + more


def _owners(card: int, letter: str, proc: Path) -> Iterable[int]:
    """The processes that ALSA names; it gives the id of a thread."""
    for status in (proc / "asound" / f"card{card}").glob(f"pcm*{letter}/sub*/status"):
        owner = _OWNER.search(_text(status))
        if owner:
            group = _THREAD_GROUP.search(_text(proc / owner[1] / "status"))
            yield int(group[1] if group else owner[1])


def _openers(card: int, letter: str, proc: Path) -> Iterable[int]:
    """The processes that have one of the card's device files open."""
    device = re.compile(rf"/dev/snd/pcmC{card}D\d+{letter}")
    for pid in filter(str.isdigit, os.listdir(proc)):
        try:
            files = os.listdir(proc / pid / "fd")
        except OSError:
            continue  # not ours to look into, or gone
        if any(device.fullmatch(_link(proc / pid / "fd" / file)) for file in files):
            yield int(pid)


def _link(path: Path) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def _name(pid: int, proc: Path) -> str:
    return _text(proc / str(pid) / "comm").strip()
