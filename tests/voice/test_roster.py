"""A voice that espeak-ng does not have is refused with those that are near."""

from __future__ import annotations

import pytest

from kioskd.voice import roster
from kioskd.voice.options import Options
from kioskd.voice.roster import unknown_voice
from kioskd.voice.service import main


@pytest.mark.parametrize("voice", [Options().voice, "en-us", "en-us+f3", "de", "gmw/en-US", "en-usa"])
def test_a_voice_that_is_there_is_taken(voice: str) -> None:
    assert unknown_voice(voice) == ""


@pytest.mark.parametrize(
    ("voice", "says"),
    [
        ("germn", "has no voice 'germn'; near it are de ("),
        ("english", "near it are en-"),
        ("mb-en1", "has no voice 'mb-en1'"),
        ("nosuch", "has no voice 'nosuch'; some are en-us"),
        ("zz+f3", "has no voice 'zz+f3'"),
        ("a\0b", "does it run?"),
    ],
)
def test_one_that_is_not_is_named_with_its_neighbours(voice: str, says: str) -> None:
    assert says in unknown_voice(voice)


def test_the_service_refuses_it_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--voice", "germn", "--listen", "127.0.0.1:0"]) == 78
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("kioskd voice: --voice: espeak-ng has no voice") and "near it are de" in line


def test_a_program_that_does_not_run_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roster, "PROGRAM", "no-such-program-here")
    assert "does it run?" in unknown_voice("en-us")
