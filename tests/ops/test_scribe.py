"""The newest word is on the disk in the end, and nobody waits for it."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Callable

import pytest

from kioskd.ops.scribe import Scribe, replace


def write(path: str, word: str) -> None:
    replace(path, [word])


def trouble(word: str, why: str) -> str:
    return f"{word} cannot be kept ({why})"


def scribe(path: Path, writes: Callable[[str, str], None] = write, retry_s: float = 0.02) -> Scribe[str]:
    return Scribe(str(path), "kioskd-test", writes, trouble, retry_s)


def full(path: str, word: str) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_without_a_word_there_is_neither_a_thread_nor_a_file(tmp_path: Path) -> None:
    one = scribe(tmp_path / "f")
    assert one.stop() and list(tmp_path.iterdir()) == []


def test_the_last_word_of_many_holds(tmp_path: Path) -> None:
    one = scribe(tmp_path / "f")
    for number in range(200):
        one.put(str(number))
    assert one.stop() and (tmp_path / "f").read_text() == "199\n"
    assert 1 <= one.written <= 200 and one.snapshot()["problem"] == ""


def test_who_puts_does_not_wait_for_the_disk(tmp_path: Path) -> None:
    began, go_on = threading.Event(), threading.Event()

    def slow(path: str, word: str) -> None:
        began.set()
        go_on.wait(10)
        write(path, word)

    one = scribe(tmp_path / "f", slow)
    one.put("a")
    assert began.wait(5)
    before = time.monotonic()
    one.put("b")
    assert time.monotonic() - before < 1 and not (tmp_path / "f").exists()
    assert not one.stop(0.01), "it is still at it"
    go_on.set()
    assert one.stop(5)


def test_a_full_disk_is_told_once_and_asked_again_until_it_takes_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    tries = threading.Semaphore(0)
    room = threading.Event()

    def narrow(path: str, word: str) -> None:
        tries.release()
        (write if room.is_set() else full)(path, word)

    one = scribe(tmp_path / "f", narrow)
    one.put("a")
    for _ in range(3):
        assert tries.acquire(timeout=5)
    assert "No space left" in one.problem and one.failed >= 2
    room.set()
    while one.problem:
        time.sleep(0.001)
    assert one.stop() and (tmp_path / "f").read_text() == "a\n"
    assert [record.levelname for record in caplog.records] == ["ERROR", "INFO"]


def test_something_newer_is_tried_at_once(tmp_path: Path) -> None:
    failed = threading.Event()

    def once(path: str, word: str) -> None:
        if word == "a":
            failed.set()
            full(path, word)
        write(path, word)

    one = scribe(tmp_path / "f", once, retry_s=60)
    one.put("a")
    assert failed.wait(5)
    one.put("b")
    assert one.stop(5) and (tmp_path / "f").read_text() == "b\n"


def test_a_stop_with_a_full_disk_ends_all_the_same(tmp_path: Path) -> None:
    one = scribe(tmp_path / "f", full, retry_s=60)
    one.put("a")
    assert one.stop(5) and one.failed >= 1


def test_a_process_killed_before_the_rename_leaves_the_old_file_whole(tmp_path: Path) -> None:
    write(str(tmp_path / "f"), "old")
    code = (
        "import os, signal, sys; from kioskd.ops import scribe;"
        "os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL);"
        "scribe.replace(sys.argv[1], ['new'])"
    )
    ended = subprocess.run([sys.executable, "-c", code, str(tmp_path / "f")])
    assert ended.returncode == -signal.SIGKILL
    assert (tmp_path / "f").read_text() == "old\n" and (tmp_path / "f.new").exists()


def test_the_mode_is_the_one_that_was_asked_for(tmp_path: Path) -> None:
    replace(str(tmp_path / "f"), ["a"], 0o640)
    assert (tmp_path / "f").stat().st_mode & 0o777 == 0o640
    replace(str(tmp_path / "f"), ["a"])
    assert (tmp_path / "f").stat().st_mode & 0o777 == 0o600
