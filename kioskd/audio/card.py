"""One open sound card: a PortAudio stream in the hands of the thread that opened it.

* ``read`` and ``write`` are entered only when a period is there or has room: PortAudio spins at 100 % CPU, or never
  returns, on a source that gives nothing.
* With its overflow exceptions on, PyAudio closes the stream at the first xrun: they are off.
"""

from __future__ import annotations

import logging
import time
from abc import abstractmethod
from typing import Any, Callable, Protocol

from kioskd.audio.beat import Beat, Depth
from kioskd.audio.streams import PERIOD_MS, DeviceError
from kioskd.core.resample import from_mono, to_mono

log = logging.getLogger(__name__)

# Between two looks at a device: a quarter of a period, so that what is read is at most 2.5 ms older than it must be.
# Measured on x86: a stream read or written this way costs 3 % of a core, ALSA's pulse plugin and its thread included.
POLL_S = PERIOD_MS / 1000 / 4
# PortAudio's codes for an overflow and an underflow (paInputOverflowed, paOutputUnderflowed in portaudio.h), as
# get_read_available and get_write_available return them.
XRUN_CODES = (-9981, -9980)
# Periods fetched at once: a chunk; two of them while nobody speaks. That takes a fifth off what silence costs, and the
# first syllable of a visitor is seen 20 ms later at most: the preroll holds it.
CHUNK_PERIODS, RELAXED_PERIODS = 2, 4


def _ms_since(began: float) -> float:
    return (time.monotonic() - began) * 1000


class Library(Protocol):
    """What a stream needs of port.PortAudio."""

    @property
    def stale(self) -> bool:
        """True when every stream shall be let go, because the cards have changed."""

    def open(self, spec: str, direction: str, want_rate_hz: int) -> tuple[Any, int, int, bool]:
        """PyAudio's stream, its rate in Hz, its channels, and whether it is a card itself (not a plugin)."""

    def close(self, stream: Any) -> None:
        """Close it."""


class CardStream:
    """What both directions share: one PortAudio stream and the thread that owns it."""

    def __init__(self, direction: str, spec: str, want_rate_hz: int, library: Library) -> None:
        self._library = library
        self._spec, self._direction, self._want_rate_hz = spec, direction, want_rate_hz
        self._closed = True
        self._xruns = 0
        self._found = 0  # frames that could be moved at the last look: a look costs as much as a write
        self._open()

    @property
    def rate_hz(self) -> int:
        """Frames a second."""
        return self._rate_hz

    @property
    def xruns(self) -> int:
        """Overruns of an input, underruns of an output."""
        return self._xruns

    @abstractmethod
    def _available(self) -> int:
        """Frames that can be moved at once, or one of PortAudio's codes."""

    def _await(self, frames: int, timeout_s: float) -> bool:
        """Wait until ``frames`` can be moved at once; False when they could not within ``timeout_s``."""
        deadline = time.monotonic() + timeout_s
        while (missing := frames - self._look()) > 0:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                return False
            time.sleep(min(left_s, max(POLL_S, missing / self._rate_hz)))
        return True

    def _await_beat(self, beat: Beat, frames: int, timeout_s: float) -> bool:
        """The same, close behind the beat of the device."""
        now = time.monotonic()
        deadline, polls = now + timeout_s, 0
        if beat.due_at > now:
            time.sleep(min(timeout_s, beat.due_at - now))
        while (missing := frames - self._look()) > 0:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                return False
            time.sleep(min(left_s, beat.pause_s(polls, missing / self._rate_hz)))
            polls += 1
        beat.came(time.monotonic(), polls, -missing / self._rate_hz)
        return True

    def _look(self) -> int:
        if self._library.stale:
            self._renew()
        count = int(self._guarded(self._available))
        if count in XRUN_CODES:
            self._xruns += 1
            return 0
        if count < 0:
            raise DeviceError(f"{self._spec} is gone (PortAudio says {count}); it is tried again")
        self._found = count
        return count

    def _renew(self) -> None:
        """Let go for a moment, so that PortAudio can read its list anew for the other direction, and open again.

        Whoever reads or writes notices a gap (counted with the xruns) and nothing else.

        Raises:
            DeviceError: it does not open any more, or has become another device.
        """
        began, rate_hz = time.monotonic(), self._rate_hz
        self.close()
        self._open()
        if self._rate_hz != rate_hz:
            raise DeviceError(f"{self._spec} has another rate than before ({self._rate_hz} Hz); it is opened again")
        self._xruns += 1
        log.info("%s was closed for %.0f ms: the list of sound cards is new", self._spec, _ms_since(began))

    def _open(self) -> None:
        opened = self._library.open(self._spec, self._direction, self._want_rate_hz)
        self._closed = False
        try:
            self._seat(opened)
        except OSError as error:
            self.close()
            raise DeviceError(f"{self._spec} went while it was opened ({error.args[-1]}); it is tried again") from error

    def _seat(self, opened: tuple[Any, int, int, bool]) -> None:
        self._stream, self._rate_hz, self._channels, self._is_card = opened

    def _guarded(self, call: Callable[..., Any], *args: Any) -> Any:
        if self._closed:
            raise DeviceError(f"{self._spec} has been closed")
        try:
            return call(*args)
        except OSError as error:
            raise DeviceError(f"{self._spec} is gone ({error.args[-1]}); it is tried again") from error

    def close(self) -> None:
        """Give the device back. Only the thread that opened it."""
        if not self._closed:
            self._closed = True
            self._library.close(self._stream)


