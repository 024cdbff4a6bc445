"""Recordings for support: three files side by side, private, bounded, readable after a crash."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
import time
import wave
from pathlib import Path
from typing import Callable, Iterator

import pytest

from kioskd.audio import recorder as module
from kioskd.audio.archive import Piece, RecordError, Track
from kioskd.audio.recorder import MOST_WAITING, Recorder
from kioskd.audio.stages import CLEAN, RAW, Hook, Stages
from kioskd.config.sections import Recording
from kioskd.core.events import Event, PartChanged
from kioskd.core.words import PartState
from kioskd.lanes import CHUNK_BYTES, SILENT_CHUNK, UPLINK_HZ, Chunk

ROOT = Path(__file__).resolve().parents[2]


class Mouth(Stages):
    """A capture that says what the test says."""

    def add_tap(self, stage: str, hook: Hook) -> None:
        self.add(stage, hook)

    def remove_tap(self, stage: str, hook: Hook) -> None:
        self.remove(stage, hook)

    def say(self, stage: str, mark: int, at: float) -> None:
        self.show(stage, Chunk(bytes([mark, 0]) * (CHUNK_BYTES // 2), at))


class Desk:
    """A recorder, its clock, and what it told."""

    def __init__(self, folder: Path, **settings: float) -> None:
        self.folder = folder
        self.now = 100.0
        self.mouth = Mouth()
        self.told: list[Event] = []
        self.news = threading.Event()
        given = Recording(dir=str(folder), **settings)
        self.recorder = Recorder(given, self.mouth, self.post, lambda: self.now)

    def post(self, event: Event) -> bool:
        self.told.append(event)
        self.news.set()
        return True

    def chunks(self, stage: str, count: int, mark: int) -> None:
        for at in range(count):
            self.mouth.say(stage, mark, self.now + 0.02 * (at + 1))

    def until(self, holds: Callable[[], object]) -> None:
        end = time.monotonic() + 5
        while not holds():
            assert time.monotonic() < end, self.recorder.snapshot()
            time.sleep(0.005)

    def take(self, seconds: float = 0.2) -> None:
        """One whole recording."""
        self.recorder.record(True)
        self.chunks(RAW, round(seconds * 50), 7)
        assert self.recorder.stop(5)

    def files(self, track: str) -> list[Path]:
        return sorted(self.folder.glob(f"*-{track}.wav"))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(module, "FLUSH_S", 0.02)
    yield


def samples(path: Path) -> bytes:
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, UPLINK_HZ)
        return file.readframes(file.getnframes())


def test_three_files_hold_what_was_heard_cleaned_and_sent(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "recordings")
    desk.recorder.record(True)
    desk.chunks(RAW, 10, 1)
    desk.chunks(CLEAN, 10, 2)
    desk.now += 0.02
    desk.recorder.sent(b"\3\0" * (CHUNK_BYTES // 2))
    desk.recorder.sent(SILENT_CHUNK)
    assert desk.recorder.stop(5) and desk.told == []
    for track, wanted in (("raw", b"\1\0" * 3200), ("clean", b"\2\0" * 3200), ("sent", b"\3\0" * 320 + SILENT_CHUNK)):
        (path,) = desk.files(track)
        assert samples(path) == wanted, track
        assert path.stat().st_mode & 0o777 == 0o600
    assert desk.folder.stat().st_mode & 0o777 == 0o700
    shown = desk.recorder.snapshot()
    assert shown["made"] == 1 and not shown["running"] and shown["dropped"] == 0 and len(shown["files"]) == 3


def test_nothing_is_kept_outside_a_recording(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "recordings")
    desk.chunks(RAW, 5, 1)
    desk.recorder.sent(SILENT_CHUNK)
    assert not desk.folder.exists()
    desk.take()
    desk.chunks(RAW, 5, 1)
    desk.recorder.sent(SILENT_CHUNK)
    assert len(samples(desk.files("raw")[0])) == 10 * CHUNK_BYTES and samples(desk.files("sent")[0]) == b""


def test_a_hole_is_silence_so_that_the_three_stay_side_by_side(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "recordings")
    desk.recorder.record(True)
    desk.now += 2.0
    desk.recorder.sent(b"\3\0" * (CHUNK_BYTES // 2))
    desk.now += 0.25  # a lump, not a hole
    desk.recorder.sent(b"\4\0" * (CHUNK_BYTES // 2))
    assert desk.recorder.stop(5)
    got = samples(desk.files("sent")[0])
    assert got == bytes(2 * UPLINK_HZ * 2 - CHUNK_BYTES) + b"\3\0" * 320 + b"\4\0" * 320


def test_two_recordings_of_one_second_do_not_meet(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "recordings")
    desk.take()
    desk.take()
    assert len(desk.files("raw")) == 2 and desk.recorder.snapshot()["made"] == 2


def test_the_oldest_go_when_it_is_too_much_and_other_files_stay(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "recordings", most_mb=0.05)
    desk.take()
    (desk.folder / "notes.txt").write_text("mine")
    old = list(desk.folder.glob("*.wav"))
    for path in old:
        os.utime(path, (1, 1))
    for _ in range(8):
        desk.take()
    assert not any(path.exists() and path.stat().st_mtime == 1 for path in old) and (desk.folder / "notes.txt").exists()
    assert sum(path.stat().st_size for path in desk.folder.glob("*.wav")) <= 50_000
    assert desk.recorder.failed == 0


def test_one_that_is_too_large_alone_ends_and_says_so(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "recordings", most_mb=0.01)
    desk.recorder.record(True)
    desk.chunks(RAW, 20, 1)
    desk.until(lambda: desk.told)
    assert isinstance(desk.told[0], PartChanged) and "audio.record.most_mb" in desk.told[0].reason


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO, errno.EROFS])
def test_a_disk_that_takes_no_more_ends_it_with_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    desk = Desk(tmp_path / "recordings")
    desk.recorder.record(True)
    desk.until(lambda: len(desk.recorder.snapshot()["files"]) == 3)

    def full(self: Track, pieces: object) -> None:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(Track, "add", full)
    desk.chunks(RAW, 3, 1)
    desk.until(lambda: desk.told)
    (fact,) = desk.told
    assert isinstance(fact, PartChanged) and fact.part == "recorder" and fact.state is PartState.FAILED
    assert os.strerror(error) in fact.reason
    desk.recorder.record(False)  # as the machine answers
    assert desk.told[-1] == PartChanged("recorder", PartState.ASLEEP, ""), "the kiosk itself is well"
    assert desk.recorder.failed == 1 and os.strerror(error) in str(desk.recorder.snapshot()["problem"])
    assert desk.recorder.stop(5)


def test_a_disk_that_fails_when_the_recording_has_ended_leaves_the_part_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FLUSH_S", 5.0)
    desk = Desk(tmp_path / "recordings")
    desk.recorder.record(True)
    desk.until(lambda: len(desk.recorder.snapshot()["files"]) == 3)

    def full(self: Track, pieces: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Track, "add", full)
    desk.chunks(RAW, 3, 1)
    assert desk.recorder.stop(5)
    states = [fact.state for fact in desk.told if isinstance(fact, PartChanged)]
    assert states == [PartState.FAILED, PartState.ASLEEP], "nobody would ever call it well again"
    assert desk.recorder.failed == 1 and "No space" in desk.recorder.problem


def test_a_folder_that_others_may_look_into_is_refused(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(0o755)
    desk = Desk(tmp_path / "shared")
    desk.recorder.record(True)
    desk.until(lambda: desk.told)
    assert isinstance(desk.told[0], PartChanged) and "chmod 700" in desk.told[0].reason
    assert list((tmp_path / "shared").iterdir()) == []


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    desk = Desk(tmp_path / "file" / "recordings")
    desk.recorder.record(True)
    desk.until(lambda: desk.told)
    assert isinstance(desk.told[0], PartChanged) and "Not a directory" in desk.told[0].reason


def test_a_slow_disk_costs_the_recording_not_the_audio_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(tmp_path / "recordings")
    held = threading.Event()
    real = Track.add
    entered = threading.Event()

    def slow(self: Track, pieces: list[Piece]) -> None:
        entered.set()
        held.wait(10)
        real(self, pieces)

    monkeypatch.setattr(Track, "add", slow)
    desk.recorder.record(True)
    desk.chunks(RAW, 1, 1)
    assert entered.wait(5)
    began = time.monotonic()
    desk.chunks(RAW, MOST_WAITING + 50, 1)
    assert time.monotonic() - began < 1.0
    assert desk.recorder.dropped == 50
    assert desk.recorder.stop(0.01) is False
    desk.recorder.record(True)
    assert "still works" in desk.recorder.problem, "one at a time"
    assert desk.told[-1] == PartChanged("recorder", PartState.ASLEEP, ""), "and not a fault for ever"
    held.set()
    assert desk.recorder.stop(5)


def test_a_process_that_is_killed_leaves_files_that_open(tmp_path: Path) -> None:
    code = """
