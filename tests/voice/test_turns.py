"""Where turns begin and end in the incoming audio."""

from __future__ import annotations

import random
from typing import Any

from kioskd.voice.turns import HANGOVER_MS, Began, Ended, Found, TurnDetector

LEAD_MS, TAIL_MS = 400, 900


def silence(ms: int) -> bytes:
    return bytes(ms * 32)


def feed(pcm: bytes, piece: int = 640, longest_ms: int = 20_000) -> list[Found]:
    detector = TurnDetector(longest_ms)
    return [found for start in range(0, len(pcm), piece) for found in detector.feed(pcm[start : start + piece])]


def test_one_sentence_is_one_turn_with_its_place_and_its_sound(speech: Any) -> None:
    # espeak-ng ends a sentence with a third of a second of silence
    words = speech("open the door").rstrip(b"\0")
    words += bytes(len(words) % 2)
    began, ended = feed(silence(LEAD_MS) + words + silence(TAIL_MS))
    assert isinstance(began, Began) and isinstance(ended, Ended)
    assert 0 <= began.at_ms <= LEAD_MS and abs(ended.at_ms - (LEAD_MS + len(words) / 32)) < 250
    assert ended.at_ms + HANGOVER_MS - began.at_ms == len(ended.pcm) / 32
    assert words[6400:16000] in ended.pcm
    assert 400 < ended.voiced_ms < len(words) / 32


def test_how_the_audio_is_cut_into_frames_does_not_matter(speech: Any) -> None:
    pcm = silence(LEAD_MS) + speech("open the door") + silence(TAIL_MS)
    assert feed(pcm) == feed(pcm, piece=322) == feed(pcm, piece=3200) == feed(pcm, piece=len(pcm))


def test_a_pause_within_a_sentence_does_not_end_the_turn(speech: Any) -> None:
    found = feed(silence(LEAD_MS) + speech("open") + silence(200) + speech("the door") + silence(TAIL_MS))
    assert [type(item) for item in found] == [Began, Ended]


def test_two_sentences_are_two_turns_and_voice_is_counted_for_each(speech: Any) -> None:
    one = silence(LEAD_MS) + speech("open the door") + silence(TAIL_MS)
    found = feed(one + one)
    assert [type(item) for item in found] == [Began, Ended, Began, Ended]
    ends = [item for item in found if isinstance(item, Ended)]
    assert abs(ends[0].voiced_ms - ends[1].voiced_ms) <= 200


def test_silence_and_a_quiet_hiss_are_no_turn() -> None:
    rng = random.Random(3)
    hiss = b"".join(int(rng.gauss(0, 30)).to_bytes(2, "little", signed=True) for _ in range(32_000))
    assert feed(silence(3000) + hiss) == []


def test_a_turn_without_end_is_ended(speech: Any) -> None:
    babble = speech("the quick brown fox jumps over the lazy dog and runs away")
    found = feed(silence(LEAD_MS) + babble * 3, longest_ms=2000)
    ends = [item for item in found if isinstance(item, Ended)]
    assert len(ends) >= 2 and all(len(end.pcm) <= 2000 * 32 for end in ends)
