"""Speech, and whether somebody else can tell the sentences apart."""

from __future__ import annotations

import asyncio
import stat
import struct
from pathlib import Path

import pytest

from kioskd.voice import sentences
from kioskd.voice.grammar import words_of
from kioskd.voice.jsgf import PHONES, Jsgf
from kioskd.voice.options import Options
from kioskd.voice.recogniser import build_decoder, levelled, look_up
from kioskd.voice.synthesiser import KEPT, SpeechFailed, Synthesiser, convert, missing_program, read_wav

SPOKEN = [
    "The front door is open now. Please come in.",
    "Nobody confirmed, so the door stays closed.",
    "It is ten past nine.",
    "Somebody is on the way.",
    sentences.GREETING,
    sentences.WELCOME,
    sentences.NOT_UNDERSTOOD,
    sentences.NEGATED,
    sentences.CONTRARY,
    sentences.BY_STATUS["needs_confirmation"],
    sentences.BY_STATUS["refused"],
    sentences.BY_STATUS["failed"],
    sentences.BY_STATUS["running"],
    sentences.BY_STATUS["expired"],
]


def normal() -> Synthesiser:
    return Synthesiser(Options().voice, Options().words_per_minute)


def impostor(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program by the name of espeak-ng."""
    program = folder / "espeak-ng"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_an_independent_recogniser_tells_the_answers_apart() -> None:
    keys = [" ".join(words_of(sentence)) for sentence in SPOKEN]
    words = frozenset(word for key in keys for word in key.split())
    phones = " | ".join(f"g_{phone.lower()}" for phone in PHONES)
    grammar = f"<s> = {' | '.join(keys)};\n<p> = {phones};\n<g> = <p> <p> <p>+;\npublic <u> = /0.99/ <s> | /0.01/ <g>;"
    decoder = build_decoder(Jsgf(f"#JSGF V1.0;\ngrammar answers;\n{grammar}\n", words, ()), look_up(words))
    mouth, heard = normal(), []
    for sentence in SPOKEN:
        pcm = convert(asyncio.run(mouth.speak(sentence, 24_000)), 24_000, 16_000)
        decoder.start_utt()
        decoder.process_raw(levelled(bytes(9600) + pcm + bytes(9600)), full_utt=True)
        decoder.end_utt()
        heard.append(decoder.hyp().hypstr if decoder.hyp() else "")
    right = sum(one == other for one, other in zip(heard, keys))
    assert right >= len(keys) - 1, heard
    assert not [text for text, key in zip(heard, keys) if text != key and "g_" not in text]


def test_the_rate_changes_the_samples_and_not_the_length() -> None:
    async def lengths() -> list[float]:
        return [len(await normal().speak("It is done.", rate_hz)) / 2 / rate_hz for rate_hz in (16_000, 24_000, 48_000)]

    found = asyncio.run(lengths())
    assert 0.5 < min(found) and max(found) - min(found) < 0.001


def test_text_that_looks_like_an_option_is_only_text() -> None:
    assert len(asyncio.run(normal().speak("--help -w /tmp/x \ud800", 24_000))) > 10_000


def test_a_sentence_is_rendered_once_and_kept_for_a_while() -> None:
    async def work() -> None:
        mouth = normal()
        first = await mouth.speak("It is done.", 24_000)
        assert await mouth.speak("It is done.", 24_000) is first
        for number in range(KEPT):
            await mouth.speak(str(number), 16_000)
        assert await mouth.speak("It is done.", 24_000) is not first

    asyncio.run(work())


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("exec sleep 30", "took longer than 0.3 s"),
        ("cat > /dev/null; echo no voice 1>&2; exit 3", "ended with 3: no voice"),
        ("exit 0", "ended with 0"),
        ("cat > /dev/null; printf '%100s' x", "are no WAV"),
    ],
)
def test_a_synthesiser_that_fails_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, sentence: str
) -> None:
    impostor(tmp_path, script, monkeypatch)
    with pytest.raises(SpeechFailed) as failure:
        asyncio.run(Synthesiser("en-gb", 140, timeout_s=0.3).speak("Hello.", 24_000))
    assert sentence in str(failure.value)


def test_a_missing_program_is_named_with_the_way_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert missing_program() == ""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "apt-get install espeak-ng" in missing_program()
    with pytest.raises(SpeechFailed, match="apt-get install espeak-ng"):
        asyncio.run(normal().speak("Hello.", 24_000))


def test_a_wav_of_another_shape_is_refused() -> None:
    def wav(channels: int) -> bytes:
        form = struct.pack("<HHIIHH", 1, channels, 8000, 16_000, 2, 16)
        return b"RIFF\xff\xff\xff\x7fWAVEfmt \x10\0\0\0" + form + b"data\xff\xff\xff\x7f" + b"\x01\x02\x03"

    assert read_wav(wav(1)) == (b"\x01\x02", 8000)
    with pytest.raises(SpeechFailed, match="another shape"):
        read_wav(wav(2))