import sys, time
from kioskd.audio import recorder
from kioskd.config.sections import Recording
from kioskd.lanes import Chunk
recorder.FLUSH_S = 0.02
class Mouth:
    hooks = {}
    def add_tap(self, stage, hook): self.hooks[stage] = hook
mouth = Mouth()
it = recorder.Recorder(Recording(dir=sys.argv[1]), mouth, print)
it.record(True)
while True:
    for hook in mouth.hooks.values():
        hook(Chunk(bytes([9, 0]) * 320, time.monotonic()))
    it.sent(bytes([9, 0]) * 320)
    if sum(row["bytes"] for row in it.snapshot()["files"]) > 3 * 5000:
        print("now", flush=True)
    time.sleep(0.02)
"""
    folder = tmp_path / "recordings"
    child = subprocess.Popen([sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE, cwd=ROOT)
    assert child.stdout is not None and child.stdout.readline()
    child.send_signal(signal.SIGKILL)
    child.wait(5)
    child.stdout.close()
    for track in ("raw", "clean", "sent"):
        (path,) = folder.glob(f"*-{track}.wav")
        assert samples(path).count(b"\x09") > 1000, track


def test_a_kiosk_without_the_section_has_nothing_to_record_with(tmp_path: Path) -> None:
    recorder = Recorder(None, Mouth(), lambda event: True)
    recorder.record(False)
    recorder.sent(SILENT_CHUNK)
    assert recorder.stop() and recorder.snapshot()["allowed"] is False
    with pytest.raises(RecordError):
        recorder.record(True)
