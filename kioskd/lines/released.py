"""What was found out about released lines (``kioskd lines probe --keep``): kept in ``state_dir``, by chip."""

from __future__ import annotations

import json
import os
from typing import Mapping

NAME = "released_lines.json"
LARGEST_BYTES = 64 * 1024


def keep(state_dir: str, row: Mapping[str, object]) -> str:
    """Add what was found out about a chip, in place of what was known of it; the file's path.

    Raises:
        OSError: it cannot be written; the old one stands.
    """
    path = os.path.join(state_dir, NAME)
    fresh = f"{path}.new"
    with open(fresh, "w", encoding="utf-8") as file:
        json.dump({**kept(state_dir), str(row["chip"]): row}, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    os.chmod(fresh, 0o644)  # root finds it out, the daemon reads it
    os.replace(fresh, path)
    return path


def kept(state_dir: str) -> dict[str, object]:
    """What is known, by chip label; nothing where the file is not there or is none."""
    try:
        with open(os.path.join(state_dir, NAME), "rb") as file:
            known = json.loads(file.read(LARGEST_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return known if isinstance(known, dict) else {}
