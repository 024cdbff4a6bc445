"""Synthetic rooms: what a microphone hears of a kiosk's own loudspeaker and of a visitor, all made here, the same on
every run. Sounds are float64 at 16 kHz, full scale 1.0, as in corpus.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Callable

import numpy as np

from benchmarks.corpus import Sound, Utterance, at_dbfs, rms, utterances
from kioskd.lanes import UPLINK_HZ

SPEED_OF_SOUND = 343.0
# A lobby of 50 cubic metres: there, direct sound and reverberation are equal at 0.057 * sqrt(volume / RT60) metres.
VOLUME_M3 = 50.0
# The echo at 20 cm stands here, 4.6 dB above a visitor at half a metre (corpus.SPEECH_DBFS).
ECHO_DBFS = -21.4
VISITOR_DBFS = -26.0
# What a small microphone gives by itself.
NOISE_DBFS = -75.0
# From handing a period over to its sound in the microphone's period: a card's 30 ms and the sound server's share.
BUFFERS_MS = 60
LEAD_IN = 3  # audio.lead_in_ms
PAUSE_S = 0.4
BLOCK = UPLINK_HZ // 100


@dataclass(frozen=True, slots=True)
class Room:
    """A room and what goes wrong in it.

    Attributes:
        clip: the loudspeaker cuts off at this part of its peak; 1.0: never.
        drift_ppm: the loudspeaker's clock against the microphone's.
        jump_ms: the way through the buffers becomes so much longer at ``jump_s``.
        lost_s: every so many seconds a period of reference is lost; 0: never.
    """

    name: str
    rt60_s: float = 0.3
    distance_m: float = 0.2
    clip: float = 1.0
    drift_ppm: float = 0.0
    jump_ms: int = 0
    jump_s: float = 0.0
    lost_s: float = 0.0
    buffers_ms: int = BUFFERS_MS
    device_hz: int = UPLINK_HZ
    noise_dbfs: float = NOISE_DBFS


STANDARD = Room("standard")
CLIPPED = replace(STANDARD, name="clipping speaker", clip=0.4)


def response(room: Room) -> Sound:
    """The room's impulse response: the direct way, then noise that falls by 60 dB in ``rt60_s``. Unit energy."""
    chance = np.random.default_rng(int(room.rt60_s * 1000) * 7 + int(room.distance_m * 100))
    count = int(room.rt60_s * UPLINK_HZ)
    tail = chance.standard_normal(count) * 10.0 ** (-3.0 * np.arange(count) / count)
    even_m = 0.057 * np.sqrt(VOLUME_M3 / room.rt60_s)
    tail *= (room.distance_m / even_m) / np.sqrt(np.sum(tail * tail))
    start = round(room.distance_m / SPEED_OF_SOUND * UPLINK_HZ)
    whole = np.zeros(start + count)
    whole[start] = 1.0
    whole[start + 1 :] += tail[: count - 1]
    unit: Sound = whole / np.sqrt(np.sum(whole * whole))
    return unit


def conversation(seconds: float, seed: int, dbfs: float = ECHO_DBFS) -> Sound:
    """Sentences of all voices one after another, with short pauses, in an order of their own."""
    chance = np.random.default_rng(seed)
    pool = utterances()
    parts: list[Sound] = []
    length, wanted = 0, int(seconds * UPLINK_HZ)
    while length < wanted:
        utterance: Utterance = pool[int(chance.integers(len(pool)))]
        spoken = utterance.sound[utterance.onset : utterance.end]
        pause = np.zeros(int(PAUSE_S * chance.uniform(0.5, 2.0) * UPLINK_HZ))
        parts += [at_dbfs(spoken, dbfs), pause]
        length += len(spoken) + len(pause)
    return np.concatenate(parts)[:wanted]


def convolved(sound: Sound, kernel: Sound) -> Sound:
    """``sound`` through ``kernel``, as long as ``sound``."""
    size = 1 << (len(sound) + len(kernel) - 1).bit_length()
    out: Sound = np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(kernel, size), size)[: len(sound)]
    return out


