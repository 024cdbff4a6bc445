"""The lamp in a terminal: the same ladder, the same rhythm, one line that never wraps."""

from __future__ import annotations

import json
import os
import pty
import select
import socket
import subprocess
import sys
import time
from typing import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kioskd.core.lamp import LADDER, glow
from kioskd.ctl_lamp import DARK, LIT, Footer, picture

CHILD = (
    "import socket, sys\n"
    "from kioskd.ctl_watch import follow\n"
    "follow(socket.socket(fileno=int(sys.argv[1])), False)\n"
)


def plain(_: str, text: str) -> str:
    return text


@pytest.mark.parametrize("rung", LADDER, ids=lambda rung: rung.name)
def test_it_blinks_as_the_lamp_does(rung) -> None:
    t = 0.0
    for _ in range(2 * len(rung.rhythm_ms) + 1):
        light = glow(rung.name, t)
        lit = max(light.red, light.green, light.blue) > 0
        assert picture(rung.name, t, plain, 200)[0] == (LIT if lit else DARK)
        t = light.next_change or t + 1


def test_it_says_what_is_shown_in_words_too() -> None:
    shown = picture("muted", 0.0, plain, 200)
    assert all(word in shown for word in ("muted", "magenta", "short gap every three seconds", "kioskctl unmute"))
    assert picture("idle", 0.0, lambda code, text: f"<{code}>{text}", 200).startswith(f"<32>{LIT}")


def test_a_terminal_without_its_signs_gets_plain_ones() -> None:
    assert (
        picture("idle", 0.0, plain, 80, plain=True)[0] == "#" and picture("idle", 1.0, plain, 80, plain=True)[0] == "."
    )


def test_a_rung_that_this_kioskctl_does_not_know_is_named() -> None:
    assert picture("dancing", 0.0, plain, 80) == "? dancing"


@settings(max_examples=100, deadline=None)
@given(st.sampled_from([rung.name for rung in LADDER]), st.floats(min_value=0, max_value=1e6), st.integers(1, 300))
def test_it_never_wraps(name: str, t: float, columns: int) -> None:
    assert len(picture(name, t, plain, columns)) <= max(1, columns - 1)


def test_a_footer_follows_the_notes_and_knows_when_it_looks_different(capsys: pytest.CaptureFixture[str]) -> None:
    now = [0.0]
    footer = Footer("", plain, lambda: now[0])
    assert footer.draw() is None and capsys.readouterr().out == ""
    footer.heard({"kind": "lamp", "text": "confirm"})
    footer.heard({"kind": "tool", "text": "idle"})
    assert footer.draw() == 0.5 and "confirm" in capsys.readouterr().out
    now[0] = 0.6
    assert footer.draw() == pytest.approx(0.4) and DARK in capsys.readouterr().out
    footer.clear()
    footer.clear()
    assert capsys.readouterr().out == "\r\033[J"
    footer.heard({"kind": "lamp", "text": "\033[2J"})
    footer.draw()
    assert "2J" not in capsys.readouterr().out, "a note does not steer the terminal"


def seen(leader: int, until: Callable[[bytes], bool]) -> bytes:
    """What a terminal shows, until that is true."""
    shown, ends = b"", time.monotonic() + 20
    while not until(shown):
        assert select.select([leader], [], [], max(0.0, ends - time.monotonic()))[0], shown
        shown += os.read(leader, 4096)
    return shown


def test_a_watch_on_a_terminal_has_the_lamp_below_the_notes() -> None:
    leader, follower = pty.openpty()
    ours, theirs = socket.socketpair()
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(ours.fileno())],
        pass_fds=[ours.fileno()],
        stdout=follower,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "TERM": "xterm", "PYTHONIOENCODING": "utf-8"},
    )
    try:
        seen(leader, lambda shown: b"no answer" in shown)
        note = {"wall": "2025-01-02T10:00:00+00:00", "kind": "lamp", "text": "speaking"}
        theirs.sendall(json.dumps(note).encode() + b"\n")
        shown = seen(leader, lambda shown: b"speaking (green" in shown)
        assert b"\033[J" in shown and shown.index(b"lamp") < shown.index(b"speaking (green")
        theirs.close()
        assert child.wait(20) == 0
    finally:
        child.kill()
        for end in (ours, theirs):
            end.close()
        os.close(leader)
        os.close(follower)
