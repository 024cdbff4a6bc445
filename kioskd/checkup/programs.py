"""Asks small programs of the system, by argument vector and with an end."""

from __future__ import annotations

import os
import subprocess
from typing import Sequence

LONGEST_S = 5.0
# A user's PATH on Debian lacks the folders where iw and others lie.
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def said(command: Sequence[str]) -> str | None:
    """What it prints; None: it is not there, failed, or did not end. Blocks."""
    try:
        ended = subprocess.run(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=LONGEST_S,
            env={**os.environ, "PATH": PATH, "LC_ALL": "C"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return ended.stdout.decode("utf-8", "replace") if ended.returncode == 0 else None
