"""Speech from espeak-ng and noise made here, through the real detector."""

from __future__ import annotations

import math
import random
import subprocess
from array import array
from functools import cache

import pytest

from kioskd.core.gate import Gate
from kioskd.core.vad import SILENCE_DBFS, Vad, dbfs, power
from kioskd.lanes import CHUNK_BYTES, SILENT_CHUNK, Chunk

PAUSE = SILENT_CHUNK * 60


@cache
def spoken(text: str) -> bytes:
    """``text`` as S16_LE mono at 16 kHz, whole chunks."""
    wav = subprocess.run(["espeak-ng", "--stdout", text], capture_output=True, check=True).stdout
    start = wav.index(b"data") + 8
    source = array("h", wav[start : start + (len(wav) - start) // 2 * 2])
    step = int.from_bytes(wav[24:28], "little") / 16000
    out = array("h", (source[int(n * step)] for n in range(int((len(source) - 1) / step))))
    return out.tobytes()[: len(out) * 2 // CHUNK_BYTES * CHUNK_BYTES]


def hiss(count: int, level_dbfs: float, seed: int = 7) -> bytes:
    """White noise, ``count`` samples."""
    chance = random.Random(seed)
    loud = 32768 * 10 ** (level_dbfs / 20)
    return array("h", (int(max(-32768, min(32767, chance.gauss(0, loud)))) for _ in range(count))).tobytes()


def mixed(one: bytes, other: bytes) -> bytes:
    return array("h", (max(-32768, min(32767, a + b)) for a, b in zip(array("h", one), array("h", other)))).tobytes()


def tone(level_dbfs: float, hz: float = 440.0, offset: int = 0) -> bytes:
    """One chunk of a sine whose RMS is ``level_dbfs``, on top of a constant."""
    peak = 32768 * 10 ** (level_dbfs / 20) * math.sqrt(2)
    return array("h", (offset + round(peak * math.sin(2 * math.pi * hz * n / 16000)) for n in range(320))).tobytes()


def chunks(pcm: bytes) -> list[bytes]:
    return [pcm[at : at + CHUNK_BYTES] for at in range(0, len(pcm), CHUNK_BYTES)]


def share(pcm: bytes, vad: Vad) -> float:
    """How much of it the detector calls speech."""
    heard = [vad.is_speech(chunk) for chunk in chunks(pcm)]
    return sum(heard) / len(heard)


def utterances(pcm: bytes) -> list[int]:
    """Through detector and gate as configured by default: the number of chunks of each utterance, end mark apart."""
    vad, gate = Vad(3, -55.0), Gate(300, 80, 100, 700)
    lengths: list[int] = []
    for at, chunk in enumerate(chunks(pcm)):
        step = gate.step(Chunk(chunk, at * 0.02), vad.is_speech(chunk))
        if step.opened:
            lengths.append(0)
        if step.out:
            lengths[-1] += sum(not each.ends for each in step.out)
    return lengths


def test_spoken_words_are_speech() -> None:
    assert share(spoken("please open the door, I am expected"), Vad(3, -55.0)) > 0.5


def test_digital_silence_is_not_speech() -> None:
    assert share(PAUSE, Vad(0, -90.0)) == 0.0


def test_a_steady_hiss_is_not_speech() -> None:
    assert share(hiss(16000 * 4, -40), Vad(3, -55.0)) < 0.05


def test_speech_below_the_floor_is_not_for_us() -> None:
    words = spoken("please open the door, I am expected")
    far = array("h", (sample // 200 for sample in array("h", words))).tobytes()
    assert share(far, Vad(1, -90.0)) > 0.3, "the detector alone would hear it"
    assert share(far, Vad(1, -55.0)) == 0.0


@pytest.mark.parametrize("level_dbfs", [-3.02, -20.0, -40.0, -54.0])
def test_the_level_of_a_tone_is_its_rms(level_dbfs: float) -> None:
    vad = Vad(3, -55.0)
    vad.is_speech(tone(level_dbfs))
    assert vad.level_dbfs == pytest.approx(level_dbfs, abs=0.5)


def test_a_constant_offset_is_no_sound() -> None:
    assert dbfs(power(tone(-50.0, offset=3000))) == pytest.approx(-50.0, abs=0.5)
    assert dbfs(power(array("h", [3000] * 320).tobytes())) == SILENCE_DBFS


def test_full_scale_noise_does_not_overflow() -> None:
    square = array("h", [-32768, 32767] * 160).tobytes()
    assert dbfs(power(square)) == pytest.approx(0.0, abs=0.1)


@pytest.mark.parametrize("mean_square", [5e-324, 1e-310, 1e-300])
def test_what_digital_silence_has_worn_down_to_almost_nothing_has_the_level_of_silence(mean_square: float) -> None:
    assert dbfs(mean_square) == SILENCE_DBFS


def test_nothing_has_the_level_of_silence() -> None:
    assert dbfs(power(b"")) == SILENCE_DBFS
    assert Vad(3, -55.0).level_dbfs == SILENCE_DBFS


@pytest.mark.parametrize("length", [0, 2, 320, CHUNK_BYTES - 2, CHUNK_BYTES + 2])
def test_only_whole_chunks_are_judged(length: int) -> None:
    with pytest.raises(ValueError, match="640 bytes"):
        Vad(3, -55.0).is_speech(bytes(length))


@pytest.mark.parametrize("mode", [-1, 4])
def test_there_are_four_modes(mode: int) -> None:
    with pytest.raises(ValueError, match="vad_aggressiveness"):
        Vad(mode, -55.0)


def test_one_sentence_is_one_utterance_with_preroll_and_hangover() -> None:
    words = spoken("please open the door")
    (length,) = utterances(PAUSE + words + PAUSE)
    # The words, up to 300 ms before and 700 ms after them; espeak-ng itself ends in a little silence.
    assert 35 <= length - len(words) // CHUNK_BYTES + 15 <= 65


def test_two_sentences_apart_are_two_utterances() -> None:
    assert len(utterances(PAUSE + spoken("please open the door") + PAUSE + spoken("I am late") + PAUSE)) == 2


def test_speech_in_noise_opens_the_gate_and_noise_alone_does_not() -> None:
    words = PAUSE * 2 + spoken("please open the door") + PAUSE
    noise = hiss(len(words) // 2, -45)
    assert len(utterances(mixed(words, noise))) == 1
    assert utterances(noise) == []


@pytest.mark.parametrize("level_dbfs", [-50, -45, -40, -30])
def test_starting_in_a_noisy_room_does_not_open_the_gate(level_dbfs: float) -> None:
    noise = hiss(16000, level_dbfs)
    assert utterances(noise) == []
    fresh = Vad(3, -55.0, learning_chunks=0)
    assert any([fresh.is_speech(chunk) for chunk in chunks(noise)][:5]) or level_dbfs == -40, "not needed any more?"


def test_speech_in_the_very_first_chunk_is_not_cut() -> None:
    words = chunks(spoken("please open the door"))
    while dbfs(power(words[0])) < -40:
        words.pop(0)
    vad, gate = Vad(3, -55.0), Gate(300, 80, 100, 700)
    taken = [gate.step(Chunk(chunk, at * 0.02), vad.is_speech(chunk)) for at, chunk in enumerate(words)]
    assert next(step.out[0].at for step in taken if step.opened) == 0.0


def test_a_click_does_not_open_the_gate() -> None:
    click = bytearray(PAUSE)
    click[640 * 20 : 640 * 20 + 160] = hiss(80, -6)
    assert utterances(bytes(click)) == []


def test_a_detector_of_one_stage_has_no_doubts_and_lacks_nothing() -> None:
    vad = Vad(3, -55.0)
    words = chunks(PAUSE + spoken("please open the door"))
    other = Vad(3, -55.0)
    assert [vad.is_candidate(chunk) for chunk in words] == [other.is_speech(chunk) for chunk in words]
    assert not vad.doubtful and vad.fault == ""


def test_webrtcvad_alone_hears_what_is_below_the_floor() -> None:
    far = array("h", (sample // 200 for sample in array("h", spoken("please open the door")))).tobytes()
    vad = Vad(1, -55.0)
    assert sum(vad.hears(chunk) for chunk in chunks(far)) > 5 and vad.level_dbfs < -55.0
