"""A microphone: one PortAudio stream, fetched by the chunk, and in longer pieces while nobody waits for the next."""

from __future__ import annotations

import logging
import time
from typing import Any

from kioskd.audio.beat import Beat
from kioskd.audio.card import POLL_S, CardStream, Library
from kioskd.audio.streams import PERIOD_MS
from kioskd.core.resample import to_mono

log = logging.getLogger(__name__)

# What is fetched at once: a chunk. While nobody waits for the next one: two, where the device shows so much; four,
# where it keeps what it does not show. Each time the thread wakes costs more than all that it then does (0.4 ms on a
# core whose caches others have used meanwhile): of that core silence took 1.5 and 2.0 % with two, 1.1 and 1.2 % with
# four, in turns.
CHUNK_PERIODS = 2
SHOWN_CHUNKS = 2
# Whether a device keeps what it does not show is tried once: a sound server does, a ring behind a plugin (dsnoop) runs
# over. Left alone for so long it must give so much: more than a ring (three periods of 20 ms) by far, and a block of
# 20 ms may be on its way.
TRIAL_S, KEPT_S = 0.15, 0.12
# Bites fetched behind one look at the clock: what a server hands over after a stall comes by and by.
MOST_BITES = 16


class CardInput(CardStream):
    """A microphone. Only the thread that opened it."""

    def __init__(self, spec: str, want_rate_hz: int, library: Library) -> None:
        self._leisure = 1
        self._short = False  # the device has been told of that gives less than it promised
        super().__init__("input", spec, want_rate_hz, library)

    def _seat(self, opened: tuple[Any, int, int, bool]) -> None:
        super()._seat(opened)
        self._frames = self._rate_hz * PERIOD_MS // 1000  # of a period
        # PortAudio keeps the overruns it heals to itself. A card's ring overran when nobody looked for longer than
        # it lasts; a sound server keeps what is not fetched.
        latency_s = self._stream.get_input_latency()
        self._ring_s = latency_s + PERIOD_MS / 1000 if self._is_card else float("inf")
        shown_s = SHOWN_CHUNKS * CHUNK_PERIODS * PERIOD_MS / 1000
        self._roomy = latency_s >= shown_s and self._ring_s > 2 * shown_s  # it shows so much, and has room for more
        self._keeps: bool | None = False if self._is_card else None  # what it does not show; None: to be tried
        self._looked_at = time.monotonic()
        self._scant = 0  # times in a row that the device kept a bite from us
        self._bite, self._bites = CHUNK_PERIODS, 1  # periods in one piece, and how many pieces at each beat
        self._beat = Beat(self._bite * PERIOD_MS / 1000)
        self._part = b""  # of a bite, as the device gave it
        self._left: int | None = None  # frames that the device showed beyond those fetched last

    def _available(self) -> int:
        return int(self._stream.get_read_available())

    def read(self, timeout_s: float) -> bytes | None:
        """One or more chunks' periods, mono; None when there were none in time.

        Raises:
            DeviceError: the microphone is gone.
        """
        self._xruns += time.monotonic() - self._looked_at > self._ring_s
        if self._trial_due and timeout_s >= TRIAL_S:
            pcm = self._try()
        else:
            self._size()
            pcm = self._fetch(timeout_s)
        # A chunk is there and the bite is not, twice: this device never has so much at once, whatever it says.
        self._scant = self._scant + 1 if pcm is None and self._found >= CHUNK_PERIODS * self._frames else 0
        self._roomy = self._roomy and self._scant < 2
        self._looked_at = time.monotonic()
        return pcm

    @property
    def held(self) -> int:
        """Periods that the device showed beyond those it gave last."""
        return max(0, self._left or 0) // self._frames

    def relax(self, chunks: int) -> None:
        """So many chunks may be fetched at once, where the device has them."""
        self._leisure = chunks

    def _size(self) -> None:
        chunks = self._leisure if self._roomy else 1
        bite = min(chunks, SHOWN_CHUNKS) * CHUNK_PERIODS
        bites = chunks // SHOWN_CHUNKS if chunks > SHOWN_CHUNKS and self._keeps else 1
        if (bite, bites) != (self._bite, self._bites) and not self._part:
            self._bite, self._bites = bite, bites
            self._beat.stretch(bite * bites * PERIOD_MS / 1000)

    @property
    def _trial_due(self) -> bool:
        running = self._left is not None and not self._part
        return running and self._keeps is None and self._roomy and self._leisure > SHOWN_CHUNKS

    def _try(self) -> bytes | None:
        """Leave it alone for longer than a ring lasts, once, while nobody speaks: is all of it kept?"""
        time.sleep(TRIAL_S)
        raw = self._sip(most=MOST_BITES)
        self._keeps = len(raw) >= KEPT_S * self._rate_hz * 2 * self._channels
        if not self._keeps:
            self._xruns += 1
            log.info("%s keeps no more than it shows: it is read more often", self._spec)
        return to_mono(raw, self._channels) or None

    def _fetch(self, timeout_s: float) -> bytes | None:
        """What a beat brings. A device may give less than it said it had; the rest is waited for."""
        deadline = time.monotonic() + timeout_s
        while (
            polls := self._await_beat(self._beat, self._bite * self._frames, deadline - time.monotonic())
        ) is not None:
            raw = self._gulp()
            if raw:
                raw += self._sip(self._bites - 1)
                self._beat.came(time.monotonic(), polls, (self._left or 0) / self._rate_hz)
                return to_mono(raw, self._channels)
            if time.monotonic() >= deadline:
                break
            time.sleep(POLL_S)
        return None

    def _await_bite(self, timeout_s: float) -> int | None:
        return self._await_beat(self._beat, self._bite * self._frames, timeout_s)

    def _gulp(self) -> bytes:
        """A whole bite of what was just found; nothing when the device gave less than it showed."""
        frames, frame = self._bite * self._frames, 2 * self._channels
        self._part += self._guarded(self._stream.read, frames - len(self._part) // frame, False)
        self._left = self._found - frames
        if len(self._part) < frames * frame:
            self._come_short()
            return b""
        raw, self._part = self._part[: frames * frame], self._part[frames * frame :]
        return raw

    def _sip(self, most: int) -> bytes:
        """So many bites more, as far as they are there: a sound server shows no more than a ring of what it has."""
        raw = b""
        for _ in range(most):
            self._left = self._look()
            if self._left < self._bite * self._frames:
                break
            piece = self._gulp()
            if not piece:
                break
            raw += piece
        return raw

    def _come_short(self) -> None:
        """Each time counts as an overrun."""
        self._xruns += 1
        if not self._short:
            self._short = True
            log.warning("%s gives less than it promises: is its cable, or its driver, at fault?", self._spec)
