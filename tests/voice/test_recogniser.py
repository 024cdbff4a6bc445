"""The recogniser over real speech in several voices."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from kioskd.core.phrases import describe
from kioskd.voice import recogniser as module
from kioskd.voice.grammar import build
from kioskd.voice.intents import Kind, interpret
from kioskd.voice.recogniser import Recogniser, levelled, look_up, missing_library, weigh

DOOR = [{"name": "door", "description": describe("", ["please unlock the front door", "open the door"])}]
GRAMMAR = build(DOOR)
VOICES = ("en-us+m3", "en-gb-x-rp", "en-us+f3", "en-gb+f4")


@pytest.fixture
def hear(ears: Recogniser, speech: Any) -> Any:
    """Speech through the recogniser: the intent, and what was heard."""

    def run(text: str, voice: str) -> Any:
        heard = asyncio.run(ears.recognise(GRAMMAR, bytes(6400) + speech(text, voice) + bytes(12800)))
        return interpret(heard.text, GRAMMAR), heard

    return run


@pytest.mark.parametrize("voice", ("en-us+m3", "en-gb-x-rp", "en-us", "en-gb+f4"))
def test_a_request_is_heard_in_strange_voices(hear: Any, voice: str) -> None:
    intent, _ = hear("please unlock the front door", voice)
    assert [call.tool for call in intent.calls] == ["door"]


@pytest.mark.parametrize("voice", VOICES)
@pytest.mark.parametrize(
    "text",
    [
        "do not unlock the front door",
        "lock the front door",
        "is the front door open",
        "I would like a cup of coffee",
        "please lock the window",
        "open a bank account",
        "the quick brown fox jumps over the lazy dog",
    ],
)
def test_what_is_no_request_is_never_taken_for_one(hear: Any, text: str, voice: str) -> None:
    intent, _ = hear(text, voice)
    assert intent.calls == ()


def test_a_foreign_sentence_is_speech_but_not_understood(hear: Any) -> None:
    intent, heard = hear("the quick brown fox jumps over the lazy dog", "en-us+m3")
    assert intent.kind is Kind.UNKNOWN and heard == ("", False)


def test_digital_silence_and_clicks_are_noise(ears: Recogniser) -> None:
    click = bytes(8000) + b"\xff\x7f" * 40 + bytes(8000)
    for pcm in (bytes(16000), click, b""):
        assert asyncio.run(ears.recognise(GRAMMAR, pcm)).noise


def test_hypotheses_are_weighed() -> None:
    assert weigh("open the door") == ("open the door", False)
    assert weigh("open the g_ao g_l g_s") == ("", False)
    assert weigh("g_ah g_l g_ao") == ("", False)
    assert weigh("g_s g_ah g_t") == ("", True)
    assert weigh("") == ("", True)


def test_a_phrase_without_pronunciation_is_refused_with_a_warning_and_others_work(
    caplog: pytest.LogCaptureFixture,
) -> None:
    grammar = build([{"name": "x", "description": describe("", ["frobnicate the xyzzy", "call staff"])}])
    recogniser = Recogniser()
    with caplog.at_level(logging.WARNING):
        asyncio.run(recogniser.prepare(grammar))
    recogniser.close()
    assert recogniser.refused == 1 and "frobnicate the xyzzy (frobnicate)" in caplog.text


def test_a_client_cannot_fill_the_journal_with_phrases(caplog: pytest.LogCaptureFixture) -> None:
    grammar = build([{"name": "x", "description": describe("", [f"xyzzy {letter}zzq" for letter in "abcdefghij"])}])
    recogniser = Recogniser()
    with caplog.at_level(logging.WARNING):
        asyncio.run(recogniser.prepare(grammar))
    recogniser.close()
    assert recogniser.refused == 10 and len(caplog.records) == module.COMPLAINTS + 1


def test_decoders_are_kept_but_not_for_ever() -> None:
    recogniser = Recogniser()
    grammars = [build([{"name": name}]) for name in ("open", "close", "start", "stop")]
    for grammar in (*grammars, grammars[-1]):
        asyncio.run(recogniser.prepare(grammar))
    assert list(recogniser._decoders) == grammars[1:]
    recogniser.close()


def test_words_are_looked_up_with_all_their_pronunciations() -> None:
    found = look_up(frozenset({"the", "door", "xyzzy", "don't"}))
    assert set(found) == {"the", "door", "don't"}
    assert len(found["the"]) > 1 and "D AO R" in found["door"]


def test_levelling_makes_a_whisper_loud_and_is_the_same_every_time() -> None:
    quiet, loud = b"\x10\x00\xf0\xff" * 4000, b"\x00\x40\x00\xc0" * 4000
    assert levelled(quiet) == levelled(quiet)
    peaks = [max(abs(s) for s in memoryview(levelled(pcm)).cast("h")) for pcm in (quiet, loud)]
    assert 400 < peaks[0] < 700 and 3900 < peaks[1] < 4300  # the whisper by thirty at most


def test_a_missing_library_is_named_with_the_way_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert missing_library() == ""
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    assert "pip install 'kioskd[voice]'" in missing_library()
