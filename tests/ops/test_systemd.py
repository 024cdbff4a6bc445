"""What systemd is told, and what the log may never hold."""

from __future__ import annotations

import io
import logging
import os
import socket
from pathlib import Path
from typing import Iterator

import pytest

from kioskd.ops.systemd import SAME_LINE_A_MINUTE, Bounded, Notifier, setup_logging


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A real notify socket, as the manager's."""
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(path)
        listening.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", path)
        yield listening


@pytest.fixture(autouse=True)
def root_logger() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


def test_the_manager_hears_ready_status_watchdog_and_the_end(manager: socket.socket) -> None:
    notifier = Notifier({**os.environ, "WATCHDOG_USEC": "10000000"})
    notifier.ready("all is\nwell")
    notifier.watchdog()
    notifier.status("no microphone")
    notifier.stopping()
    said = [manager.recv(4096).decode() for _ in range(4)]
    assert said == ["READY=1\nSTATUS=all is well", "WATCHDOG=1", "STATUS=no microphone", "STOPPING=1"]


def test_nobody_listens_and_nothing_is_said() -> None:
    notifier = Notifier({})
    notifier.ready("x")
    notifier.watchdog()
    assert notifier.watchdog_period_s is None and notifier.fed == 1


@pytest.mark.parametrize(
    ("usec", "pid", "period_s"),
    [
        ("10000000", "", 5.0),
        ("500000", str(os.getpid()), 0.25),
        ("10000000", "1", None),
        ("x", "", None),
        ("0", "", None),
    ],
)
def test_the_watchdog_is_fed_at_half_its_time(usec: str, pid: str, period_s: float | None) -> None:
    assert Notifier({"WATCHDOG_USEC": usec, "WATCHDOG_PID": pid}).watchdog_period_s == period_s


def test_a_pipe_gets_priorities_on_every_line_and_no_secret() -> None:
    stream = io.StringIO()
    setup_logging("info", {}, stream, redact=lambda text: text.replace("sk_canary", "***"))
    try:
        raise ValueError("bad key sk_canary")
    except ValueError:
        logging.getLogger("kioskd.link").exception("dialling with %s", "sk_canary")
    lines = stream.getvalue().splitlines()
    assert "sk_canary" not in stream.getvalue() and "***" in stream.getvalue()
    assert len(lines) > 3 and all(line.startswith("<3>") for line in lines)


def test_frames_are_not_logged_even_at_debug() -> None:
    setup_logging("debug", {}, io.StringIO())
    assert not logging.getLogger("websockets.client").isEnabledFor(logging.DEBUG)


def test_a_sentence_that_repeats_is_bounded_and_counted() -> None:
    now = [0.0]
    bounded = Bounded(lambda: now[0])

    def record() -> logging.LogRecord:
        return logging.LogRecord("kioskd", logging.WARNING, "", 0, "the microphone is gone", None, None)

    let = sum(bool(bounded.filter(record())) for _ in range(100))
    assert let == SAME_LINE_A_MINUTE and bounded.kept_back == 80
    now[0] = 61.0
    told = record()
    assert bounded.filter(told) and "80 more like this" in told.getMessage()


def test_a_terminal_is_not_taken_for_the_journal(tmp_path: Path) -> None:
    with open(tmp_path / "log", "w") as stream:
        setup_logging("info", {"JOURNAL_STREAM": "1:2"}, stream)
        assert type(logging.getLogger().handlers[0]) is logging.StreamHandler


def test_the_journals_own_stream_gets_the_journals_handler(tmp_path: Path) -> None:
    with open(tmp_path / "log", "w") as stream:
        facts = os.fstat(stream.fileno())
        setup_logging("info", {"JOURNAL_STREAM": f"{facts.st_dev}:{facts.st_ino}"}, stream)
        assert type(logging.getLogger().handlers[0]).__name__ == "Journal"
