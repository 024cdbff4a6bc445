"""Small files of sysfs and procfs, read so that one which is not there, or says nonsense, is simply not known."""

from __future__ import annotations

from pathlib import Path

MOST_BYTES = 256 << 10


def text(path: Path) -> str | None:
    """Its text without the newline; None: it is not there or cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read(MOST_BYTES).decode("utf-8", "replace").strip("\0\n\t ")
    except (OSError, ValueError):
        return None


def number(path: Path) -> float | None:
    """The number in it; None as in ``text``, or when it is none."""
    found = text(path)
    try:
        return None if found is None else float(int(found, 0))
    except ValueError:
        return None
