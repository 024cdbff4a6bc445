"""Until when the microphone may hear the kiosk itself: set by the playback thread, read by the capture thread.

Half duplex is the machine's word (SetFeed deaf), which takes its way over the loop; a loop that is held up must not let
the kiosk's own voice go up. So the thread that hands sound over says it to the thread that hears, without anybody
between them. The machine's word comes on top: it is what status, lamp and turns go by.
"""

from __future__ import annotations

import time
from typing import Callable

from kioskd.audio.streams import PERIOD_MS
from kioskd.lanes import CHUNK_MS


class OwnVoice:
    """One number, written by one thread and read by another; nobody waits.

    Args:
        tail_s: how long a sound hangs in the room; asked each time, in the playback thread.
        clock: monotonic seconds, the one that chunks are stamped by.
    """

    def __init__(self, tail_s: Callable[[], float], clock: Callable[[], float] = time.monotonic) -> None:
        self._tail_s, self._clock = tail_s, clock
        self._until = float("-inf")

    def begins(self) -> None:
        """A period of sound is about to be handed over, and nobody knows how long that takes. Playback thread.

        Until ``sounds`` every chunk may hold it: a thread may stand still between the two.
        """
        self._until = float("inf")

    def sounds(self, latency_s: float) -> None:
        """It has been handed over, or given up. Playback thread."""
        self._until = self._clock() + latency_s + PERIOD_MS / 1000 + self._tail_s()

    def in_chunk(self, at: float) -> bool:
        """Whether a chunk whose last sample was captured at ``at`` may hold the voice. Capture thread.

        Only its age counts, not when it is looked at: a thread that was held up finds old chunks.
        """
        return at - CHUNK_MS / 1000 < self._until
