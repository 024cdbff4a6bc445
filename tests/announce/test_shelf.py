"""Recordings on the disk: named by what they are, whole or not there, bounded."""

from __future__ import annotations

import os
import wave
from pathlib import Path
from typing import Any, Callable

import pytest

from kioskd.announce.ports import Recording, VoiceFailed
from kioskd.announce.renderer import HOUSE, LOCAL
from kioskd.announce.shelf import MOST_FILES, Shelf
from kioskd.config.announce import Announce, AnnounceService

SOUND = Recording(b"\x01\x02" * 2400, 24_000)
HOSTED = Announce(service=AnnounceService(url="wss://one.example/tts"))


def test_a_recording_is_a_wav_that_others_read_too(tmp_path: Path) -> None:
    path = Shelf(str(tmp_path), Announce()).keep("Hello.", LOCAL, SOUND)
    with wave.open(path) as sound:
        assert (sound.getnchannels(), sound.getsampwidth(), sound.getframerate()) == (1, 2, 24_000)
        assert sound.readframes(9999) == SOUND.pcm
    assert Path(path).parent == tmp_path / "cues" and sorted(os.listdir(tmp_path / "cues")) == [Path(path).name]


def test_another_text_voice_speed_or_service_is_another_file(tmp_path: Path) -> None:
    def path(text: str = "Hello.", by: str = HOUSE, url: str = "wss://one.example/tts", **section: Any) -> str | None:
        return Shelf(str(tmp_path), Announce(service=AnnounceService(url=url), **section)).path(text, by)

    others = [path(), path("Bye."), path(by=LOCAL), path(url="wss://two.example/tts"), path(voice="sophia")]
    others += [path(speed=1.5), path(language="de"), path(by=LOCAL, local_voice="de")]
    assert len(set(others)) == len(others) and path() == path(local_voice="de")
    assert Shelf(str(tmp_path), Announce()).path("Hello.", HOUSE) is None


def test_the_house_goes_before_the_local_voice(tmp_path: Path) -> None:
    shelf = Shelf(str(tmp_path), HOSTED)
    assert shelf.find("Hello.") is None
    local = shelf.keep("Hello.", LOCAL, SOUND)
    assert shelf.find("Hello.") == local
    assert shelf.find("Hello.") != shelf.keep("Hello.", HOUSE, SOUND) == shelf.find("Hello.")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-100]),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"RIFF" + os.urandom(200)),
        lambda path: (path.unlink(), path.symlink_to("/nowhere")),
    ],
)
def test_what_is_broken_counts_as_missing_is_counted_and_goes(tmp_path: Path, spoil: Callable[[Path], object]) -> None:
    shelf = Shelf(str(tmp_path), HOSTED)
    local, house = shelf.keep("Hello.", LOCAL, SOUND), Path(shelf.keep("Hello.", HOUSE, SOUND))
    spoil(house)
    assert shelf.find("Hello.") == local and shelf.broken == 1
    assert not os.path.lexists(house)
    assert shelf.find("Hello.") == local and shelf.broken == 1


def test_what_is_too_long_for_a_cue_is_not_kept(tmp_path: Path) -> None:
    with pytest.raises(VoiceFailed, match="lasts 16 s spoken; a cue lasts 15 s at most"):
        Shelf(str(tmp_path), Announce()).keep("Hello.", LOCAL, Recording(bytes(16 * 48_000), 24_000))
    assert not (tmp_path / "cues").exists()


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    shelf = Shelf(str(tmp_path), Announce())
    path = Path(shelf.keep("Hello.", LOCAL, SOUND))
    (tmp_path / "cues" / f"{path.name}.new").mkdir()
    with pytest.raises(OSError):
        shelf.keep("Hello.", LOCAL, Recording(b"\x03\x04" * 9, 24_000))
    with wave.open(str(path)) as sound:
        assert sound.readframes(9999) == SOUND.pcm


def test_the_folder_is_bounded_and_what_is_needed_stays(tmp_path: Path) -> None:
    shelf = Shelf(str(tmp_path), HOSTED)
    assert shelf.tidy(()) == 0, "there is no folder yet"
    needed = [shelf.keep("Needed.", by, SOUND) for by in (LOCAL, HOUSE)]
    for path in needed:
        os.utime(path, (1, 1))
    for number in range(MOST_FILES + 5):
        os.utime(shelf.keep(f"Text {number}.", LOCAL, SOUND), (1000 + number, 1000 + number))
    torn, strange = Path(needed[0] + ".new"), tmp_path / "cues" / "notes.txt"
    torn.write_bytes(b"half")
    strange.write_text("mine")
    assert shelf.tidy(("Needed.",)) == 5 + 2 + 1
    left = os.listdir(tmp_path / "cues")
    assert len(left) == MOST_FILES + 1 and "notes.txt" in left and not torn.exists()
    assert all(map(os.path.exists, needed)) and shelf.find("Text 36.") and not shelf.find("Text 0.")
