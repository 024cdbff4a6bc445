"""The kept result: whole or not there, for these devices only, and never a reason not to start."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from kioskd.audio.doctor import kept
from kioskd.audio.doctor.kept import Kept, KeptError

FOUND = Kept(
    tail_ms=210,
    delay_ms=80.0,
    return_loss_db=12.0,
    erle_db=38.0,
    noise_floor_dbfs=-60.0,
    mode="cancel",
    at="2026-11-21T12:00:00+00:00",
    input="alsa:mic",
    output="alsa:spk",
    version="1.0",
)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    assert kept.write(str(tmp_path), FOUND) == str(tmp_path / "echo.json")
    assert kept.read(str(tmp_path), "alsa:mic", "alsa:spk") == FOUND
    later = replace(FOUND, tail_ms=90, erle_db=None)
    kept.write(str(tmp_path), later)
    assert kept.read(str(tmp_path), "alsa:mic", "alsa:spk") == later
    assert [path.name for path in tmp_path.iterdir()] == ["echo.json"], "nothing is left beside it"


def test_never_kept_is_nothing(tmp_path: Path) -> None:
    assert kept.read(str(tmp_path), "alsa:mic", "alsa:spk") is None
    assert kept.read(str(tmp_path / "none"), "alsa:mic", "alsa:spk") is None


@pytest.mark.parametrize(("mic", "spk"), [("alsa:other", "alsa:spk"), ("alsa:mic", "alsa:other")])
def test_another_device_is_another_room(tmp_path: Path, mic: str, spk: str) -> None:
    kept.write(str(tmp_path), FOUND)
    with pytest.raises(KeptError, match="does not hold .* run: kioskctl doctor audio --keep"):
        kept.read(str(tmp_path), mic, spk)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", "[" * 5000, '{"tail_ms": 1}', "\x00\xff", "x" * 100_000],
)
def test_a_broken_file_is_a_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "echo.json").write_text(text, encoding="latin-1")
    with pytest.raises(KeptError, match="is not what the doctor wrote"):
        kept.read(str(tmp_path), "alsa:mic", "alsa:spk")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tail_ms", -1),
        ("tail_ms", 2001),
        ("tail_ms", 12.5),
        ("tail_ms", True),
        ("tail_ms", None),
        ("delay_ms", float("nan")),
        ("return_loss_db", float("inf")),
        ("noise_floor_dbfs", "loud"),
        ("mode", None),
        ("input", 3),
    ],
)
def test_an_absurd_value_is_a_sentence(tmp_path: Path, name: str, value: object) -> None:
    (tmp_path / "echo.json").write_text(json.dumps({**asdict(FOUND), name: value}))
    with pytest.raises(KeptError, match=name):
        kept.read(str(tmp_path), "alsa:mic", "alsa:spk")


def test_what_a_newer_kioskd_adds_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "echo.json").write_text(json.dumps({**asdict(FOUND), "more": 1}))
    assert kept.read(str(tmp_path), "alsa:mic", "alsa:spk") == FOUND


def test_a_folder_that_is_none_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "none", tmp_path / "file"):
        with pytest.raises(KeptError, match="cannot be written"):
            kept.write(str(place), FOUND)
    (tmp_path / "echo.json").mkdir()
    with pytest.raises(KeptError, match="cannot be read"):
        kept.read(str(tmp_path), "alsa:mic", "alsa:spk")
