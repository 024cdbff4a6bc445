"""A file is the old one or the new one, and nothing else is left behind."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path
from typing import Iterator

import pytest

from kioskd.config import durable


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A disk of 16 kB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    options = f"size=16k,uid={os.geteuid()}"
    subprocess.run([*sudo, "mount", "-t", "tmpfs", "-o", options, "tmpfs", str(disk)], check=True)
    yield disk
    subprocess.run([*sudo, "umount", str(disk)], check=True)


def test_a_file_is_replaced_whole_with_its_rights(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    durable.replace(str(path), b"new", 0o640)
    assert path.read_bytes() == b"new" and stat.S_IMODE(path.stat().st_mode) == 0o640
    assert os.listdir(tmp_path) == ["file"]


def test_what_a_killed_life_left_is_written_over_and_no_link_is_followed(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("not ours")
    (tmp_path / "file.new").symlink_to(other)
    durable.replace(str(tmp_path / "file"), b"new")
    assert other.read_text() == "not ours" and (tmp_path / "file").read_bytes() == b"new"
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o600


def test_a_full_disk_leaves_the_old_one_and_takes_no_room(small: Path) -> None:
    path = small / "file"
    path.write_bytes(b"old")
    with pytest.raises(OSError, match="No space"):
        durable.replace(str(path), b"x" * 50_000)
    assert path.read_bytes() == b"old" and os.listdir(small) == ["file"]
    durable.replace(str(path), b"small enough")
    assert path.read_bytes() == b"small enough"


def test_a_move_takes_the_place_in_one_step(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("new")
    (tmp_path / "b").write_text("old")
    durable.move(str(tmp_path / "a"), str(tmp_path / "b"))
    assert os.listdir(tmp_path) == ["b"] and (tmp_path / "b").read_text() == "new"
    with pytest.raises(FileNotFoundError):
        durable.move(str(tmp_path / "a"), str(tmp_path / "b"))
