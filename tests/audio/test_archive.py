"""The folder of recordings: what is in it opens, is private, and is removed whole."""

from __future__ import annotations

import os
import resource
import tracemalloc
import wave
from pathlib import Path

import pytest

from kioskd.audio.archive import Piece, RecordError, Track, bound, earlier, free_stem, prepare
from kioskd.config.sections import Recording


def test_a_track_opens_from_its_first_moment_and_after_every_seal(tmp_path: Path) -> None:
    path = tmp_path / "a-raw.wav"
    track = Track(str(path), 0.0)
    for seconds in (0, 1, 2):
        with wave.open(str(path)) as file:
            assert file.getnframes() == seconds * 100
        track.add([Piece(bytes(200), 0.0)])
        with wave.open(str(path)) as file:
            assert file.getnframes() == seconds * 100, "what is written behind the header's word is left out"
        track.seal()
    track.close()


def test_a_long_hole_takes_neither_memory_nor_disk(tmp_path: Path) -> None:
    path = tmp_path / "a-sent.wav"
    track = Track(str(path), 0.0)
    tracemalloc.start()
    try:
        track.add([Piece(b"\1\0" * 320, 1.0), Piece(b"\2\0" * 320, 3600.0)])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    track.seal()
    track.close()
    assert peak < 1_000_000 and path.stat().st_blocks * 512 < 1_000_000
    with wave.open(str(path)) as file:
        assert file.getnframes() == 3600 * 16000
        assert file.readframes(16000)[-640:] == b"\1\0" * 320
        file.setpos(3600 * 16000 - 321)
        assert file.readframes(400) == b"\0\0" + b"\2\0" * 320


def test_what_a_full_disk_took_of_a_write_is_in_the_header(tmp_path: Path) -> None:
    path = tmp_path / "a-raw.wav"
    track = Track(str(path), 0.0)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5001, hard))
    try:
        with pytest.raises(OSError):
            track.add([Piece(b"\1\0" * 10_000, 0.0)])
        track.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    with wave.open(str(path)) as file:
        assert file.readframes(file.getnframes()) == b"\1\0" * ((5001 - 44) // 2)


def test_a_track_never_writes_over_a_file_or_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "there-raw.wav").write_text("mine")
    (tmp_path / "link-raw.wav").symlink_to(tmp_path / "elsewhere")
    for name in ("there-raw.wav", "link-raw.wav"):
        with pytest.raises(FileExistsError):
            Track(str(tmp_path / name), 0.0)
    assert not (tmp_path / "elsewhere").exists()


def test_a_name_is_used_once(tmp_path: Path) -> None:
    assert free_stem(str(tmp_path), "x") == "x"
    (tmp_path / "x-sent.wav").touch()
    (tmp_path / "x.2-raw.wav").touch()
    assert free_stem(str(tmp_path), "x") == "x.3"


def lay(folder: Path, stem: str, at: float, bytes_each: int = 1000) -> None:
    for track in ("raw", "clean", "sent"):
        path = folder / f"{stem}-{track}.wav"
        path.write_bytes(bytes(bytes_each))
        os.utime(path, (at, at))


def test_recordings_go_whole_the_oldest_first_and_only_as_many_as_must(tmp_path: Path) -> None:
    first, second, third, now = (f"20261121T{hour:02}0000Z{more}" for hour, more in enumerate(("", ".2", ".13", "")))
    for at, stem in enumerate((third, second, first, now), start=1):
        lay(tmp_path, stem, at)
    bound(Recording(dir=str(tmp_path), most_mb=0.0065), now, 3000)
    assert {path.name.partition("-")[0] for path in tmp_path.glob("*.wav")} == {first, now}
    assert [one.stem for one in earlier(str(tmp_path), now)] == [first]
    with pytest.raises(RecordError):
        bound(Recording(dir=str(tmp_path), most_mb=0.0065), now, 7000)


def test_what_somebody_else_put_there_is_never_removed(tmp_path: Path) -> None:
    lay(tmp_path, "20261121T090000Z", 1)
    others = [
        "interview-raw.wav",
        "my-take-sent.wav",
        "20261121T090000Z-raw.wav.wav",
        "20261121T090000Z-mix.wav",
        "copy of 20261121T090000Z-raw.wav",
        "20261121T090000Z.x-raw.wav",
        "20261121T0900Z-clean.wav",
        "٢٠٢٦١١٢١T090000Z-raw.wav",
        "mine.wav",
    ]
    for name in others:
        (tmp_path / name).write_bytes(bytes(9000))
        os.utime(tmp_path / name, (0, 0))
    bound(Recording(dir=str(tmp_path), most_mb=0.001), "20261121T100000Z", 500)
    assert sorted(os.listdir(tmp_path)) == sorted(others)


def test_a_folder_of_ones_own_is_made_and_one_that_is_open_is_not_taken(tmp_path: Path) -> None:
    prepare(str(tmp_path / "a" / "b"))
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700
    prepare(str(tmp_path / "a" / "b"))
    (tmp_path / "a" / "b").chmod(0o750)
    with pytest.raises(RecordError, match="chmod 700"):
        prepare(str(tmp_path / "a" / "b"))
