"""``kioskctl doctor``: what is printed, what is written, and how it exits."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Iterator

import pytest

from kioskd import ctl, ctl_examine
from kioskd.checkup.runner import Check
from kioskd.core.finding import Finding, fail, ok, warn

FINE = [ok("clock", "kept"), warn("wi-fi", "weak", "nearer")]


@pytest.fixture
def folder() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="kioskd-") as path:
        yield path


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[Finding]:
    """What the checks find; the checks themselves have tests of their own."""
    findings = list(FINE)
    from kioskd import ctl_checkup

    monkeypatch.setattr(ctl_checkup, "checks", lambda place: [Check("all", lambda: findings)])
    return findings


def doctor(folder: str, *arguments: str) -> int:
    return ctl.main(["--runtime-dir", folder, "doctor", *arguments])


def test_a_box_that_can_be_left_exits_with_0(
    found: list[Finding], folder: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert doctor(folder) == 0
    out = capsys.readouterr().out
    assert out.startswith("kiosk: 1 to mend, 1 well\n") and "-> nearer" in out


def test_one_that_fails_exits_with_1(found: list[Finding], folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    found.append(fail("disk", "full", "empty it"))
    assert doctor(folder, "checks") == 1
    assert "FAIL" in capsys.readouterr().out


def test_scripts_get_every_figure(found: list[Finding], folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor(folder, "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["counts"] == {"ok": 1, "warn": 1, "fail": 0, "unknown": 0}
    assert answer["findings"][0] == {"name": "clock", "grade": "ok", "sentence": "kept", "advice": "", "data": {}}
    assert set(answer) == {"kiosk", "at", "host", "version", "config", "counts", "findings", "audio"}


def test_the_report_is_written_or_nothing_is_begun(
    found: list[Finding], folder: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "report.html"
    assert doctor(folder, "--html", str(path)) == 0
    assert path.read_text().startswith("<!doctype html>") and "kept" in path.read_text()
    capsys.readouterr()
    assert doctor(folder, "--html", str(tmp_path / "none" / "report.html")) == 73
    said = capsys.readouterr()
    assert said.out == "" and "cannot be written" in said.err


def test_measuring_without_a_daemon_is_one_more_finding(
    found: list[Finding], folder: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert doctor(folder, "all", "--json") == 1
    answer = json.loads(capsys.readouterr().out)
    assert (
        answer["findings"][-1]["name"] == "echo measured" and "no kioskd serves" in answer["findings"][-1]["sentence"]
    )
    assert answer["audio"] is None


@pytest.mark.parametrize(("fit", "code"), [(True, 0), (False, 1)])
def test_everything_together_has_the_examination_too(
    found: list[Finding],
    folder: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    fit: bool,
    code: int,
) -> None:
    report = {"echo": "cancel", "verdict": {"mode": "cancel", "fit": fit, "sentences": ["So it is."]}}
    monkeypatch.setattr(ctl_examine, "measure", lambda options, looked_in: report)
    assert doctor(folder, "all", "--json") == code
    assert json.loads(capsys.readouterr().out)["audio"] == report


def test_the_daemons_own_configuration_is_looked_at_unless_another_is_named(tmp_path: Path) -> None:
    options = ctl.parser().parse_args(["doctor"])
    running = {"config": {"path": "/run/x.yaml"}}
    assert ctl_examine._config(options, running) == "/run/x.yaml"
    assert ctl_examine._config(options, None) == ctl.CONFIG
    assert ctl_examine._config(ctl.parser().parse_args(["doctor", "-c", "k.yaml"]), running) == "k.yaml"


def test_a_real_process_looks_at_a_real_box(tmp_path: Path, folder: str) -> None:
    config = tmp_path / "kiosk.yaml"
    config.write_text(
        f"service: [{{dialect: local, url: 'ws://127.0.0.1:9/'}}]\naudio: {{input: 'null', output: 'null'}}\n"
        f"talk: {{mode: voice}}\npanel: {{pins: simulated}}\nops: {{state_dir: {tmp_path}, runtime_dir: {tmp_path}}}\n"
    )
    command = [sys.executable, "-m", "kioskd.ctl", "--runtime-dir", folder, "doctor", "-c", str(config), "--json"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 1 and ran.stderr == ""
    names = {row["name"] for row in json.loads(ran.stdout)["findings"]}
    assert {"daemon", "clock", "way local-1", "disk sync", "files", "echo"} <= names
