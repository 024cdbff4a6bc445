"""The voice on the device."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path
from typing import Any

import pytest

from kioskd.announce.local import Local
from kioskd.announce.ports import VoiceFailed
from kioskd.config.announce import Announce


def speak(text: str, voice: str = "", timeout_s: float = 8.0, **section: Any) -> Any:
    try:
        return asyncio.run(Local(Announce(**section), timeout_s).speak(text, voice))
    except VoiceFailed as error:
        return str(error)


def impostor(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = folder / "espeak-ng"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_it_is_understood(heard: Any, said: list[str]) -> None:
    for sentence in said:
        assert heard(speak(sentence)) == sentence


def test_language_voice_and_speed_change_the_sound() -> None:
    text = "Der Aufzug ist da."
    found = [speak(text), speak(text, language="de"), speak(text, local_voice="en-us+f3"), speak(text, "en-us+m3")]
    assert len({recording.pcm for recording in found}) == 4
    assert speak(text, speed=2.0).seconds < 0.7 * found[0].seconds


def test_text_that_looks_like_an_option_is_only_text() -> None:
    assert speak("--help -w /etc/x").seconds > 0.5


@pytest.mark.parametrize("voice", ["--path=/tmp", "../../x", "a b", "klingonese"])
def test_a_voice_that_is_none_is_a_sentence(voice: str) -> None:
    found = speak("Hello.", voice)
    assert isinstance(found, str) and "espeak-ng" in found


def test_without_the_program_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert speak("Hello.") == "there is no voice on this device: apt-get install espeak-ng"


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("exec sleep 60", "took longer than 0.3 s"),
        ("echo no memory >&2; exit 3", "ended with 3: no memory"),
        ("cat >/dev/null", "what espeak-ng wrote is empty"),
        ("cat >/dev/null; echo noise", "is not a WAV file"),
    ],
)
def test_a_program_that_fails_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, sentence: str
) -> None:
    impostor(tmp_path, script, monkeypatch)
    assert sentence in speak("Hello.", timeout_s=0.3 if "sleep" in script else 8.0)
