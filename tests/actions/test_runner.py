"""The runner of programs: what it believes, and what it does not. Real processes over a real socket."""

from __future__ import annotations

import json
import os
import pwd
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from kioskd.actions import runner
from kioskd.actions.delegate import understood
from kioskd.actions.outcome import Outcome
from kioskd.actions.runner import Unheard, declared, gone, serve, trusted
from kioskd.config.staging import TRIAL

ECHO = ["/bin/echo", "--", "{name}"]
TOOL = """
  - name: %s
    description: Print a badge.
    phrases: [print my badge]
    class: actuate
    parameters: {type: object, properties: {name: {type: string, maxLength: 40}}, required: [name]}
    action:
      program: {command: %s, timeout_s: 5%s}
    policy: {allow: true}
"""


def written(folder: Path, command: list[str] = ECHO, more: str = "", name: str = "badge") -> str:
    path = folder / "kioskd.yaml"
    path.write_text("talk: {mode: open}\ntools:" + TOOL % (name, json.dumps(command), more))
    path.chmod(0o640)
    return str(path)


def request(command: object = ECHO, tool: object = "badge", **arguments: object) -> bytes:
    return json.dumps({"tool": tool, "command": command, "arguments": arguments}).encode() + b"\n"


def answered(path: str, line: bytes) -> Outcome:
    """What one connection gets, as whoever we are."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(line)
        if line and not line.endswith(b"\n"):
            ours.shutdown(socket.SHUT_WR)
        return serve(theirs, path, user=None, owner=os.geteuid())


def test_a_declared_program_is_run_with_the_arguments_of_the_call(tmp_path: Path) -> None:
    outcome = answered(written(tmp_path), request(name="Anna; id"))
    assert outcome.ok and json.loads(outcome.result) == {"exit": 0, "output": "-- Anna; id"}


@pytest.mark.parametrize(
    ("command", "tool"),
    [(["/bin/id"], "badge"), (ECHO, "other"), ([*ECHO, "more"], "badge"), ("/bin/id", "badge"), (None, None)],
)
def test_what_the_configuration_does_not_declare_is_not_run(tmp_path: Path, command: object, tool: object) -> None:
    assert (
        "declares no tool of that name with this program"
        in answered(written(tmp_path), request(command, tool, name="x")).reason
    )


def test_what_is_on_trial_beside_the_file_is_declared_too(tmp_path: Path) -> None:
    path = written(tmp_path, ["/bin/true"])
    os.rename(path, path + TRIAL)
    written(tmp_path)
    assert declared(path, "badge", ["/bin/true"], os.geteuid()).command == ("/bin/true",)


def test_a_configuration_with_a_mistake_runs_nothing(tmp_path: Path) -> None:
    path = written(tmp_path)
    with open(path, "a") as file:
        file.write("nonsense: 1\n")
    assert "until it is mended no program is run" in answered(path, request(name="x")).reason


def test_a_configuration_of_somebody_else_s_is_not_believed(tmp_path: Path) -> None:
    path = written(tmp_path)
    with pytest.raises(Unheard, match="belongs to another user"):
        declared(path, "badge", ECHO, os.geteuid() + 1)
    os.chmod(path, 0o666)
    with pytest.raises(Unheard, match="written by everybody"):
        declared(path, "badge", ECHO, os.geteuid())


def test_a_program_that_others_may_change_or_replace_is_not_run(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    program = tmp_path / "badge"
    program.write_text("#!/bin/sh\necho done\n")
    program.chmod(0o755)
    path = written(tmp_path, [str(program)])
    assert answered(path, request([str(program)], name="x")).ok
    program.chmod(0o775)
    assert f"chmod go-w {program}" in answered(path, request([str(program)], name="x")).reason
    program.chmod(0o755)
    link = tmp_path / "link"
    link.symlink_to(program)
    trusted(str(link), os.geteuid())
    tmp_path.chmod(0o777)
    with pytest.raises(Unheard, match=f"chmod go-w {tmp_path}"):
        trusted(str(link), os.geteuid())
    with pytest.raises(Unheard, match="No such file"):
        trusted("/nowhere/badge")


@pytest.mark.parametrize("leads", ["{here}/loose/badge", "loose/badge", "fine/../loose/badge"])
def test_a_link_that_somebody_may_turn_is_not_followed(tmp_path: Path, leads: str) -> None:
    """What it leads to is root's now; who may write where it lies turns it between the look and the start."""
    for name, mode in (("loose", 0o777), ("fine", 0o755)):
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(mode)
    (tmp_path / "loose" / "badge").symlink_to("/bin/echo")
    command = tmp_path / "fine" / "badge"
    command.symlink_to(os.path.join("..", leads.format(here=tmp_path)))
    said = answered(written(tmp_path, [str(command)]), request([str(command)], name="x")).reason
    assert f"chmod go-w {tmp_path}/loose" in said
    (tmp_path / "loose").chmod(0o755)
    assert answered(written(tmp_path, [str(command)]), request([str(command)], name="x")).ok


