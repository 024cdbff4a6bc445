"""Switching off: once, by an argument vector, and at the latest when the time is over."""

from __future__ import annotations

import sys
import threading
from typing import Sequence

import pytest

from kioskd.power import off
from kioskd.power.off import COMMAND, SwitchOff, run


class Machine:
    """Runs nothing, and remembers what it should have run."""

    def __init__(self, answer: str = "") -> None:
        self.answer = answer
        self.ran: list[tuple[str, ...]] = []
        self.done = threading.Event()

    def __call__(self, command: Sequence[str]) -> str:
        self.ran.append(tuple(command))
        self.done.set()
        return self.answer


def test_it_is_done_once_however_often_it_is_asked_for() -> None:
    machine = Machine()
    switch = SwitchOff(machine)
    switch.at_the_latest(30.0)
    assert switch.now() == "" and switch.now() == ""
    assert machine.ran == [COMMAND] and switch.tried == 1
    assert isinstance(COMMAND, tuple) and "poweroff" in COMMAND


def test_what_hangs_does_not_keep_the_machine_on() -> None:
    machine = Machine()
    SwitchOff(machine).at_the_latest(0.01)
    assert machine.done.wait(10) and machine.ran == [COMMAND]


def test_a_refusal_is_a_sentence() -> None:
    switch = SwitchOff(Machine("systemctl refused (Access denied)"))
    assert switch.now() == switch.problem == "systemctl refused (Access denied)"


def test_a_program_that_is_missing_refuses_or_hangs_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(("/nonexistent/systemctl", "poweroff")) == "/nonexistent/systemctl is not installed"
    assert run((sys.executable, "-c", "")) == ""
    assert "refused (Access denied)" in run((sys.executable, "-c", "print('Access\\ndenied'); raise SystemExit(1)"))
    assert "exit status 3" in run((sys.executable, "-c", "raise SystemExit(3)"))
    monkeypatch.setattr(off, "LONGEST_S", 0.05)
    assert "did not answer" in run((sys.executable, "-c", "input() if False else __import__('time').sleep(9)"))
    assert "cannot be run" in run(("/", "poweroff"))


def test_an_answer_that_the_power_off_itself_cut_off_is_no_refusal(caplog: pytest.LogCaptureFixture) -> None:
    """As systemctl of Debian 13 said it, on a machine that was off a moment later."""
    said = (
        "Call to PowerOff failed: Connection reset by peer\nFailed to start poweroff.target: Transport endpoint is not"
    )
    assert run((sys.executable, "-c", f"print({said!r}); raise SystemExit(1)")) == ""
    assert "the machine goes off (Call to PowerOff failed" in caplog.text
    assert "refused" in run(
        (sys.executable, "-c", "print('Failed to connect to bus: No such file'); raise SystemExit(1)")
    )


def test_the_program_speaks_english_whatever_the_owner_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    assert run((sys.executable, "-c", "import os; raise SystemExit(os.environ['LC_ALL'] != 'C')")) == ""


def test_a_machine_without_the_program_says_so_beforehand() -> None:
    assert SwitchOff(Machine(), (sys.executable, "poweroff")).missing() == ""
    sentence = SwitchOff(Machine(), ("/nonexistent/systemctl", "poweroff")).missing()
    assert "/nonexistent/systemctl is not installed" in sentence and "power.command" in sentence
