"""Who else is shown what a device has taken: the echo canceller's reference, a recording."""

from __future__ import annotations

import threading
from typing import Callable

# Called with the sound of a period (S16_LE mono), its rate in Hz, and when a device took it (monotonic seconds).
Tap = Callable[[bytes, int, float], None]


class Taps:
    """A list that may change while it is used. ``show`` in one thread, the rest in any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taps: tuple[Tap, ...] = ()

    def add(self, tap: Tap) -> None:
        """Show ``tap`` every period from now on. It must neither wait nor raise: what it raises ends the thread."""
        with self._lock:
            self._taps += (tap,)

    def remove(self, tap: Tap) -> None:
        """Show it no more; an unknown one is no mistake. One last call may be on its way."""
        with self._lock:
            self._taps = tuple(one for one in self._taps if one != tap)

    @property
    def empty(self) -> bool:
        """Whether nobody is shown anything."""
        return not self._taps

    def show(self, pcm: bytes, rate_hz: int, at: float) -> None:
        """A device took this period."""
        for tap in self._taps:
            tap(pcm, rate_hz, at)