def test_a_link_to_itself_is_no_program(tmp_path: Path) -> None:
    (tmp_path / "badge").symlink_to("badge")
    with pytest.raises(Unheard, match="Too many levels"):
        trusted(str(tmp_path / "badge"), os.geteuid())


def test_a_configuration_that_a_group_may_write_says_nothing(tmp_path: Path) -> None:
    """The group of those who may look would say what is run, and as whom."""
    path = written(tmp_path)
    os.chmod(path, 0o660)
    assert f"chmod go-w {path}" in answered(path, request(name="x")).reason
    os.chmod(path, 0o640)
    tmp_path.chmod(0o770)
    assert f"chmod go-w {tmp_path}" in answered(path, request(name="x")).reason


def test_nothing_is_run_as_root_by_whatever_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "a user of its own" in answered(written(tmp_path, more=", user: root"), request(name="x")).reason
    monkeypatch.setattr(pwd, "getpwnam", lambda name: pwd.getpwuid(0))
    assert "not run as root" in answered(written(tmp_path, more=", user: toor"), request(name="x")).reason


@pytest.mark.parametrize("line", [b"\n", b"[]\n", b'{"tool": "x"}\n', b"[" * 60_000 + b"\n", b"x" * 70_000])
def test_what_is_no_request_runs_nothing(tmp_path: Path, line: bytes) -> None:
    assert "this is no request" in answered(written(tmp_path), line).reason


def test_somebody_who_says_nothing_is_sent_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "SPEAK_S", 0.05)
    assert "nothing was asked" in answered(written(tmp_path), b"").reason


def test_a_program_ends_with_the_connection(tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    sleep = ["/bin/sh", "-c", f"touch {begun}; sleep 60"]
    path = written(tmp_path, sleep)
    ours, theirs = socket.socketpair()
    found: list[Outcome] = []
    with theirs:
        thread = threading.Thread(target=lambda: found.append(serve(theirs, path, None, os.geteuid())))
        with ours:
            ours.sendall(request(sleep, name="x"))
            thread.start()
            until = time.monotonic() + 20
            while not begun.exists() and time.monotonic() < until:
                time.sleep(0.01)
        thread.join(20)
    assert "it was killed" in found[0].reason


def test_what_nobody_waits_for_any_more_is_not_begun(tmp_path: Path) -> None:
    """kioskd was stopped, or had given up, while Python and the configuration were loaded here."""
    made = tmp_path / "made"
    path = written(tmp_path, ["/bin/touch", str(made)])
    ours, theirs = socket.socketpair()
    ours.sendall(request(["/bin/touch", str(made)], name="x"))
    ours.close()
    with theirs:
        outcome = serve(theirs, path, user=None, owner=os.geteuid())
    assert "was not run" in outcome.reason and not made.exists()


def test_whether_the_other_end_is_there_is_known_without_waiting() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        theirs.settimeout(60)
        look = gone(theirs)
        assert not look()
        ours.close()
        assert look()


def test_as_systemd_starts_it_the_connection_is_its_standard_input(tmp_path: Path) -> None:
    path = written(tmp_path)
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            process = subprocess.Popen([sys.executable, "-m", "kioskd.actions.runner", path], stdin=theirs.fileno())
        ours.sendall(request(["/bin/id"], name="x"))
        outcome = understood(ours.makefile("rb").readline())
        assert process.wait(20) == 0
    assert outcome is not None and not outcome.ok and outcome.reason.startswith("badge was not run")
