"""The end of an audio thread: over, wedged, or only waiting for a device that does not open."""

from __future__ import annotations

import threading
import time
from typing import Callable

# A thread that waits for a device to open is let go after this long. Opening is bounded by itself (1.5 s where a sound
# server hangs, audio/bounded.py), holds nothing that must be given back, and is longer than a stop may take.
OPENING_S = 0.3
# What a stop does again and again while it waits.
AGAIN_S = 0.02


def ended(
    thread: threading.Thread, timeout_s: float, opening: Callable[[], bool], wake: Callable[[], object] = lambda: None
) -> bool:
    """Wait for ``thread``; False when it is wedged. Not from that thread; one that was never started has ended.

    Args:
        opening: whether it only waits for a device to open: then it is waited for OPENING_S and is not wedged.
        wake: called again and again: a wake-up just before a thread begins to wait would be lost.
    """
    if thread.ident is None:
        return True
    began = time.monotonic()
    while thread.is_alive():
        lasted_s = time.monotonic() - began
        if opening() and lasted_s >= min(OPENING_S, timeout_s):
            return True
        if lasted_s >= timeout_s:
            return False
        wake()
        thread.join(AGAIN_S)
    return True
