"""kioskctl against the real control sockets: what it prints and how it exits."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
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

from kioskd import cli, ctl, ctl_reach
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
        self.ended: list[dict[str, object]] = []
        self._loop = asyncio.new_event_loop()
        self.switched = False  # the mute switch is on
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._control = self._do(self._start())

    def _do(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    async def _start(self) -> Control:
        self.timeline = Timeline(None, None, time.monotonic())
        changes = {name: self._change for name in ("mute", "unmute", "unlock", "panel", "record", "doctor")}
        control = Control(str(self.folder), lambda: self.page, changes, self.timeline, groups=NO_GROUPS)
        await control.start()
        assert not control.problem
        return control

    def _change(self, request: Mapping[str, object]) -> Mapping[str, object]:
        if request.get("name") == "bell":
            raise ValueError("the panel has no button bell")
        self.asked.append(dict(request))
        answers: dict[str, Mapping[str, object]] = {
            "doctor": self.examination,
            "unlock": {"ended": self.ended},
            "unmute": {"muted": self.switched},
        }
        return answers.get(str(request["do"]), {})

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
    pressed = (["panel", "press", "talk"], ["panel", "release", "talk"])
    for words in (["mute"], ["unmute"], *pressed, ["record", "start"]):
        assert ctl.main(["--runtime-dir", str(daemon.folder), *words]) == 0
    assert daemon.asked == [
        {"do": "mute"},
        {"do": "unmute"},
        {"do": "panel", "verb": "press", "name": "talk"},
        {"do": "panel", "verb": "release", "name": "talk"},
        {"do": "record", "verb": "start"},
    ]
    assert capsys.readouterr() == ("", "")


def test_unmuting_against_the_switch_says_that_it_stays_closed(
    daemon: Daemon, capsys: pytest.CaptureFixture[str]
) -> None:
    daemon.switched = True
    assert ctl.main(["--runtime-dir", str(daemon.folder), "unmute"]) == 1
    assert "the mute switch at the kiosk is on" in capsys.readouterr().err


def test_unlock_says_what_it_ended(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.ended = [{"what": "unlock_door is locked", "for_s": 80.0}]
    assert ctl.main(["--runtime-dir", str(daemon.folder), "unlock"]) == 0
    daemon.ended = []
    assert ctl.main(["--runtime-dir", str(daemon.folder), "unlock"]) == 0
    assert daemon.asked == [{"do": "unlock", "by": ctl_reach.whoever(os.environ), "uid": os.getuid()}] * 2
    ended, nothing = capsys.readouterr().out.splitlines()
    assert ended == "ended: unlock_door is locked" and nothing.startswith("nothing was locked; kioskctl watch")


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


@pytest.mark.parametrize("door", [cli.parser(), ctl.parser()], ids=["kioskd", "kioskctl"])
def test_the_help_of_every_verb_has_an_example(door: argparse.ArgumentParser) -> None:
    def leaves(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
        choices = [action.choices for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
        for verb in choices[0].values() if choices else ():
            yield verb
            yield from leaves(verb)

    bare = [verb.prog for verb in leaves(door) if verb.add_help and verb.prog not in (verb.epilog or "")]
    assert bare == []


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


# -- docs/json.md ------------------------------------------------------------------------------------

PAGE = Path(__file__).resolve().parent.parent / "docs" / "json.md"
TYPES: dict[str, Any] = {"text": str, "number": (int, float), "bool": bool, "list": list, "object": dict, "any": object}


def promised(command: str) -> list[tuple[str, str]]:
    """The fields of a command's table, with their types."""
    _, _, rest = PAGE.read_text().partition(f"## `kioskctl {command} --json`\n")
    table = re.findall(r"^\| `([^`]+)` \| ([a-z ]+) \|", rest.partition("\n## ")[0], re.M)
    assert table, command
    return [(str(name), str(kind)) for name, kind in table]


def values(found: Any, path: str) -> Iterator[Any]:
    """What stands at a path of the page; of a list each entry."""
    name, _, rest = path.partition(".")
    inner = found[name.removesuffix("[]")]
    for one in inner if name.endswith("[]") else [inner]:
        if rest:
            yield from values(one, rest)
        else:
            yield one


def holds(found: Any, command: str) -> None:
    """See whether it has what is promised."""
    for path, kind in promised(command):
        name, _, null = kind.partition(" or ")
        for value in values(found, path):
            assert null and value is None or isinstance(value, TYPES[name]), (command, path, value)
            assert name != "number" or not isinstance(value, bool), (command, path, value)


def test_every_kind_of_note_stands_on_the_page() -> None:
    house = Path(ctl.__file__).parent
    noted = {
        kind
        for file in house.rglob("*.py")
        for kind in re.findall(r"\b[nN]ote\(\s*\"([a-z_]+)\"", file.read_text(encoding="utf-8"))
    }
    (row,) = re.findall(r"^\| `kind` \| text \| `([a-z ]+)`", PAGE.read_text(), re.M)
    assert len(noted) > 15 and noted <= set(row.split())


def test_every_field_that_scripts_are_promised_is_there(kiosk_file: Any, kiosk_unit: Any) -> None:
    new = kiosk_file.folder / "new.yaml"
    new.write_text(kiosk_file.but("0.8", "0.3"))
    for words in (
        ("apply", str(new), "--watch", "0.2"),
        ("status",),
        ("reload",),
        ("audit", "verify"),
        ("doctor",),
        ("bugreport", "--out", str(kiosk_file.folder / "b.tar.gz")),
    ):
        done = kiosk_file.ctl(*words, "--json")
        holds(json.loads(done.stdout), " ".join(word for word in words[:2] if word.isalpha()))
    holds(json.loads(kiosk_file.ctl("audit", "tail", "-n", "1", "--json").stdout), "audit tail")
    watching = [sys.executable, "-m", "kioskd.ctl", "--runtime-dir", str(kiosk_file.folder / "run"), "watch", "--json"]
    with subprocess.Popen(watching, stdout=subprocess.PIPE) as watch:
        assert watch.stdout is not None
        holds(json.loads(watch.stdout.readline()), "watch")
        watch.terminate()