def echo(far: Sound, room: Room) -> Sound:
    """What of ``far`` reaches the microphone, timed from the moment at which it was handed over. No noise."""
    peak = float(np.max(np.abs(far))) or 1.0
    driven = np.clip(far, -room.clip * peak, room.clip * peak)
    driven *= rms(far) / rms(driven)  # as loud as before: what is tested is the distortion
    heard = convolved(driven, response(room)) * min(1.0, 0.5 + 0.1 / room.distance_m)
    if room.drift_ppm:
        heard = stretched(heard, room.drift_ppm)
    at = round(room.buffers_ms * UPLINK_HZ / 1000)
    late = np.concatenate((np.zeros(at), heard))[: len(far)]
    if room.jump_ms:
        jump, more = round(room.jump_s * UPLINK_HZ), round(room.jump_ms * UPLINK_HZ / 1000)
        late = np.concatenate((late[:jump], late[jump - more : len(late) - more]))
    return late


def stretched(sound: Sound, ppm: float) -> Sound:
    """As a microphone hears it whose clock is slower than the loudspeaker's by ``ppm``; 32 tap sinc."""
    taps = np.arange(-15, 17)
    where = np.arange(len(sound)) * (1.0 + ppm * 1e-6)
    whole = np.floor(where).astype(np.int64)
    part = (where - whole)[:, None]
    padded = np.concatenate((np.zeros(16), sound, np.zeros(len(sound) // 1000 + 64)))
    window = np.cos(np.pi * (taps[None, :] - part) / 34.0) ** 2
    out = np.zeros(len(sound))
    for start in range(0, len(sound), UPLINK_HZ):
        rows = slice(start, start + UPLINK_HZ)
        weights = np.sinc(taps[None, :] - part[rows]) * window[rows]
        out[rows] = np.sum(padded[whole[rows, None] + taps[None, :] + 16] * weights, axis=1)
    return out


def noise(count: int, room: Room) -> Sound:
    """What the microphone gives by itself."""
    return at_dbfs(np.random.default_rng(5).standard_normal(count), room.noise_dbfs)


def active(sound: Sound, below_db: float = 30.0) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """For each block of 10 ms whether it is within ``below_db`` of the loudest one."""
    blocks = sound[: len(sound) // BLOCK * BLOCK].reshape(-1, BLOCK)
    level = 10.0 * np.log10(np.mean(blocks * blocks, axis=1) + 1e-12)
    return np.asarray(level > level.max() - below_db)


def level_db(sound: Sound, where: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> float:
    """Mean power of the chosen blocks, in dBFS."""
    blocks = sound[: len(where) * BLOCK].reshape(-1, BLOCK)[where]
    return float(10.0 * np.log10(np.mean(blocks * blocks) + 1e-12))


class Threads:
    """Plays both audio threads in fast time: who is handed what in which order, over any number of pieces.

    A fresh device takes three periods at once, the silent lead-in. Then both go on by their own clocks: a loudspeaker
    that runs fast asks for a period more now and then.
    """

    def __init__(self, room: Room, far: Callable[[bytes, int], None], near: Callable[[bytes], bytes]) -> None:
        self._room, self._far, self._near = room, far, near
        self._given = self._taken = 0

    def run(self, far: bytes, near: bytes) -> bytes:
        """What ``near`` becomes while ``far`` is played."""
        far_bytes, near_bytes = self._room.device_hz // 100 * 2, BLOCK * 2
        lost_every = round(self._room.lost_s * 100)
        out: list[bytes] = []
        if not self._taken:
            for _ in range(LEAD_IN):
                self._far(bytes(far_bytes), self._room.device_hz)
        first = self._given
        for start in range(0, len(near) // near_bytes * near_bytes, near_bytes):
            due = int((self._taken + 1) * (1.0 + self._room.drift_ppm * 1e-6)) - 1
            while self._given <= due:
                at = (self._given - first) * far_bytes
                if not (lost_every and self._given % lost_every == lost_every - 1):
                    self._far(far[at : at + far_bytes].ljust(far_bytes, b"\0"), self._room.device_hz)
                self._given += 1
            self._taken += 1
            out.append(self._near(near[start : start + near_bytes]))
        return b"".join(out)

    def pause(self, rest: Callable[[], None], periods: int) -> bytes:
        """The output is closed; what the microphone gives in the next ``periods`` goes on."""
        rest()
        self._given = self._taken = 0
        return b"".join(self._near(bytes(BLOCK * 2)) for _ in range(periods))
