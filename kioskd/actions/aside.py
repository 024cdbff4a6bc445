"""What is done with a ledger that is damaged: told apart from a full disk, kept aside for whoever wants to look."""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path

# A dying card may damage one ledger after the other; a few of them tell the story. A guess.
MOST_ASIDE = 5


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the file's content is at fault, and not the disk's room or rights."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def advice(path: Path, error: Exception) -> str:
    """What is wrong, and what the owner can do about it."""
    text = getattr(error, "strerror", None) or str(error)
    return (
        f"The ledger {path} cannot be written ({text}); nothing moves until it can. Free the disk, or see its rights."
    )


def move_aside(path: Path) -> Path:
    """Keep a damaged ledger under a name with the time in it, and of the older ones ``MOST_ASIDE``; where it is now."""
    aside = free_name(path)
    for suffix in ("-wal", "-shm", ""):  # the ledger itself last: until then the next start finds it damaged again
        part = path.with_name(path.name + suffix)
        if part.exists():
            os.replace(part, aside.with_name(aside.name + suffix))
    keep_few(path)
    return aside


def free_name(path: Path) -> Path:
    """Where a damaged ledger is kept: a name with the time in it that nothing has yet."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    number = 0
    while (aside := path.with_name(f"{path.name}.damaged-{stamp}{f'-{number}' if number else ''}")).exists():
        number += 1
    return aside


def keep_few(path: Path) -> None:
    """Of the damaged ledgers let all but the newest ``MOST_ASIDE`` go, and have that on the disk."""
    old = sorted(path.parent.glob(f"{path.name}.damaged-*"), key=lambda one: one.stat().st_mtime)
    for one in old[: -3 * MOST_ASIDE]:  # each may have its -wal and -shm
        one.unlink()
    sync_directory(path.parent)


def put_aside(path: Path, found: str, renewed: str) -> tuple[str, str]:
    """Keep a damaged ledger for whoever wants to look; the next write begins a new one.

    That forgets which call ids were used, which is safe: a session's id is new on every connect, policy refuses calls
    of any session but the live one, and within one process Actions runs no key twice.

    Returns:
        the sentence about it, and why the ledger in use does not hold what came before (as before, if it stays).
    """
    try:
        aside = move_aside(path)
    except OSError as error:
        return f"The ledger {path} is damaged ({found}) and cannot be moved aside: {error.strerror}.", renewed
    sentence = (
        f"The ledger was damaged ({found}) and lies in {aside} now; a new one was begun, earlier calls are not in it. "
        "Look at the storage of this device."
    )
    return sentence, sentence


def sync_directory(path: Path) -> None:
    """Have the names in a folder on the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
