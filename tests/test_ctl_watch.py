"""Lines on a terminal: readable, in local time, and never commands to the terminal."""

from __future__ import annotations

import json
import os
import pty
import socket
import subprocess
import sys
import threading
import time
from typing import Iterator

import pytest

from kioskd.ctl_watch import Rows, clean, follow

CHILD = (
    "import socket, sys\n"
    "from kioskd.ctl_watch import follow\n"
    "print('END', follow(socket.socket(fileno=int(sys.argv[1])), False), file=sys.stderr)\n"
)


def plain(_: str, text: str) -> str:
    return text


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A time zone without surprises in winter."""
    monkeypatch.setenv("TZ", "CET-1")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def note(text: str, wall: str = "2025-01-02T10:00:00.250+00:00", kind: str = "relay") -> dict[str, object]:
    return {"t": 1.5, "wall": wall, "kind": kind, "text": text}


def said(*rows: object) -> socket.socket:
    """The far end of a daemon that says these lines and goes."""
    ours, theirs = socket.socketpair()
    with theirs:
        theirs.sendall(b"".join(row if isinstance(row, bytes) else json.dumps(row).encode() + b"\n" for row in rows))
    return ours


def test_a_note_is_local_time_kind_and_text(berlin: None) -> None:
    rows = Rows(plain)
    assert rows.lines(note("door on")) == ["-- 2025-01-02", "11:00:00.250  relay     door on"]
    assert rows.lines(note("door off")) == ["11:00:00.250  relay     door off"]


def test_a_new_day_gets_a_line_of_its_own(berlin: None) -> None:
    rows = Rows(plain)
    rows.lines(note("x"))
    assert rows.lines(note("y", wall="2025-01-02T23:30:00+00:00"))[0] == "-- 2025-01-03"


@pytest.mark.parametrize("wall", [None, "yesterday", 3, {}])
def test_a_note_without_a_time_is_shown_all_the_same(wall: object) -> None:
    assert Rows(plain).lines({"wall": wall, "kind": "gate", "text": "open"})[-1].split() == ["gate", "open"]


def test_colour_goes_by_kind() -> None:
    painted = Rows(lambda code, text: f"<{code}>{text}")
    assert "<1;31>error " in painted.lines(note("x", kind="error"))[-1]
    assert "<0>novel " in painted.lines(note("x", kind="novel"))[-1]


def test_nothing_in_a_note_steers_the_terminal() -> None:
    evil = "\x1b[2J\x07\x9b31m\u202egnp\r\n"
    assert all(line.isprintable() for line in Rows(plain).lines(note(evil, kind=evil)))
    assert clean("Grüße 你好") == "Grüße 你好"


def test_raw_lines_pass_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [note("one"), note("two")]
    ended = follow(said(*rows), raw=True)
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == rows
    assert "kioskd has ended" in ended


def test_a_refusal_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert follow(said({"ok": False, "error": "32 others are connected"}), raw=True) == "32 others are connected"
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("line", [b"hello\n", b"[]\n", b"\xff\n"])
def test_a_daemon_that_speaks_something_else_is_no_traceback(line: bytes) -> None:
    assert "different versions" in follow(said(line), raw=False)


def test_a_reader_that_has_seen_enough_ends_it_quietly() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(ours.fileno())],
            pass_fds=[ours.fileno()],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert child.stdout is not None and child.stderr is not None
        theirs.sendall(json.dumps(note("one")).encode() + b"\n")
        assert child.stdout.readline()  # each line comes at once, though it is a pipe
        child.stdout.close()
        theirs.sendall(json.dumps(note("two")).encode() + b"\n")
        assert child.wait(10) == 0 and child.stderr.read().strip() == "END"
        child.stderr.close()


@pytest.mark.parametrize(("env", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_colours_are_for_terminals_that_want_them(env: dict[str, str], coloured: bool) -> None:
    leader, follower = pty.openpty()
    far = said(note("door on"))
    try:
        subprocess.run(
            [sys.executable, "-c", CHILD, str(far.fileno())],
            pass_fds=[far.fileno()],
            stdout=follower,
            stderr=subprocess.DEVNULL,
            env={**{name: value for name, value in os.environ.items() if name != "NO_COLOR"}, "TERM": "xterm", **env},
            check=True,
            timeout=20,
        )
        assert (b"\033[1;32mrelay" in os.read(leader, 4096)) is coloured
    finally:
        far.close()
        os.close(leader)
        os.close(follower)


def test_a_broken_connection_is_a_sentence() -> None:
    ours, theirs = socket.socketpair()
    ours.sendall(b"unread")  # closing a socket with unread bytes resets it, unix(7)
    threading.Timer(0.01, theirs.close).start()
    assert "broke" in follow(ours, raw=True)
