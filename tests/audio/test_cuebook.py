"""Tones, silence and files for cues."""

from __future__ import annotations

import logging
import struct
import subprocess
import wave
from pathlib import Path

import pytest

from kioskd.audio.cuebook import CueBook, Sound
from kioskd.audio.cues import CUE_HZ, cue
from kioskd.core.events import Event, PartChanged
from kioskd.core.words import PartState


def write(path: Path, left: int, right: int | None = None, rate_hz: int = 22050) -> str:
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1 if right is None else 2)
        sound.setsampwidth(2)
        sound.setframerate(rate_hz)
        frame = struct.pack("<h", left) + (b"" if right is None else struct.pack("<h", right))
        sound.writeframes(frame * 100)
    return str(path)


class Told:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def post(self, event: Event) -> bool:
        self.events.append(event)
        return True


@pytest.fixture
def told() -> Told:
    return Told()


def test_a_cue_is_a_tone_unless_something_else_is_chosen(told: Told) -> None:
    book = CueBook({"done": "silent"}, told.post)
    for _ in range(2):  # before and after loading
        assert book.sound("woken") == Sound(cue("woken"), CUE_HZ)
        assert book.sound("done").pcm == b""
        book.load()
    assert told.events == [] and book.page.problem == ""


def test_a_file_is_played_as_mono_at_its_own_rate(tmp_path: Path, told: Told) -> None:
    mono, stereo = write(tmp_path / "mono.wav", 700, None, 8000), write(tmp_path / "stereo.wav", 1000, 3000)
    book = CueBook({"woken": mono, "done": stereo}, told.post)
    assert book.stale and book.sound("woken").pcm == cue("woken")
    book.load()
    assert not book.stale
    assert book.sound("woken") == Sound(struct.pack("<h", 700) * 100, 8000)
    assert book.sound("done") == Sound(struct.pack("<h", 2000) * 100, 22050)


@pytest.mark.parametrize(("voice", "sentence"), [("de", "Bitte sprechen Sie."), ("cmn", "请说话。")])
def test_a_spoken_cue_may_come_from_any_speech_program(tmp_path: Path, told: Told, voice: str, sentence: str) -> None:
    path = tmp_path / "spoken.wav"
    # Written to a pipe: its header claims to be two gigabytes long.
    path.write_bytes(subprocess.run(["espeak-ng", "-v", voice, "--stdout", sentence], capture_output=True).stdout)
    book = CueBook({"woken": str(path)}, told.post)
    book.load()
    sound = book.sound("woken")
    assert book.page.problems == {} and sound.rate_hz == 22050
    assert 0.5 < len(sound.pcm) / 2 / sound.rate_hz < 4


def test_a_file_that_cannot_be_played_gives_its_tone_and_is_told(
    tmp_path: Path, told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"MP3!")
    book = CueBook({"done": str(bad), "busy": "/nowhere/busy.wav"}, told.post)
    with caplog.at_level(logging.WARNING):
        book.load()
    assert book.sound("done") == Sound(cue("done"), CUE_HZ) and book.sound("busy") == Sound(cue("busy"), CUE_HZ)
    assert sorted(book.page.problems) == ["busy", "done"]
    (event,) = told.events
    assert isinstance(event, PartChanged) and (event.part, event.state) == ("cues", PartState.FAILED)
    assert f"the file of the cue done, {bad}, is not a WAV file; its tone is played" in event.reason
    assert "cannot be read: no such file" in event.reason and "busy" in caplog.text
    bad.unlink()
    write(bad, 5)
    book.choose({"done": str(bad)})
    book.load()
    assert book.sound("done").rate_hz == 22050 and book.page.problems == {}
    assert told.events[1:] == [PartChanged("cues", PartState.RUNNING, "")]


def test_whoever_asks_while_files_are_read_sees_all_of_the_old_and_what_is_chosen_meanwhile_comes_next(
    tmp_path: Path, told: Told
) -> None:
    seen: list[tuple[Sound, Sound, tuple[str, ...]]] = []

    def spoken(text: str) -> str | None:
        seen.append((book.sound("busy"), book.sound("done"), tuple(book.page.problems)))
        if text == "First.":
            book.choose({"offline": "say:Second.", "busy": "silent"})
        return None

    book = CueBook({"offline": "say:First.", "done": "silent", "busy": "/nowhere.wav"}, told.post, spoken)
    tone, nothing = Sound(cue("busy"), CUE_HZ), Sound(b"", CUE_HZ)
    book.load()
    assert seen == [(tone, nothing, ())], "before the first reading a silent cue is silent all the same"
    assert book.stale and book.sound("done") == nothing and list(book.page.problems) == ["busy"]
    book.load()
    assert seen[1:] == [(tone, nothing, ("busy",))], "not half of the old page and half of the new one"
    assert not book.stale and book.sound("busy") == nothing and book.sound("done").pcm == cue("done")
    assert book.page.problems == {} and [type(event) for event in told.events] == [PartChanged, PartChanged]


def test_what_is_no_cue_is_refused(told: Told) -> None:
    with pytest.raises(KeyError, match="no cue 'bell'"):
        CueBook({"bell": "tone"}, told.post)
    book = CueBook({}, told.post)
    with pytest.raises(KeyError):
        book.sound("bell")


# -- cues that are spoken ----------------------------------------------------------------------------


def test_a_text_is_its_tone_until_somebody_has_spoken_it(tmp_path: Path, told: Told) -> None:
    recordings: dict[str, str] = {}
    book = CueBook({"offline": "say:Please  ring the bell.", "busy": "silent"}, told.post, recordings.get)
    book.load()
    assert (
        book.sound("offline").pcm == cue("offline") and book.page.unspoken == ("offline",) and book.page.problem == ""
    )
    recordings["Please ring the bell."] = write(tmp_path / "spoken.wav", 500)
    book.choose({"offline": "say:Please ring the bell."})
    book.load()
    assert book.sound("offline") == Sound(struct.pack("<h", 500) * 100, 22050) and book.page.unspoken == ()
    recordings.clear()
    book.choose({"offline": "say:Another text."})
    book.load()
    assert book.sound("offline").pcm == cue("offline") and told.events == []


def test_a_recording_that_vanishes_between_two_looks_is_a_tone_and_a_sentence(tmp_path: Path, told: Told) -> None:
    book = CueBook({"offline": "say:Hello."}, told.post, lambda text: str(tmp_path / "gone.wav"))
    book.load()
    assert book.sound("offline").pcm == cue("offline") and "cannot be read" in book.page.problem


def test_without_anybody_who_speaks_a_text_is_its_tone(told: Told) -> None:
    book = CueBook({"offline": "say:Hello."}, told.post)
    book.load()
    assert book.sound("offline").pcm == cue("offline")
