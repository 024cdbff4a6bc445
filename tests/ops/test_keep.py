"""The kept mute: written before it is forgotten, read before anything listens, private when in doubt."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from kioskd.ops.keep import NAME, Keep, read, replace


def kept(folder: Path) -> bool:
    """What a kiosk that starts now would find."""
    fresh = Keep(str(folder))
    assert fresh.problem == ""
    return fresh.muted


def test_a_kiosk_that_was_never_muted_is_not(tmp_path: Path) -> None:
    assert kept(tmp_path) is False
    assert kept(tmp_path / "not made yet") is False


def test_what_is_put_is_there_after_a_restart(tmp_path: Path) -> None:
    for muted in (True, False, True):
        keep = Keep(str(tmp_path))
        keep.put(muted)
        assert keep.stop() and kept(tmp_path) is muted
    assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [NAME], "nothing is left beside it"


def test_the_last_word_of_many_holds(tmp_path: Path) -> None:
    keep = Keep(str(tmp_path))
    for at in range(101):
        keep.put(at % 2 == 0)
    assert keep.stop() and kept(tmp_path) is True


def test_without_a_word_there_is_no_thread(tmp_path: Path) -> None:
    keep = Keep(str(tmp_path))
    assert keep.stop() and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"{}", b"[]", b"null", b'{"muted": 1}', b'{"muted": "no"}', b"\xff\xfe", b"[" * 4000, b"x" * 5000],
)
def test_a_file_that_says_nothing_counts_as_muted_and_tells_the_way_out(tmp_path: Path, text: bytes) -> None:
    (tmp_path / NAME).write_bytes(text)
    keep = Keep(str(tmp_path))
    assert keep.muted and "kioskctl unmute" in keep.problem
    keep.put(False)
    assert keep.stop() and keep.problem == "" and kept(tmp_path) is False


def test_a_file_that_cannot_be_read_counts_as_muted(tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir()  # root may read anything, so a mode would prove nothing
    muted, problem = read(str(tmp_path / NAME))
    assert muted and "directory" in problem


def test_a_process_killed_before_the_rename_leaves_the_old_word_whole(tmp_path: Path) -> None:
    replace(str(tmp_path / NAME), True)
    code = (
        "import os, signal, sys; from kioskd.ops import keep;"
        "os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL);"
        "keep.replace(sys.argv[1], False)"
    )
    ended = subprocess.run([sys.executable, "-c", code, str(tmp_path / NAME)])
    assert ended.returncode == -signal.SIGKILL
    assert (tmp_path / f"{NAME}.new").exists(), "it had come as far as that"
    assert kept(tmp_path) is True
    keep = Keep(str(tmp_path))
    keep.put(False)
    assert keep.stop() and kept(tmp_path) is False, "what was left does not stand in the way"


def test_a_disk_that_takes_nothing_is_told_and_asked_again(tmp_path: Path) -> None:
    asked, full, written = threading.Event(), threading.Event(), threading.Event()
    full.set()

    def write(path: str, muted: bool) -> None:
        asked.set()
        if full.is_set():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        replace(path, muted)
        written.set()

    keep = Keep(str(tmp_path), retry_s=0.02, write=write)
    keep.put(True)
    assert asked.wait(5)
    while not keep.problem:
        time.sleep(0.001)  # it is said just behind the call that failed
    assert "No space left" in keep.problem and "ops.state_dir" in keep.problem
    full.clear()
    assert written.wait(5)
    assert keep.stop() and keep.problem == "" and keep.failed >= 1 and kept(tmp_path) is True


def test_the_snapshot_tells_where_and_how_often(tmp_path: Path) -> None:
    keep = Keep(str(tmp_path))
    keep.put(True)
    keep.stop()
    assert keep.snapshot() == {"path": str(tmp_path / NAME), "problem": "", "written": 1, "failed": 0}
