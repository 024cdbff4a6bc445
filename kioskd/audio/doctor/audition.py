"""Plays the doctor's programme through the running speaker and records what the running microphone makes of it."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Callable, Iterator

from kioskd.audio.capture import Capture
from kioskd.audio.doctor.diagnosis import PLAY_HZ
from kioskd.audio.playback import Playback
from kioskd.audio.doctor.take import PAUSE_S, SWEEP_S, Take
from kioskd.audio.doctor.track import HOLE_MS, Track
from kioskd.core.words import PartState
from kioskd.lanes import CHUNK_MS, UPLINK_HZ, Chunk, PlaybackLane

# The room's own noise, before; and what still sounds, afterwards: longer than any echo that can be borne.
QUIET_S, AFTER_S = 1.0, 1.6
# What the lane is kept filled with, and in which pieces: never the whole, so that a press finds little to cut.
AHEAD_S, PIECE_MS = 0.6, 100
# How often it looks up: whether it is disturbed, whether the lane wants more.
LOOK_S = 0.05
# A speaker that has not begun so long after it was given sound is not there. A sound server opens within a second.
BEGIN_S = 4.0
SOURCE = "doctor"


class AuditionError(Exception):
    """It was disturbed, or a device does not serve; the text is a sentence."""


@dataclass
class Heard:
    """What the two audio threads showed. Each track has one thread that adds.

    Attributes:
        latency_s: what the speaker said it holds.
    """

    raw: Track = field(default_factory=Track)
    clean: Track = field(default_factory=Track)
    played: Track = field(default_factory=Track)
    latency_s: float = 0.0

    def hear_raw(self, chunk: Chunk) -> None:
        """Capture thread."""
        self.raw.add(chunk.pcm, chunk.at - CHUNK_MS / 1000, UPLINK_HZ)

    def hear_clean(self, chunk: Chunk) -> None:
        """Capture thread."""
        self.clean.add(chunk.pcm, chunk.at - CHUNK_MS / 1000, UPLINK_HZ)

    def see_played(self, pcm: bytes, rate_hz: int, at: float) -> None:
        """Playback thread."""
        self.played.add(pcm, at, rate_hz)

    def take(self, volume: float) -> Take:
        """All of it, once the threads show no more.

        Raises:
            AuditionError: sound was lost while the sweep was played; elsewhere the take tells how much.
        """
        sweep_s = self.played.sound_from_s
        speech_s = sweep_s + SWEEP_S + PAUSE_S
        # The clocks of the sweep: what was lost behind it does not move its echo.
        played_at = self.played.began_at(sweep_s, speech_s)
        lag_s = played_at - self.raw.began_at()
        raw_at = self.raw.began_at(sweep_s + lag_s, speech_s + lag_s)
        for track, late_s, device in ((self.raw, lag_s, "microphone"), (self.played, 0.0, "speaker")):
            lost_ms = track.hole_ms(sweep_s + late_s, speech_s - PAUSE_S / 2 + late_s)
            if lost_ms > HOLE_MS:
                raise AuditionError(f"The {device} lost {lost_ms:.0f} ms of the sweep: is this board busy? Try again.")
        return Take(
            raw=self.raw.pcm,
            clean=aligned(self.clean, self.raw) if self.clean.seconds else None,
            raw_at=raw_at,
            played=self.played.pcm,
            played_hz=self.played.rate_hz,
            played_at=played_at,
            latency_s=self.latency_s,
            volume=volume,
            lost_ms=max(self.raw.hole_ms(sweep_s + lag_s), self.played.hole_ms(sweep_s)),
        )


def aligned(clean: Track, raw: Track) -> bytes:
    """``clean`` from the moment on at which ``raw`` begins, as long as it."""
    behind = round((clean.began_at() - raw.began_at()) * UPLINK_HZ) * 2
    pcm = bytes(max(0, behind)) + clean.pcm[max(0, -behind) :]
    return pcm[: len(raw.pcm)].ljust(len(raw.pcm), b"\0")


class Audition:
    """One performance. Loop only.

    Args:
        capture: is listened to, before anything is made of what it hears.
        playback: is watched.
        lane: what is played goes in here.
        cancels: whether ``capture`` cancels echo; then what it gives is recorded too.
        disturbed: why it must be given up now, a sentence; empty while all is well.
        show: told each step, for people.
    """

    def __init__(
        self,
        capture: Capture,
        playback: Playback,
        lane: PlaybackLane,
        cancels: bool,
        disturbed: Callable[[], str],
        show: Callable[[str], None],
    ) -> None:
        self._capture, self._playback, self._lane, self._cancels = capture, playback, lane, cancels
        self._disturbed, self._show = disturbed, show
        self._heard = Heard()

    async def perform(self, pcm: bytes) -> Heard:
        """Listen, play ``pcm`` (S16_LE mono, PLAY_HZ), listen on. The taps are gone afterwards, whatever happened.

        Raises:
            AuditionError: it had to be given up; the sound is cut.
        """
        with self._listening():
            await self._rest("listening to the room", QUIET_S)
            epoch = self._lane.epoch
            try:
                await self._play(pcm)
                await self._rest("listening to what still sounds", AFTER_S)
            finally:
                if self._lane.waiting_s and self._lane.epoch == epoch:
                    self._lane.cut()
        return self._heard

    @contextmanager
    def _listening(self) -> Iterator[None]:
        heard = self._heard
        self._playback.add_tap(heard.see_played)
        self._capture.add_tap("raw", heard.hear_raw)
        if self._cancels:
            self._capture.add_tap("clean", heard.hear_clean)
        try:
            yield
        finally:
            self._playback.remove_tap(heard.see_played)
            self._capture.remove_tap("raw", heard.hear_raw)
            if self._cancels:
                self._capture.remove_tap("clean", heard.hear_clean)

    async def _rest(self, step: str, seconds: float) -> None:
        self._show(step)
        until = self._now() + seconds
        while self._now() < until:
            await self._look()

    async def _play(self, pcm: bytes) -> None:
        self._show("playing the sweep")
        piece = 2 * PLAY_HZ * PIECE_MS // 1000
        epoch, given, begin_by = self._lane.epoch, 0, self._now() + BEGIN_S
        while given < len(pcm) or self._lane.waiting_s:
            while given < len(pcm) and self._lane.waiting_s < AHEAD_S:
                self._lane.put(pcm[given : given + piece], PLAY_HZ, source=SOURCE)
                given += piece
            await self._look()
            if self._lane.epoch != epoch:
                raise AuditionError("Somebody cut the sound: try again when nobody uses the kiosk.")
            self._heard.latency_s = max(self._heard.latency_s, self._playback.progress().latency_s)
            if not self._heard.played.seconds and self._now() > begin_by:
                raise AuditionError(
                    f"The speaker takes no sound: {self._playback.progress().reason or 'see its cable.'}"
                )

    async def _look(self) -> None:
        await asyncio.sleep(LOOK_S)
        disturbed = self._disturbed() or deaf(self._capture) or dumb(self._playback)
        if disturbed:
            raise AuditionError(disturbed)

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


def deaf(capture: Capture) -> str:
    """Why the microphone cannot be measured, a sentence; empty when it can."""
    at = capture.progress()
    return (
        "" if at.state is PartState.RUNNING else at.reason or f"The microphone is {at.state.value}: wait until it runs."
    )


def dumb(playback: Playback) -> str:
    """The same for the speaker, which may sleep."""
    at = playback.progress()
    return "" if at.state in (PartState.RUNNING, PartState.ASLEEP) else at.reason or f"The speaker is {at.state.value}."
