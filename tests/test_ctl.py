"""kioskctl against the real control sockets: what it prints and how it exits."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Iterator, Mapping

import pytest

from kioskd import ctl, ctl_reach
from kioskd.ops.control import Control
from kioskd.ops.timeline import Timeline

NO_GROUPS = {"look.sock": "no-such-group-here", "change.sock": "no-such-group-here"}
HEAVY = ("asyncio", "typing", "dataclasses", "inspect", "datetime", "subprocess", "threading", "logging", "yaml")


class Daemon:
    """Control in a thread of its own, as another process would be."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.page: dict[str, Any] = {"kiosk": "Front door", "phase": "idle", "health": {"ok": True, "reasons": []}}
        self.asked: list[dict[str, object]] = []
        self.examination: dict[str, object] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._control = self._do(self._start())

    def _do(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    async def _start(self) -> Control:
        self.timeline = Timeline(None, None, time.monotonic())
        changes = {name: self._change for name in ("mute", "unmute", "panel", "record", "doctor")}
        control = Control(str(self.folder), lambda: self.page, changes, self.timeline, groups=NO_GROUPS)
        await control.start()
        assert not control.problem
        return control

    def _change(self, request: Mapping[str, object]) -> Mapping[str, object]:
        if request.get("name") == "bell":
            raise ValueError("the panel has no button bell")
        self.asked.append(dict(request))
        return self.examination if request["do"] == "doctor" else {}

    def note(self, kind: str, text: str) -> None:
        self._loop.call_soon_threadsafe(self.timeline.note, kind, text, {})

    def stop(self) -> None:
        self._do(self._control.aclose())

    def close(self) -> None:
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A runtime directory, short enough for a socket; nothing else is found."""
    path = Path(tempfile.mkdtemp(prefix="kioskd-"))
    monkeypatch.setattr(ctl_reach, "SYSTEM_FOLDER", str(path / "system"))
    monkeypatch.delenv("KIOSKD_RUNTIME_DIR", raising=False)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def daemon(folder: Path) -> Iterator[Daemon]:
    running = Daemon(folder)
    yield running
    running.close()


def kioskctl(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "kioskd.ctl", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


# -- status ------------------------------------------------------------------------------------------


def test_a_healthy_kiosk_exits_with_0(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    assert ctl.main(["--runtime-dir", str(daemon.folder), "status"]) == 0
    assert capsys.readouterr().out.startswith("Front door: all is well\n")


def test_a_degraded_kiosk_exits_with_1(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.page["health"] = {"ok": False, "reasons": ["the microphone is absent (for 12 s)"]}
    assert ctl.main(["--runtime-dir", str(daemon.folder), "status"]) == 1
    assert "! the microphone is absent (for 12 s)" in capsys.readouterr().out


@pytest.mark.parametrize(("ok", "code"), [(True, 0), (False, 1)])
def test_scripts_get_the_page_itself(daemon: Daemon, capsys: pytest.CaptureFixture[str], ok: bool, code: int) -> None:
    daemon.page["health"] = {"ok": ok, "reasons": []}
    assert ctl.main(["--runtime-dir", str(daemon.folder), "status", "--json"]) == code
    assert json.loads(capsys.readouterr().out) == daemon.page


# -- finding the daemon ------------------------------------------------------------------------------


def test_without_a_daemon_every_folder_looked_in_is_named_and_how_to_start_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder / "own"))
    for command in (["status"], ["status", "--json"], ["watch"], ["mute"], ["panel", "press", "talk"]):
        assert ctl.main(command) == 69
        printed = capsys.readouterr()
        assert printed.out == ""
        for word in (f"{folder}/system", f"{folder}/own/kioskd", "systemctl start kioskd", "scripts/run --serve"):
            assert word in printed.err


def test_the_option_goes_before_the_variable_and_the_variable_before_the_usual_places(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = daemon.folder / "system"
    usual.symlink_to(daemon.folder)
    assert ctl.main(["status"]) == 0
    monkeypatch.setenv("KIOSKD_RUNTIME_DIR", str(daemon.folder / "elsewhere"))
    assert ctl.main(["status"]) == 69
    assert ctl.main(["--runtime-dir", str(daemon.folder), "status"]) == 0
    monkeypatch.setenv("KIOSKD_RUNTIME_DIR", str(daemon.folder))
    usual.unlink()
    assert ctl.main(["status"]) == 0


def test_a_daemon_of_ones_own_is_found_when_there_is_no_other(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    (daemon.folder / "kioskd").symlink_to(daemon.folder)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(daemon.folder))
    assert ctl.main(["status"]) == 0


def test_who_may_not_look_is_told_which_group_to_join(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in NO_GROUPS:
        (daemon.folder / name).chmod(0)
    root = os.geteuid() == 0
    if root:
        daemon.folder.chmod(0o755)
        os.seteuid(65534)
    try:
        assert ctl.main(["--runtime-dir", str(daemon.folder), "status"]) == 77
        assert "join the group kioskd and" in capsys.readouterr().err
        assert ctl.main(["--runtime-dir", str(daemon.folder), "mute"]) == 77
        assert "join the group kioskd-admin and" in capsys.readouterr().err
    finally:
        if root:
            os.seteuid(0)


# -- changing ----------------------------------------------------------------------------------------


def test_changes_are_asked_for_and_say_nothing_when_done(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["mute"], ["unmute"], ["panel", "press", "talk"], ["panel", "release", "talk"], ["record", "start"]):
        assert ctl.main(["--runtime-dir", str(daemon.folder), *words]) == 0
    assert daemon.asked == [
        {"do": "mute"},
        {"do": "unmute"},
        {"do": "panel", "verb": "press", "name": "talk"},
        {"do": "panel", "verb": "release", "name": "talk"},
        {"do": "record", "verb": "start"},
    ]
    assert capsys.readouterr() == ("", "")


def test_a_refused_change_exits_with_1_and_says_why(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    assert ctl.main(["--runtime-dir", str(daemon.folder), "panel", "press", "bell"]) == 1
    assert capsys.readouterr().err == "kioskctl: the panel has no button bell\n"


# -- watching ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("raw", [[], ["--json"]], ids=["people", "scripts"])
def test_a_watch_shows_each_note_at_once_and_ctrl_c_ends_it_with_0(daemon: Daemon, raw: list[str]) -> None:
    daemon.note("gate", "before")
    with kioskctl("--runtime-dir", str(daemon.folder), "watch", *raw) as watching:
        assert watching.stdout is not None and watching.stderr is not None
        assert "before" in watching.stdout.readline()
        daemon.note("relay", "after")
        line = watching.stdout.readline()
        assert json.loads(line)["text"] == "after" if raw else line.endswith("relay     after\n")
        watching.send_signal(signal.SIGINT)
        assert watching.wait(10) == 0 and watching.stderr.read() == ""


def test_a_watch_ends_when_the_daemon_does(daemon: Daemon) -> None:
    daemon.note("stop", "SIGTERM received")
    with kioskctl("--runtime-dir", str(daemon.folder), "watch") as watching:
        assert watching.stdout is not None and watching.stderr is not None
        assert "SIGTERM" in watching.stdout.readline()
        daemon.stop()
        assert watching.wait(10) == 69 and "kioskd has ended" in watching.stderr.read()


# -- the door itself ---------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [[], ["dance"], ["panel", "kick", "talk"], ["panel", "press"], ["status", "x"]])
def test_a_wrong_command_line_exits_with_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        ctl.main(words)
    assert ended.value.code == 2 and "usage: kioskctl" in capsys.readouterr().err


def test_help_has_examples_and_the_exit_statuses(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        ctl.main(["--help"])
    text = capsys.readouterr().out
    assert "kioskctl panel press talk" in text and "degraded" in text and "69" in text


def test_it_starts_without_anything_heavy() -> None:
    root = Path(__file__).resolve().parent.parent
    code = f"import sys; sys.path.insert(0, {str(root)!r}); import kioskd.ctl; print(*sys.modules)"
    # -S: without site, whose own imports (an editable install's finder) are not ours
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    assert set(HEAVY) & set(done.stdout.split()) == set()


# -- the doctor --------------------------------------------------------------------------------------


def examination(fit: bool) -> dict[str, object]:
    """What a doctor answers who is done at once."""
    verdict = {"mode": "cancel" if fit else "", "fit": fit, "sentences": ["It is so."]}
    report = {"echo": "half_duplex", "verdict": verdict, "figures": None, "curves": None, "kept_note": ""}
    return {"run": 1, "running": False, "step": "", "report": report}


@pytest.mark.parametrize(("fit", "code"), [(True, 0), (False, 1)])
def test_the_doctor_exits_by_its_verdict(
    daemon: Daemon, capsys: pytest.CaptureFixture[str], fit: bool, code: int
) -> None:
    daemon.examination = examination(fit)
    assert ctl.main(["--runtime-dir", str(daemon.folder), "doctor", "audio", "--keep"]) == code
    assert "It is so." in capsys.readouterr().out
    assert daemon.asked == [{"do": "doctor", "what": "audio", "keep": True}]
    assert ctl.main(["--runtime-dir", str(daemon.folder), "doctor", "audio", "--json"]) == code
    assert json.loads(capsys.readouterr().out) == daemon.examination["report"]


def test_the_doctor_writes_its_report_as_a_page(
    daemon: Daemon, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    daemon.examination = examination(True)
    path = tmp_path / "echo.html"
    assert ctl.main(["--runtime-dir", str(daemon.folder), "doctor", "audio", "--html", str(path)]) == 0
    assert path.read_text().startswith("<!doctype html>")
    nowhere = str(tmp_path / "none" / "echo.html")
    assert ctl.main(["--runtime-dir", str(daemon.folder), "doctor", "audio", "--html", nowhere]) == 73
    assert "cannot be written" in capsys.readouterr().err


def test_a_doctor_of_another_version_is_a_sentence(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    assert ctl.main(["--runtime-dir", str(daemon.folder), "doctor", "audio"]) == 69
    assert "the doctor never came back" in capsys.readouterr().err
