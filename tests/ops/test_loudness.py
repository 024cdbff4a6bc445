"""The kept volume: there after a restart, unless the owner has changed the configured one meanwhile."""

from __future__ import annotations

import errno
import threading
from pathlib import Path

import pytest

from kioskd.ops.loudness import NAME, Loudness


def test_without_a_kept_volume_the_configured_one_counts(tmp_path: Path) -> None:
    loudness = Loudness(str(tmp_path), 0.8)
    assert loudness.volume == 0.8 and loudness.problem == ""
    assert loudness.stop() and list(tmp_path.iterdir()) == []


def test_what_is_put_is_there_after_a_restart(tmp_path: Path) -> None:
    for volume in (0.5, 0.25, 1.0):
        loudness = Loudness(str(tmp_path), 0.8)
        loudness.put(volume)
        assert loudness.volume == volume and loudness.stop()
        assert Loudness(str(tmp_path), 0.8).volume == volume


def test_an_owner_who_changes_the_configuration_is_heard(tmp_path: Path) -> None:
    loudness = Loudness(str(tmp_path), 0.8)
    loudness.put(0.3)
    assert loudness.stop()
    assert Loudness(str(tmp_path), 0.6).volume == 0.6


def test_what_is_set_after_a_change_of_the_configuration_counts_for_that_one(tmp_path: Path) -> None:
    loudness = Loudness(str(tmp_path), 0.8)
    loudness.configured = 0.6
    loudness.put(0.3)
    assert loudness.stop()
    assert Loudness(str(tmp_path), 0.6).volume == 0.3 and Loudness(str(tmp_path), 0.8).volume == 0.8


def test_an_owner_who_wants_none_kept_gets_none(tmp_path: Path) -> None:
    loudness = Loudness(str(tmp_path), 0.8, remember=False)
    loudness.put(0.3)
    assert loudness.stop() and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"volume": 0.5}',
        b'{"volume": NaN, "configured": 0.8}',
        b"x" * 5000,
        b"\xff",
        b'{"volume": true, "configured": 0.8}',
        b'{"volume": 7, "configured": 0.8}',
        b"[" * 4000,
    ],
)
def test_a_file_that_says_nothing_is_told_and_the_configured_volume_counts(tmp_path: Path, text: bytes) -> None:
    (tmp_path / NAME).write_bytes(text)
    loudness = Loudness(str(tmp_path), 0.8)
    assert loudness.volume == 0.8 and "cannot be read" in loudness.problem
    loudness.put(0.5)
    assert loudness.stop() and Loudness(str(tmp_path), 0.8).volume == 0.5


def test_a_disk_that_fails_is_told_and_tried_again(tmp_path: Path) -> None:
    failed, written = threading.Event(), threading.Event()

    def write(path: str, kept: dict[str, float]) -> None:
        if not failed.is_set():
            failed.set()
            raise OSError(errno.ENOSPC, "No space left on device")
        written.set()

    loudness = Loudness(str(tmp_path), 0.8, write=write, retry_s=0.01)
    loudness.put(0.5)
    assert written.wait(5) and loudness.stop() and loudness.problem == ""
