from __future__ import annotations

import os
from pathlib import Path

import pytest

from kioskd.config.files import NotAFile, read_at_most


def test_a_file_within_the_limit_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    data, found = read_at_most(str(tmp_path / "a"), 5)
    assert data == b"12345"
    assert found.st_size == 5


def test_a_larger_file_shows_by_one_byte_too_many(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1234567")
    assert read_at_most(str(tmp_path / "a"), 5)[0] == b"123456"


def test_what_is_no_file_is_refused_and_no_descriptor_stays_open(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    before = len(os.listdir("/proc/self/fd"))
    for path in (str(tmp_path), str(tmp_path / "fifo"), "/dev/null"):
        with pytest.raises(NotAFile):
            read_at_most(path, 5)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_fault_of_the_disk_comes_through(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_at_most(str(tmp_path / "none"), 5)
    with pytest.raises(OSError, match="Input/output error"):
        read_at_most("/proc/self/mem", 5)
    with pytest.raises(ValueError):
        read_at_most("a\0b", 5)