class CardInput(CardStream):
    """A microphone."""

    def __init__(self, spec: str, want_rate_hz: int, library: Library) -> None:
        self._relaxed = False
        self._short = False  # the device has been told of that gives less than it promised
        super().__init__("input", spec, want_rate_hz, library)

    def _seat(self, opened: tuple[Any, int, int, bool]) -> None:
        super()._seat(opened)
        self._frames = self._rate_hz * PERIOD_MS // 1000
        # PortAudio keeps the overruns it heals to itself. A card's ring overran when nobody looked for longer than
        # it lasts; a sound server keeps what is not fetched.
        latency_s = self._stream.get_input_latency()
        self._ring_s = latency_s + PERIOD_MS / 1000 if self._is_card else float("inf")
        relaxed_s = RELAXED_PERIODS * PERIOD_MS / 1000
        self._roomy = latency_s >= relaxed_s and self._ring_s > 2 * relaxed_s  # it keeps a larger batch, and more
        self._looked_at = time.monotonic()
        self._scant = 0  # times in a row that the device kept a batch from us
        self._batch = CHUNK_PERIODS  # periods fetched at once
        self._beat = Beat(self._batch * PERIOD_MS / 1000)
        self._part = b""  # of a batch, as the device gave it
        self._left = 0  # frames that the device has beyond the batch fetched last

    def _available(self) -> int:
        return int(self._stream.get_read_available())

    def read(self, timeout_s: float) -> bytes | None:
        """A batch of periods, mono; None when there was none in time.

        Raises:
            DeviceError: the microphone is gone.
        """
        self._xruns += time.monotonic() - self._looked_at > self._ring_s
        self._size_batch()
        pcm = self._fetch(timeout_s)
        # A chunk is there and the batch is not, twice: this device never has so much at once, whatever it says.
        self._scant = self._scant + 1 if pcm is None and self._found >= CHUNK_PERIODS * self._frames else 0
        self._roomy = self._roomy and self._scant < 2
        self._looked_at = time.monotonic()
        return pcm

    @property
    def held(self) -> int:
        """Periods that the device has beyond those it gave last."""
        return max(0, self._left) // self._frames

    def relax(self, on: bool) -> None:
        """Fetch two chunks at once, where the device keeps them for so long."""
        self._relaxed = on

    def _size_batch(self) -> None:
        batch = RELAXED_PERIODS if self._relaxed and self._roomy else CHUNK_PERIODS
        if batch != self._batch and not self._part:
            self._batch = batch
            self._beat.stretch(batch * PERIOD_MS / 1000)

    def _fetch(self, timeout_s: float) -> bytes | None:
        """A batch: a chunk needs two periods, and each time the thread wakes costs more than what it then does.

        A device may give less than it said it had; each time counts as an overrun, and the rest is waited for.
        """
        deadline = time.monotonic() + timeout_s
        while self._await_beat(self._beat, self._batch * self._frames, deadline - time.monotonic()):
            wanted = self._batch * self._frames * 2 * self._channels
            self._part += self._guarded(self._stream.read, self._batch * self._frames, False)
            if len(self._part) >= wanted:
                raw, self._part = self._part[:wanted], b""
                self._left = self._found - self._batch * self._frames
                return to_mono(raw, self._channels)
            self._come_short()
            if time.monotonic() >= deadline:
                break
            time.sleep(POLL_S)
        return None

    def _come_short(self) -> None:
        self._xruns += 1
        if not self._short:
            self._short = True
            log.warning("%s gives less than it promises: is its cable, or its driver, at fault?", self._spec)


