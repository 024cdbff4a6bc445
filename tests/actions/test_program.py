"""Real programs: what they get, what is kept of them, and how they end."""

from __future__ import annotations

import json
import os
import pwd
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from kioskd.actions import program as module
from kioskd.actions.program import Program, may_change_user
from kioskd.config.action import ProgramAction
from kioskd.core.words import CallKey

KEY = CallKey("hydra", "sess_1", "call_1")
SHOW = "import json, os, sys; print(json.dumps({'argv': sys.argv[1:], 'env': dict(os.environ), 'cwd': os.getcwd()}))"


def program(*command: str, stopping: Any = lambda: False, **keys: Any) -> Program:
    return Program("print_badge", ProgramAction(command=command, **keys), stopping)


def python(code: str, *items: str, **keys: Any) -> Program:
    return program(sys.executable, "-c", code, *items, **keys)


def gone(pid: int) -> bool:
    """Whether a process has ended (a zombie has), waited for."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.01)
    return False


def test_an_argument_is_one_item_whatever_it_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/run/credentials/kioskd")
    said = "a b; touch x $(id) `id` | > 'q' \"q\" \n*"
    outcome = python(SHOW, "fixed", "--", "{name}", "{n}").run(KEY, {"name": said, "n": 3})
    shown = json.loads(outcome.result)["output"]
    assert shown["argv"] == ["fixed", "--", said, "3"] and shown["cwd"] == "/"
    assert set(shown["env"]) - {"LC_CTYPE"} == {"PATH", "LANG"}, "nothing of our own environment"


def test_an_argument_is_never_an_option() -> None:
    outcome = python(SHOW, "{name}").run(KEY, {"name": "--version"})
    assert outcome.reason == "print_badge: argument 'name' may not begin with '-'."
    assert python(SHOW, "{name}").run(KEY, {}).reason == "print_badge: argument 'name' is missing."


def test_what_it_writes_is_told_and_bounded() -> None:
    assert json.loads(program("/bin/echo", "hello").run(KEY, {}).result) == {"exit": 0, "output": "hello"}
    outcome = python("print('x' * 3_000_000)", most_kb=1).run(KEY, {})
    assert outcome.ok and len(json.loads(outcome.result)["output"]) == 1024, "and it did not wait for a reader"


def test_it_may_say_something_to_the_visitor() -> None:
    assert (
        program("/bin/echo", '{"say": "Your badge is printed.", "n": 1}').run(KEY, {}).say == "Your badge is printed."
    )
    assert json.loads(program("/bin/echo", "{not json").run(KEY, {}).result)["output"] == "{not json"


def test_an_exit_status_is_a_failure_with_its_last_line() -> None:
    outcome = python("print('one'); print('no paper', flush=True); raise SystemExit(3)").run(KEY, {})
    assert not outcome.ok and outcome.reason == "print_badge ended with exit status 3: no paper"
    assert json.loads(outcome.result) == {"exit": 3, "output": "one\nno paper"}
    assert "signal 9" in python("import os; os.kill(os.getpid(), 9)").run(KEY, {}).reason


def test_what_is_not_there_is_a_sentence_without_the_model_s_words() -> None:
    outcome = program("/nowhere/print-badge", "{name}").run(KEY, {"name": "Anna"})
    assert outcome.reason == "print_badge cannot be run: No such file or directory (/nowhere/print-badge)."


def test_one_that_does_not_end_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    code = (
        "import os, signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(tmp_path / 'pids')!r}, 'w').write(f'{{os.getpid()}} {{child.pid}}')\n"
        "time.sleep(600)\n"
    )
    began = time.monotonic()
    outcome = python(code, timeout_s=1.5).run(KEY, {})
    assert outcome.reason == "print_badge: it was killed after 1.5 s; whether it was done is not known."
    assert time.monotonic() - began < 10
    assert all(gone(int(pid)) for pid in (tmp_path / "pids").read_text().split())


def test_what_it_leaves_behind_is_killed_and_not_waited_for(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(child.pid)\n"
    )
    began = time.monotonic()
    outcome = python(code, timeout_s=30).run(KEY, {})
    assert outcome.ok and time.monotonic() - began < 10
    assert gone(int(json.loads(outcome.result)["output"]))


def test_the_end_of_kioskd_ends_it() -> None:
    stopping = threading.Event()
    threading.Timer(0.2, stopping.set).start()
    outcome = program("/bin/sleep", "600", timeout_s=60, stopping=stopping.is_set).run(KEY, {})
    assert "because kioskd is ending" in outcome.reason


def test_one_that_closes_its_output_is_waited_for_all_the_same() -> None:
    code = "import os, time; os.close(1); os.close(2); time.sleep(0.3); os._exit(5)"
    assert "exit status 5" in python(code).run(KEY, {}).reason


def test_no_descriptor_stays_open() -> None:
    program("/bin/true").run(KEY, {})
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        program("/bin/true").run(KEY, {})
    assert len(os.listdir("/proc/self/fd")) == before


def test_another_user_runs_it_without_any_privilege() -> None:
    assert may_change_user() == (os.geteuid() == 0), "these tests run as root or as nobody special"
    if os.geteuid() != 0:
        with pytest.raises(ValueError, match="may not become nobody"):
            program("/usr/bin/id", user="nobody")
        return
    code = "import os; print(os.getuid(), open('/proc/self/status').read().split('CapEff:')[1].split()[0])"
    user = pwd.getpwnam("games")
    outcome = program("/usr/bin/python3", "-c", code, user="games").run(KEY, {})
    assert json.loads(outcome.result)["output"].split() == [str(user.pw_uid), "0" * 16], outcome
    missing = program("/bin/true", user="no-such-user").run(KEY, {})
    assert not missing.ok and "no-such-user" in missing.reason
    nobody = program("/usr/bin/id", "-rg", user="nobody").run(KEY, {})
    own = str(pwd.getpwnam("nobody").pw_gid)
    assert nobody.ok and json.loads(nobody.result)["output"] == own, "on Debian it is called nogroup, not nobody"


def test_without_the_right_another_user_is_refused_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "may_change_user", lambda: False)
    with pytest.raises(ValueError, match="kioskd-tool@.service"):
        program("/bin/true", user="games")


def test_a_program_that_cannot_be_watched_is_not_left_to_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[int] = []

    def none_left(pid: int) -> int:
        begun.append(pid)
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(module.os, "pidfd_open", none_left)
    outcome = program("/bin/sleep", "60").run(KEY, {})
    assert "it cannot be watched: Too many open files" in outcome.reason and gone(begun[0])
