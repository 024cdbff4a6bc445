"""The two audio lanes. Audio never queues behind facts: it runs here, in rings bounded in seconds.

The uplink lane goes from the capture thread to the link (loop); the playback lane from there to the playback thread.
Both count what they drop.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from contextlib import suppress
from typing import Callable, NamedTuple

from kioskd.core.jitter import Jitter

# One wire unit: 20 ms of S16_LE mono at 16 kHz, 320 frames, 640 bytes (docs of every dialect: 20-40 ms).
CHUNK_MS = 20
UPLINK_HZ = 16_000
CHUNK_FRAMES = UPLINK_HZ * CHUNK_MS // 1000
CHUNK_BYTES = CHUNK_FRAMES * 2
SILENT_CHUNK = bytes(CHUNK_BYTES)
# Chunks that wait go up two in a frame: 40 ms, the most that Hydra recommends (reference A6).
MOST_TOGETHER = 2


class Chunk(NamedTuple):
    """20 ms of speech, or the end of an utterance.

    Attributes:
        pcm: S16_LE mono 16 kHz, ``CHUNK_BYTES`` long; empty on the mark that ends an utterance.
        at: monotonic seconds at which the last sample was captured.
    """

    pcm: bytes
    at: float

    @property
    def ends(self) -> bool:
        """True on the mark behind the last chunk of an utterance."""
        return not self.pcm


class UplinkLane:
    """A ring of chunks: the capture thread pushes, the loop takes. Drops the oldest, and counts.

    Args:
        seconds: how much may wait (``talk.connect_buffer_s``).
        on_overflow: called in the pushing thread, once for each utterance that lost audio, with the ms lost so far.
    """

    def __init__(self, seconds: float, on_overflow: Callable[[float], object]) -> None:
        self._limit = max(MOST_TOGETHER, int(seconds * 1000 / CHUNK_MS))
        self._on_overflow = on_overflow
        self._ring: deque[Chunk] = deque()
        self._ring_bell: Callable[[], None] | None = None
        self._overflowed = False
        self.dropped = 0  # chunks
        self.pushed = 0
        self.taken = 0

    def attach(self, ring: Callable[[], None] | None) -> None:
        """Who shall be woken when a chunk comes; None: nobody, the lane only keeps. Loop only."""
        self._ring_bell = ring
        if ring is not None and self._ring:
            ring()

    @property
    def attended(self) -> bool:
        """Whether somebody takes what comes at once: a session is open. Any thread."""
        return self._ring_bell is not None

    def push(self, chunk: Chunk) -> None:
        """Put one chunk in. Capture thread only; never blocks."""
        self._ring.append(chunk)
        self.pushed += 1
        if len(self._ring) > self._limit:
            self._drop()
        if chunk.ends:
            self._overflowed = False
        # Whoever takes looks again each time, so only an empty lane is news. Looked at behind the append: what the loop
        # takes meanwhile makes it a ring too many, never one too few.
        if (bell := self._ring_bell) is not None and len(self._ring) == 1:
            bell()

    def _drop(self) -> None:
        try:
            self._ring.popleft()
        except IndexError:
            return  # the loop took them all in this moment
        self.dropped += 1
        if not self._overflowed:
            self._overflowed = True
            self._on_overflow(float(CHUNK_MS))

    def together(self, most: int) -> int:
        """How many of those that wait go up as one: speech as far as the next mark; a mark goes alone. Loop only."""
        count = min(most, len(self._ring))
        marks = [place for place in range(count) if self._ring[place].ends]
        return max(1, marks[0]) if marks else count

    def take(self, most: int = 1) -> list[Chunk]:
        """What ``together`` counts, of what is there now: the capture thread may have dropped some. Loop only."""
        taken: list[Chunk] = []
        with suppress(IndexError):  # nothing is left
            while len(taken) < most and not (taken and (taken[-1].ends or self._ring[0].ends)):
                taken.append(self._ring.popleft())
        self.taken += len(taken)
        return taken

    def clear(self) -> list[Chunk]:
        """Give up all that waits, marks too; what that was. Loop only."""
        return [chunk for taken in iter(lambda: self.take(self._limit), []) for chunk in taken]

    def __len__(self) -> int:
        return len(self._ring)

    @property
    def waiting_ms(self) -> float:
        """How much audio waits."""
        return float(len(self._ring) * CHUNK_MS)


class Slice(NamedTuple):
    """A piece of an answer or of a cue.

    Attributes:
        pcm: S16_LE mono at ``rate_hz``; whole samples.
        rate_hz: samples a second.
        source: "service", "cue" or "doctor"; each has its own volume.
        epoch: the lane's epoch when it was put in.
        response: the service's id of the answer; empty where there is none.
    """

    pcm: bytes
    rate_hz: int
    source: str
    epoch: int
    response: str = ""


class PlaybackLane:
    """A ring of slices bounded in seconds: the loop puts, the playback thread takes.

    A cut raises the epoch: what was put in before it dies by itself, wherever it is; what arrives later for a
    response that was cut dies by its response id. The first sound of an answer may be held back for as long as the
    service's burstiness asks for (core/jitter.py), at most ``hold_at_most``'s argument.

    Args:
        seconds: how much may wait; beyond it the newest is refused (and counted), because an answer that is
            longer than this is not an answer for a kiosk.
        clock: monotonic seconds.
    """

    # Cut response ids are remembered so that late deltas die. Services send at most a handful of stragglers
    # for the response that was just cut; 64 is far more than that and bounds what a hostile service can store.
    REMEMBERED_CUTS = 64
    # What one take gives at most. A service may send a whole answer in one delta: the rest of it still counts as
    # waiting, and a cut finds it here.
    TAKEN_MS = 200
    # Crumbs of two answers in turns join nothing, and each costs a hundred bytes and more. What joins is at least
    # CHUNK_BYTES long: 150 slices a second at 48 kHz.
    SLICES_A_SECOND = 200

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._most_slices = max(1, int(seconds * self.SLICES_A_SECOND))
        self._clock = clock
        self._ring: deque[Slice] = deque()
        self._head_bytes = 0  # of the oldest slice have been taken
        self._waiting_s = 0.0
        self._ready = threading.Condition()
        self._woken = False
        self._cut: deque[str] = deque(maxlen=self.REMEMBERED_CUTS)
        self._jitter = Jitter(0.0)
        self.epoch = 0
        self.cut_response = ""  # of the latest cut
        self.refused = 0  # slices beyond the bound
        self.late = 0  # slices of a response that had been cut
        self.put_total = 0

    def hold_at_most(self, seconds: float) -> None:
        """How much of an answer may be held back at its start; 0: nothing. Any thread."""
        with self._ready:
            self._jitter.most_s = seconds

    def put(self, pcm: bytes, rate_hz: int, response: str = "", source: str = "service") -> bool:
        """Queue audio. Loop only; never blocks, and costs the same however much waits.

        Returns:
            False when it was dropped: the response had been cut, or the lane is full.
        """
        if response and response in self._cut:
            self.late += 1
            return False
        length_s = len(pcm) / 2 / rate_hz
        with self._ready:
            if self._waiting_s + length_s > self._seconds or len(self._ring) >= self._most_slices:
                self.refused += 1
                return False
            if source == "service":
                self._jitter.arrived(response, length_s, self._clock())
            last = self._ring[-1] if self._ring else None
            if last is not None and last[1:] == (rate_hz, source, self.epoch, response) and len(last.pcm) < CHUNK_BYTES:
                # Crumbs become slices: deltas of one sample each would take a hundred bytes of memory for every two.
                self._ring[-1] = last._replace(pcm=last.pcm + pcm)
            else:
                self._ring.append(Slice(pcm, rate_hz, source, self.epoch, response))
            self._waiting_s += length_s
            self.put_total += 1
            self._ready.notify()
        return True

    def cut(self, response: str = "") -> int:
        """Silence: raise the epoch, forget what waits, remember ``response``. Loop only.

        Returns:
            the new epoch; slices of an older one must not be played.
        """
        with self._ready:
            if response and response not in self._cut:
                self._cut.append(response)
            self.cut_response = response
            self.epoch += 1
            self._ring.clear()
            self._head_bytes = 0
            self._waiting_s = 0.0
            self._jitter.cut()
            self._ready.notify()
            return self.epoch

    def forget_cuts(self) -> None:
        """A session begins: nothing comes late any more, and many services count their answers anew. Loop only."""
        self._cut.clear()

    def take(self, timeout_s: float | None = None) -> Slice | None:
        """The oldest sound, at most TAKEN_MS of it; None where none may be played yet. Playback thread only.

        Waits up to ``timeout_s`` (None: until something is put or ``wake`` is called).
        """
        with self._ready:
            held_s = self._held_s()
            if held_s != 0 and timeout_s != 0:
                self._wait(held_s if timeout_s is None else min(held_s or timeout_s, timeout_s))
                held_s = self._held_s()
            return self._next() if held_s == 0 else None

    def wait(self, timeout_s: float | None = None) -> bool:
        """Whether anything waits, held back or not; waits for it up to ``timeout_s``. Playback thread only."""
        with self._ready:
            if not self._ring:
                self._wait(timeout_s)
            return bool(self._ring)

    def _wait(self, timeout_s: float | None) -> None:
        if not self._woken:
            self._ready.wait(timeout_s)
        self._woken = False

    def _held_s(self) -> float | None:
        """How much longer the oldest sound is held back: 0.0 when it may be taken; None when there is none."""
        if not self._ring:
            return None
        head = self._ring[0]
        if head.source != "service":
            return 0.0
        return self._jitter.held_s(head.response, self._waiting_s, self._clock())

    def _next(self) -> Slice:
        head, start = self._ring[0], self._head_bytes
        end = start + 2 * (head.rate_hz * self.TAKEN_MS // 1000)
        if end < len(head.pcm):
            self._head_bytes = end
        else:
            self._ring.popleft()
            self._head_bytes = 0
        piece = head._replace(pcm=head.pcm[start:end])
        self._waiting_s = max(0.0, self._waiting_s - len(piece.pcm) / 2 / piece.rate_hz) if self._ring else 0.0
        return piece

    def wake(self) -> None:
        """Let ``take`` or ``wait`` return, now or when next entered, to look at a stop or a wish. Any thread."""
        with self._ready:
            self._woken = True
            self._ready.notify_all()

    @property
    def empty(self) -> bool:
        """Whether nothing waits, not even what is held back."""
        return not self._ring

    @property
    def waiting_s(self) -> float:
        """How much audio waits, in seconds."""
        return self._waiting_s

    @property
    def held_back_s(self) -> float:
        """How much of the next answer is held back at its start."""
        return min(self._jitter.target_s, self._jitter.most_s)