# What was learned of each speaker, for the streams that follow.
_depths: dict[str, Depth] = {}
# A stream that is younger than so many periods has not found its pace yet.
FIRST_PERIODS = 10


class CardOutput(CardStream):
    """A speaker."""

    def __init__(self, spec: str, want_rate_hz: int, library: Library) -> None:
        super().__init__("output", spec, want_rate_hz, library)

    def _seat(self, opened: tuple[Any, int, int, bool]) -> None:
        super()._seat(opened)
        self._period = self._rate_hz * PERIOD_MS // 1000  # frames
        self._ring = self._available()  # frames; all of it is free before the first write
        self._beat, self._depth = Beat(PERIOD_MS / 1000), _depths.setdefault(self._spec, Depth())
        self._written = 0  # periods
        self._seen = False  # what the ring has room for is known
        self._running = False
        self._latency_s = max(float(self._stream.get_output_latency()), self._ring / self._rate_hz)

    def _available(self) -> int:
        return int(self._stream.get_write_available())

    @property
    def latency_s(self) -> float:
        """A full ring. What a sound server adds behind it is not known here."""
        return self._latency_s

    def await_room(self, timeout_s: float, periods: int = 1) -> int:
        """How many periods can be handed over now; waits up to ``timeout_s`` for the moment when so many should be.

        The ring is not filled up: what is handed over has to wait for all that is in it.

        Raises:
            DeviceError: the speaker is gone.
        """
        room = max(periods * self._period, self._depth.room(self._ring, self._period, time.monotonic()))
        self._seen = there = self._await_beat(self._beat, room, timeout_s)
        if there and self._written > FIRST_PERIODS:
            self._depth.seen(self._ring - self._found, self._period, time.monotonic())
        return self._found // self._period if there else 0

    def write(self, pcm: bytes, timeout_s: float) -> bool:
        """Hand over a period, or several where there is room for them; False when there was none in time.

        Raises:
            DeviceError: the speaker is gone.
        """
        frames = len(pcm) // 2
        # ``await_room`` has just looked, which costs as much as the writing.
        found, self._seen = self._found if self._seen else self._look(), False
        if self._running and found >= self._ring:
            self._xruns += 1  # the ring ran empty
        if found < frames and not self._await(frames, timeout_s):
            return False
        # Arguments by position: frames, and no exception (which would close the stream) after an underrun.
        self._guarded(self._stream.write, from_mono(pcm, self._channels), frames, False)
        self._running = True
        self._written += 1
        self._beat.moved(frames // self._period)
        return True
