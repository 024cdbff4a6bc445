"""What the daemon asks of the runner, and what it makes of whatever comes back."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import Callable, Iterator

import pytest

from kioskd.actions import delegate
from kioskd.actions.delegate import Delegate, runner_socket, understood
from kioskd.actions.outcome import Outcome
from kioskd.config.action import ProgramAction
from kioskd.core.words import CallKey

KEY = CallKey("hydra", "sess_1", "call_1")
GOOD = {"ok": True, "result": '{"exit": 0}', "say": "", "reason": ""}


@contextmanager
def runner(path: Path, answer: Callable[[socket.socket, dict[str, object]], None]) -> Iterator[list[dict[str, object]]]:
    """Serves one connection; what it was asked."""
    heard: list[dict[str, object]] = []
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()

        def serve() -> None:
            with listening.accept()[0] as met:
                heard.append(json.loads(met.makefile().readline()))
                answer(met, heard[0])

        thread = threading.Thread(target=serve)
        thread.start()
        yield heard
        thread.join(10)
        assert not thread.is_alive()


def badge(path: Path, stopping: Callable[[], bool] = lambda: False) -> Delegate:
    action = ProgramAction(command=("/usr/local/bin/badge", "--", "{name}"), timeout_s=0.2)
    return Delegate("badge", action, stopping, str(path))


def test_it_asks_for_a_declared_program_and_believes_the_answer(tmp_path: Path) -> None:
    with runner(tmp_path / "s", lambda met, _: met.sendall(json.dumps(GOOD).encode() + b"\n")) as heard:
        assert badge(tmp_path / "s").run(KEY, {"name": "Anna"}) == Outcome(True, '{"exit": 0}')
    command = ["/usr/local/bin/badge", "--", "{name}"]
    assert heard == [{"tool": "badge", "command": command, "arguments": {"name": "Anna"}}]


@pytest.mark.parametrize("said", [b"", b"nonsense\n", b"[]\n", b'{"ok": 1}\n', b'{"ok": true}\n', b"x" * 70_000])
def test_an_answer_that_is_none_leaves_the_outcome_unknown(tmp_path: Path, said: bytes) -> None:
    def answer(met: socket.socket, _: dict[str, object]) -> None:
        try:
            met.sendall(said)
        except BrokenPipeError:
            pass  # it has heard enough

    with runner(tmp_path / "s", answer):
        outcome = badge(tmp_path / "s").run(KEY, {})
    assert not outcome.ok and "whether it was done is not known" in outcome.reason


def test_a_runner_that_does_not_answer_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delegate, "START_S", 0.1)

    def answer(met: socket.socket, _: dict[str, object]) -> None:
        met.recv(1)

    with runner(tmp_path / "s", answer):
        assert "did not answer in time" in badge(tmp_path / "s").run(KEY, {}).reason


def test_when_kioskd_ends_the_connection_is_closed_which_ends_the_program(tmp_path: Path) -> None:
    closed: list[bytes] = []
    with runner(tmp_path / "s", lambda met, _: closed.append(met.recv(1))):
        assert "kioskd is ending" in badge(tmp_path / "s", lambda: True).run(KEY, {}).reason
    assert closed == [b""]


def test_without_a_runner_nothing_was_run_and_the_sentence_says_what_to_start(tmp_path: Path) -> None:
    outcome = badge(tmp_path / "nobody").run(KEY, {})
    assert not outcome.ok and "systemctl start kioskd-tool.socket" in outcome.reason


def test_arguments_that_are_too_long_are_not_sent(tmp_path: Path) -> None:
    assert "too long" in badge(tmp_path / "nobody").run(KEY, {"name": "x" * 70_000}).reason


def test_where_the_runner_is_says_the_unit_and_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    unit = (Path(__file__).resolve().parents[2] / "systemd" / "kioskd.service").read_text()
    given = next(line for line in unit.splitlines() if delegate.ENVIRONMENT in line)
    socket_unit = (Path(__file__).resolve().parents[2] / "systemd" / "kioskd-tool.socket").read_text()
    path = given.rpartition("=")[2]
    assert f"ListenStream={path}\n" in socket_unit
    assert runner_socket({delegate.ENVIRONMENT: path}) == path and runner_socket({}) == ""
    assert understood(json.dumps(GOOD).encode()) == Outcome(True, '{"exit": 0}')
