"""What the loudspeaker was given, kept for the echo canceller: 10 ms blocks at 16 kHz, one for each captured period.

Fed when a period is handed to the device, not when it sounds: AEC3 needs the echo to come after its reference (2 to
500 ms, measured), and so it does by the length of the device's buffers. One thread puts, another takes; neither waits.

Two clocks: the speaker's and the microphone's drift apart (100 ppm are one block in 100 s), threads are late, buffers
change. The queue shows it: one that is never near empty for three seconds has grown, and loses a block; one that is
empty when it should not be gives its last block twice. Both are counted; AEC3 takes one now and then.
"""

from __future__ import annotations

from collections import deque
from typing import Callable, Protocol

from kioskd.audio.streams import PERIOD_MS
from kioskd.lanes import UPLINK_HZ

BLOCK_FRAMES = UPLINK_HZ * PERIOD_MS // 1000
BLOCK_BYTES = BLOCK_FRAMES * 2
SILENT_BLOCK = bytes(BLOCK_BYTES)
# Longer than a capture thread is ever late; beyond it the capture stands still, and the oldest is of no use.
KEPT_BLOCKS = 100
# How long the queue is watched before it is said to have grown. Bursts (a sound server hands over 20 to 50 ms at once)
# fill and empty it many times in that time; drift needs minutes.
WINDOW_BLOCKS = 3000 // PERIOD_MS
# Blocks that may stand in the queue for good: slack for threads that are late. With one, a busy machine ran dry five
# times as often as with two (real streams, two cores under load).
STANDING = 2
# One more than that waits for a silent moment to be dropped; more would bring the reference too near to its echo (a
# card's buffers hold 30 ms, and a period of capture is 10), and is dropped at once.
PATIENT = STANDING + 1
# A freshly opened device takes its buffer's worth in one go. That shall not stand in the queue: dropped now, it is
# silence; dropped after a second, it is a change of delay in the middle of a sentence.
OPENING_BLOCKS = 10
# So many periods in a row without a reference are no hiccup: nothing is being played.
DRY_BLOCKS = 20


class Resampler(Protocol):
    """What is used of core/resample."""

    def process(self, pcm: bytes) -> bytes:
        """S16_LE mono in, S16_LE mono at the other rate out."""

    def reset(self) -> None:
        """Forget the past."""


class Reference:
    """The queue. ``put`` and ``rest`` in the playback thread; ``take`` and ``forget`` in the capture thread.

    Args:
        make_resampler: called with (the device's rate, 16000); raises ValueError for a rate that is none.

    Attributes:
        blocks: put in so far.
        lost: blocks dropped because the queue had grown, or nobody took them.
        doubled: blocks given twice because the queue was empty.
    """

    def __init__(self, make_resampler: Callable[[int, int], Resampler]) -> None:
        self._make_resampler = make_resampler
        self._queue: deque[bytes] = deque(maxlen=KEPT_BLOCKS)
        # The playback thread's.
        self._rate_hz = 0
        self._resampler: Resampler | None = None
        self._part = b""
        self._resting = True
        self._full = 0  # blocks that fell out at the far end of the queue
        self.blocks = 0
        # The capture thread's.
        self._last = SILENT_BLOCK
        self._dry = DRY_BLOCKS
        self._opening = 0
        self._watched = 0
        self._least = KEPT_BLOCKS
        self._surplus = 0
        self._dropped = 0
        self.doubled = 0

    @property
    def lost(self) -> int:
        """Blocks that were dropped."""
        return self._full + self._dropped

    @property
    def depth(self) -> int:
        """Blocks that wait. Any thread."""
        return len(self._queue)

    # -- the playback thread -----------------------------------------------------------------------

    def put(self, pcm: bytes, rate_hz: int) -> None:
        """The device was given this: S16_LE mono of any length.

        Raises:
            ValueError: half a sample, or a rate that is none.
        """
        if len(pcm) % 2:
            raise ValueError(f"{len(pcm)} bytes are not whole 16 bit samples")
        if self._resampler is None or rate_hz != self._rate_hz:
            self._resampler, self._part = self._make_resampler(rate_hz, UPLINK_HZ), b""
            self._rate_hz = rate_hz
        data = self._part + self._resampler.process(pcm)
        whole = len(data) // BLOCK_BYTES * BLOCK_BYTES
        for start in range(0, whole, BLOCK_BYTES):
            self._full += len(self._queue) == KEPT_BLOCKS
            self._queue.append(data[start : start + BLOCK_BYTES])
            self.blocks += 1
        self._part = data[whole:]
        self._resting = False

    def rest(self) -> None:
        """The device was closed: what comes next has nothing to do with what came before."""
        self._resting = True
        self._part = b""
        if self._resampler is not None:
            self._resampler.reset()  # a new one would take milliseconds that playback does not have

    # -- the capture thread ------------------------------------------------------------------------

    def take(self) -> bytes | None:
        """The block for the period just captured; None while nothing is being played."""
        self._settle()
        try:
            block = self._queue.popleft()
        except IndexError:
            return self._missing()
        if self._dry >= DRY_BLOCKS:
            self._opening, self._watched, self._least = OPENING_BLOCKS, 0, KEPT_BLOCKS
            while len(self._queue) > STANDING:
                block = self._queue.popleft()
        self._dry, self._last = 0, block
        return block

    def forget(self) -> None:
        """No period follows for now (muted, the microphone gone): what waits will have been heard by then."""
        self._queue.clear()
        self._dry, self._opening, self._surplus = DRY_BLOCKS, 0, 0

    def _missing(self) -> bytes | None:
        self._watched, self._least, self._surplus = 0, KEPT_BLOCKS, 0
        if self._resting or self._dry >= DRY_BLOCKS:
            self._dry = DRY_BLOCKS
            return None
        self._dry += 1
        self.doubled += 1
        return self._last

    def _settle(self) -> None:
        """Watch how deep the queue stands; drop what it has grown by."""
        if self._opening:
            self._opening -= 1
            while len(self._queue) > STANDING + 1 and self._queue[0] == SILENT_BLOCK:
                self._queue.popleft()
        self._least = min(self._least, len(self._queue) - 1)
        self._watched += 1
        if self._watched >= WINDOW_BLOCKS:
            self._surplus = max(0, self._least - STANDING)
            self._watched, self._least = 0, KEPT_BLOCKS
        if self._surplus and self._queue and (self._surplus > PATIENT - STANDING or self._queue[0] == SILENT_BLOCK):
            for _ in range(min(self._surplus, len(self._queue) - 1)):
                self._queue.popleft()
                self._dropped += 1
            self._surplus = 0
