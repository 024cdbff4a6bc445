"""Cue files from the disk, whatever lies there."""

from __future__ import annotations

import os
import wave
from pathlib import Path

import pytest

from kioskd.config.cuefile import cue_problem, read_cue, said
from kioskd.core.wavhead import NotPlayable


def write(path: Path, seconds: float = 0.1, rate_hz: int = 22050, channels: int = 1) -> str:
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(channels)
        sound.setsampwidth(2)
        sound.setframerate(rate_hz)
        sound.writeframes(bytes(2 * channels * int(seconds * rate_hz)))
    return str(path)


def test_a_sound_file_has_no_problem(tmp_path: Path) -> None:
    path = write(tmp_path / "welcome.wav", channels=2)
    assert cue_problem(path) is None
    layout, data = read_cue(path)
    assert layout.rate_hz == 22050 and len(data) == os.path.getsize(path)


def test_fifteen_seconds_are_the_most(tmp_path: Path) -> None:
    assert cue_problem(write(tmp_path / "long.wav", 15.0, 48000, 2)) is None
    assert cue_problem(write(tmp_path / "longer.wav", 16.0, 8000)) == "lasts 16 s; a cue lasts 15 s at most"
    assert "is larger than 3 MB" in str(cue_problem(write(tmp_path / "longest.wav", 60.0, 48000)))


def test_what_is_no_file_is_told(tmp_path: Path) -> None:
    assert cue_problem(str(tmp_path / "none.wav")) == "cannot be read: no such file or directory"
    assert cue_problem(str(tmp_path)) == "cannot be read: it is not a regular file"
    pipe = tmp_path / "pipe.wav"
    os.mkfifo(pipe)
    assert cue_problem(str(pipe)) == "cannot be read: it is not a regular file"
    assert "cannot be read" in str(cue_problem("a\0b"))


@pytest.mark.parametrize("name", ["/dev/zero", "/dev/null"])
def test_a_device_is_no_file(name: str) -> None:
    assert cue_problem(name) == "cannot be read: it is not a regular file"


def test_a_corrupt_file_is_told_and_refused(tmp_path: Path) -> None:
    path = tmp_path / "corrupt.wav"
    path.write_bytes(b"RIFF" + bytes(100))
    assert cue_problem(str(path)) == "is not a WAV file"
    with pytest.raises(NotPlayable, match="not a WAV"):
        read_cue(str(path))


def test_a_cue_that_is_spoken_is_told_from_a_path_and_a_tone() -> None:
    assert said("say:Please  ring\nthe bell ") == "Please ring the bell" and said("say:") == ""
    assert [said(cue) for cue in ("tone", "silent", "/say:no.wav", "SAY:no")] == [None] * 4
