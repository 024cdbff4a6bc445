"""Speech with labels, and the noises of the places where kiosks hang; all made here, the same on every run.

Everything is a numpy array of float64 samples at 16 kHz, full scale 1.0.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from typing import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from benchmarks.figure import ProbeFailed
from kioskd.lanes import CHUNK_BYTES, CHUNK_FRAMES, UPLINK_HZ
from kioskd.voice.synthesiser import convert, read_wav

Sound = NDArray[np.float64]

VOICES = (
    "en-us+m3",
    "en-us+f2",
    "en-gb+m1",
    "en-gb-x-rp+f4",
    "en-gb-scotland+m7",
    "en-029+f5",
    "en-us+klatt2",
    "en-gb-x-gbcwmd+f3",
)
SENTENCES = (
    "please open the door",
    "what time is it",
    "hello, I have an appointment with Mrs. Miller at ten",
    "four people would like to see the exhibition",
    "should I wait here",
    "call somebody from the staff, my card does not work",
)
# Active speech stands here: a voice at half a metre before a microphone that is set up well.
SPEECH_DBFS = -26.0
CLEAN = "clean"
# A frame within this of the loudest one is speech. espeak-ng fades in within a frame, so the label is sharp.
_LABEL_DB = 35.0
_FRAME = UPLINK_HZ // 100


@dataclass(frozen=True, slots=True)
class Utterance:
    """One sentence. ``onset`` and ``end`` (samples) bound the speech in ``sound``; it stands at SPEECH_DBFS."""

    sound: Sound
    onset: int
    end: int


def rms(sound: Sound) -> float:
    """Root of the mean square; never zero."""
    return float(np.sqrt(np.mean(sound * sound)) + 1e-12)


def gain(db: float) -> float:
    """The factor."""
    return float(10.0 ** (db / 20.0))


def at_dbfs(sound: Sound, level_dbfs: float) -> Sound:
    """The same sound at this level."""
    return sound * (gain(level_dbfs) / rms(sound))


def pcm(sound: Sound) -> bytes:
    """S16_LE, clipped as a converter clips."""
    return np.clip(np.rint(sound * 32768.0), -32768, 32767).astype("<i2").tobytes()


def chunks(data: bytes) -> list[bytes]:
    """Whole chunks; a rest is left out."""
    return [data[at : at + CHUNK_BYTES] for at in range(0, len(data) - CHUNK_BYTES + 1, CHUNK_BYTES)]


@cache
def speak(text: str, voice: str, speed: int = 160) -> Utterance:
    """One sentence by espeak-ng, labelled.

    Raises:
        ProbeFailed: there is no espeak-ng.
    """
    if shutil.which("espeak-ng") is None:
        raise ProbeFailed("espeak-ng is not installed (apt-get install espeak-ng)")
    command = ["espeak-ng", "--stdout", "-v", voice, "-s", str(speed), text]
    data, rate_hz = read_wav(subprocess.run(command, capture_output=True, check=True, timeout=20).stdout)
    sound = np.frombuffer(convert(data, rate_hz, UPLINK_HZ), "<i2").astype(np.float64) / 32768.0
    frames = sound[: len(sound) // _FRAME * _FRAME].reshape(-1, _FRAME)
    level = 20.0 * np.log10(np.sqrt(np.mean(frames * frames, axis=1)) + 1e-9)
    loud = np.flatnonzero(level > level.max() - _LABEL_DB)
    onset, end = int(loud[0]) * _FRAME, int(loud[-1] + 1) * _FRAME
    louder = gain(SPEECH_DBFS) / rms(frames[loud].ravel())
    return Utterance(sound[:end] * louder, onset, end)


@cache
def utterances() -> tuple[Utterance, ...]:
    """Every sentence by every voice: 48."""
    return tuple(speak(text, voice) for text in SENTENCES for voice in VOICES)


# -- noises: each gives ``seconds`` of itself at about 0 dB, from a seed ----------------------------------


def _chance(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def _coloured(count: int, power: float, chance: np.random.Generator) -> Sound:
    """Noise whose power falls with frequency to the ``power`` (1: pink, 2: brown)."""
    spectrum = np.fft.rfft(chance.standard_normal(count))
    hz = np.fft.rfftfreq(count, 1 / UPLINK_HZ)
    spectrum *= 1.0 / np.maximum(hz, 20.0) ** (power / 2.0)
    return np.fft.irfft(spectrum, count)


def reverb(sound: Sound, rt60_s: float, seed: int) -> Sound:
    """As heard across a hall: no direct sound, only its decaying tail."""
    count = int(rt60_s * UPLINK_HZ)
    tail = _chance(seed).standard_normal(count) * 10.0 ** (-3.0 * np.arange(count) / count)
    size = 1 << (len(sound) + count - 1).bit_length()
    out: Sound = np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(tail, size), size)[: len(sound)]
    return out


@cache
def lobby(seconds: float, seed: int = 1) -> Sound:
    """Five people who talk to one another across a hall, with its steps and its hum."""
    chance = _chance(seed)
    count = int(seconds * UPLINK_HZ)
    out = np.zeros(count)
    for _ in range(5):
        at, voice = int(chance.integers(0, UPLINK_HZ)), VOICES[chance.integers(len(VOICES))]
        while at < count:
            said = speak(SENTENCES[chance.integers(len(SENTENCES))], voice).sound
            part = min(len(said), count - at)
            out[at : at + part] += said[:part] * gain(chance.uniform(-6.0, 0.0))
            at += len(said) + int(chance.uniform(0.2, 2.5) * UPLINK_HZ)
    out = at_dbfs(reverb(out, 0.8, seed), 0.0)
    return out + at_dbfs(_coloured(count, 1.0, chance), -12.0)


@cache
def music(seconds: float, seed: int = 2) -> Sound:
    """Chords, a bass and a drum at 104 beats a minute."""
    chance = _chance(seed)
    count, beat = int(seconds * UPLINK_HZ), int(UPLINK_HZ * 60 / 104)
    out = np.zeros(count + 4 * beat)
    chords = ((0, 4, 7, 12), (9, 12, 16, 21), (5, 9, 12, 17), (7, 11, 14, 19))
    time = np.arange(4 * beat) / UPLINK_HZ
    for number, at in enumerate(range(0, count, beat)):
        if number % 4 == 0:
            for note in chords[number // 4 % 4]:
                hz = 196.0 * 2.0 ** (note / 12.0) * (1.0 + chance.uniform(-0.002, 0.002))
                wave = sum(np.sin(2 * np.pi * hz * k * time + k) / k for k in range(1, 9) if hz * k < 7500)
                out[at : at + 4 * beat] += wave * np.minimum(1.0, time * 30.0) * np.exp(-0.8 * time)
        short = time[: beat // 2]
        hit = chance.standard_normal(len(short)) * np.exp(-short * (45.0 if number % 2 else 25.0))
        thump = np.sin(2 * np.pi * (55.0 + 60.0 * np.exp(-short * 30.0)) * short) * np.exp(-short * 9.0)
        out[at : at + len(short)] += (1.5 * hit if number % 2 else 3.0 * thump) * chance.uniform(0.7, 1.3)
    return out[:count]


@cache
def traffic(seconds: float, seed: int = 3) -> Sound:
    """A street: rumble, tyres, and a car that passes every few seconds."""
    chance = _chance(seed)
    count = int(seconds * UPLINK_HZ)
    time = np.arange(count) / UPLINK_HZ
    out = at_dbfs(_coloured(count, 2.0, chance), 0.0) + at_dbfs(_coloured(count, 1.0, chance), -6.0)
    tyres = at_dbfs(_coloured(count, 1.0, chance), 0.0)
    at = chance.uniform(0.0, 4.0)
    while at < seconds:
        width = chance.uniform(0.6, 1.5)
        near = slice(max(0, int((at - 3 * width) * UPLINK_HZ)), int((at + 3 * width) * UPLINK_HZ))
        swell = np.exp(-(((time[near] - at) / width) ** 2))
        engine = sum(np.sin(2 * np.pi * chance.uniform(28, 40) * k * time[near]) / k for k in range(2, 12))
        out[near] += swell * (tyres[near] * chance.uniform(0.7, 2.0) + 0.3 * engine)
        at += chance.uniform(3.0, 9.0)
    return out


@cache
def knocks(seconds: float, seed: int = 4) -> Sound:
    """Doors, suitcases, heels on stone: bursts that ring for a moment, over a little hiss."""
    chance = _chance(seed)
    count = int(seconds * UPLINK_HZ)
    out = at_dbfs(_coloured(count, 1.0, chance), -22.0)
    at = 0.3
    while at < seconds - 1.0:
        for blow in range(int(chance.integers(1, 4))):
            start = int((at + 0.18 * blow) * UPLINK_HZ)
            time = np.arange(min(UPLINK_HZ // 2, count - start)) / UPLINK_HZ
            body = sum(np.sin(2 * np.pi * chance.uniform(90, 900) * time) for _ in range(4)) / 2.0
            burst = (body + chance.standard_normal(len(time))) * np.exp(-time * chance.uniform(15.0, 60.0))
            out[start : start + len(time)] += burst * chance.uniform(0.8, 2.5)
        at += chance.uniform(0.5, 3.0)
    return out


NOISES: Mapping[str, Callable[[float], Sound]] = {
    "lobby": lobby,
    "music": music,
    "traffic": traffic,
    "knocks": knocks,
}


@cache
def noise(name: str, seconds: float) -> Sound:
    """One of NOISES at SPEECH_DBFS: 0 dB of signal to noise. Its level is that of the whole, pauses included."""
    return at_dbfs(NOISES[name](seconds), SPEECH_DBFS)


@dataclass(frozen=True, slots=True)
class Scene:
    """A stretch of sound and what is said in it. ``speech``: for each utterance its onset and end in samples."""

    data: bytes
    speech: tuple[tuple[int, int], ...]
    seconds: float


def scene(noise_name: str, snr_db: float, count: int, seed: int = 5) -> Scene:
    """``count`` utterances, 1.4 to 2.2 s apart, at gains of +-3 dB, over a noise (CLEAN: a microphone's hiss)."""
    chance = _chance(seed)
    parts: list[tuple[int, Utterance, float]] = []
    at = 3 * UPLINK_HZ
    for number in range(count):
        said = utterances()[(number * 11 + seed) % len(utterances())]
        parts.append((at, said, gain(chance.uniform(-3.0, 3.0))))
        at += len(said.sound) + int(chance.uniform(1.4, 2.2) * UPLINK_HZ)
    total = (at + UPLINK_HZ) // CHUNK_FRAMES * CHUNK_FRAMES
    out = at_dbfs(chance.standard_normal(total), -70.0)
    if noise_name != CLEAN:
        bed = noise(noise_name, 60.0)
        out += np.resize(bed, total) * gain(-snr_db)
    for start, said, factor in parts:
        out[start : start + len(said.sound)] += said.sound * factor
    speech = tuple((start + said.onset, start + said.end) for start, said, _ in parts)
    return Scene(pcm(out), speech, total / UPLINK_HZ)
