"""What a broker may send in how much time: one that floods must cost neither memory nor the processor."""

from __future__ import annotations

import time
from typing import Callable

# The longest answer (64 kB) and its topic (64 kB, MQTT 3.1.1 section 1.5.3).
MOST_PACKET_BYTES = 160 * 1024
# A packet takes three reads at least. A guess: far above what staff can type, far below what a processor notices.
MOST_READS, MOST_READ_BYTES, WINDOW_S = 3000, 1 << 20, 1.0
# Messages of QoS 2 that were begun and not ended. Nothing here is subscribed to with QoS 2. A guess.
MOST_BEGUN = 100


class Sieve:
    """Reads for the library, and ends a connection that brings too much. The connection's thread only.

    Args:
        read: reads up to so many bytes; the library asks for all that is missing of the packet.
        begun: how many messages the library keeps until their end comes.
        left: told why the connection is ended, a sentence.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        read: Callable[[int], bytes],
        begun: Callable[[], int],
        left: Callable[[str], object],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._begun = begun
        self._left = left
        self._clock = clock
        self._since = clock()
        self._reads = self._read_bytes = 0

    def __call__(self, most: int) -> bytes:
        """Read.

        Raises:
            ConnectionError: it is too much; the library ends the connection then.
        """
        now = self._clock()
        if now - self._since >= WINDOW_S:
            self._since, self._reads, self._read_bytes = now, 0, 0
        flood = self._reads >= MOST_READS or self._read_bytes >= MOST_READ_BYTES or self._begun() > MOST_BEGUN
        if flood or most > MOST_PACKET_BYTES:
            what = "a message that is far too long" if most > MOST_PACKET_BYTES else "far too many messages"
            self._left(f"the broker sends {what}; it is left, and tried again later")
            raise ConnectionError(what)
        data = self._read(most)
        self._reads += 1
        self._read_bytes += len(data)
        return data
