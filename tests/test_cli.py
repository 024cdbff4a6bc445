"""The door, as a person and as a script use it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable

import pytest
import yaml

from kioskd import cli_check
from kioskd.cli import main
from kioskd.config.goods import Goods
from kioskd.config.unit import SHIPPED

ROOT = Path(__file__).resolve().parent.parent
TEN_MISTAKES = """\
kiosk:
  nam: lobby
talk:
  mode: shouting
  preroll_ms: 5000
  hangover_ms: soon
audio:
  volume: 3
panel:
  pins: imaginary
tools:
  - name: unlock door
    description: Unlock.
    class: acces
    action: {relay: {pin: GPIO99}}
  - description: nameless
    class: read
    action: {}
"""


def kioskd(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "kioskd", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_ten_mistakes_are_ten_sentences_and_78(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "kiosk.yaml"
    path.write_text(TEN_MISTAKES)
    assert main(["check", str(path)]) == 78
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) >= 10 and all(line.startswith(f"{path}:") for line in lines)
    assert any("did you mean 'name'" in line for line in lines)
    assert main(["check", str(path), "--json"]) == 78
    told = json.loads(capsys.readouterr().out)
    assert not told["ok"] and len(told["problems"]) == len(lines) - len(told["warnings"])
    assert {"file", "line", "key", "sentence"} == set(told["problems"][0])


def test_the_reference_configuration_has_no_mistakes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(ROOT / "config" / "kioskd.yaml")]) == 0
    assert "no mistakes" in capsys.readouterr().out


def test_the_effective_configuration_is_yaml_without_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "-c", str(ROOT / "config" / "kioskd.yaml")]) == 0
    tree = yaml.safe_load(capsys.readouterr().out)
    assert tree["service"][0]["key"] == {"credential": "hydra-key"}


def test_run_refuses_a_configuration_that_does_not_check(tmp_path: Path) -> None:
    path = tmp_path / "kiosk.yaml"
    path.write_text(TEN_MISTAKES)
    done = kioskd("run", "-c", str(path))
    assert done.returncode == 78 and "does not check" in done.stderr and len(done.stderr.splitlines()) >= 10


def test_a_missing_file_is_a_sentence(tmp_path: Path) -> None:
    done = kioskd("run", "-c", str(tmp_path / "none.yaml"))
    assert done.returncode == 78 and "Traceback" not in done.stderr


def test_devices_are_listed_for_people_and_for_scripts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["devices"]) == 0
    assert "file:PATH.wav" in capsys.readouterr().out
    assert main(["devices", "--json"]) == 0
    assert {"spec": "null"}.items() <= next(
        row for row in json.loads(capsys.readouterr().out) if row["spec"] == "null"
    ).items()


def test_help_shows_examples() -> None:
    assert "kioskd check /etc/kioskd/kioskd.yaml" in kioskd("--help").stdout
    assert "--listen" in kioskd("voice", "--help").stdout


def write_config(tmp_path: Path) -> None:
    """``kiosk.yaml``: a kiosk on nothing at all."""
    config = {
        "service": [{"dialect": "local", "url": "ws://127.0.0.1:9/waves/v1/s2s"}],
        "talk": {"mode": "voice"},
        "audio": {"input": "null", "output": "null"},
        "panel": {"pins": "simulated"},
        "ops": {"state_dir": str(tmp_path / "state"), "runtime_dir": str(tmp_path / "run")},
    }
    (tmp_path / "kiosk.yaml").write_text(yaml.safe_dump(config))


def test_the_daemon_says_ready_and_ends_within_a_second_of_sigterm(tmp_path: Path) -> None:
    write_config(tmp_path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(20)
        command = [sys.executable, "-m", "kioskd", "run", "-c", str(tmp_path / "kiosk.yaml")]
        env = {**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "400000"}
        daemon = subprocess.Popen(command, env=env, stderr=subprocess.PIPE)
        try:
            told = [manager.recv(4096).decode()]
            while "WATCHDOG=1" not in told:
                told.append(manager.recv(4096).decode())
            assert told[0].startswith("READY=1\nSTATUS=")
            daemon.send_signal(signal.SIGTERM)
            # one second is the promise; the rest is the interpreter's own end on a busy machine
            _, errors = daemon.communicate(timeout=5)
        finally:
            daemon.kill()
    assert daemon.returncode == 0, errors.decode()
    assert b"Traceback" not in errors


def started(tmp_path: Path) -> subprocess.Popen[bytes]:
    """A daemon on nothing at all."""
    write_config(tmp_path)
    command = [sys.executable, "-m", "kioskd", "run", "-c", str(tmp_path / "kiosk.yaml")]
    return subprocess.Popen(command, stderr=subprocess.PIPE)


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 20
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.01)


def test_sighup_reads_the_file_again_and_ends_nothing(kiosk_file: Any, kiosk_unit: Any) -> None:
    kiosk_file.path.write_text(kiosk_file.text + "volume: [\n")
    kiosk_unit.process.send_signal(signal.SIGHUP)
    while kiosk_file.status()["config"]["refused"] != 1:
        time.sleep(0.02)
    assert kiosk_unit.starts == 1 and kiosk_file.status()["health"]["ok"]


def test_a_start_runs_the_last_good_one_where_the_file_does_not_check(
    kiosk_file: Any, make_unit: Callable[[Any], Any]
) -> None:
    Goods(str(kiosk_file.folder / "state")).keep(kiosk_file.text.encode())
    kiosk_file.path.write_text(kiosk_file.text + "volume: [\n")
    unit = make_unit(kiosk_file).ready()
    try:
        page = kiosk_file.status()
        assert page["config"]["running"] == "last good" and page["panel"]["lamp"] == "fault"
    finally:
        unit.close()
    assert "The last good configuration runs in its place" in (kiosk_file.folder / "log").read_text()


def test_sigterm_again_and_again_is_one_orderly_end(tmp_path: Path) -> None:
    daemon = started(tmp_path)
    try:
        wait_for(tmp_path / "run" / "change.sock")
        deadline = time.monotonic() + 10
        while daemon.poll() is None and time.monotonic() < deadline:
            daemon.send_signal(signal.SIGTERM)
            time.sleep(0.002)
    finally:
        daemon.kill()
        daemon.communicate()
    assert daemon.returncode == 0


def test_sigterm_before_anything_is_open_is_an_orderly_end_too(tmp_path: Path) -> None:
    daemon = started(tmp_path)
    try:
        handled = Path(f"/proc/{daemon.pid}/status")
        deadline = time.monotonic() + 10
        # SigCgt is a mask: as soon as SIGTERM is caught, whoever catches it must end the process in order.
        while time.monotonic() < deadline:
            caught = next(line for line in handled.read_text().splitlines() if line.startswith("SigCgt"))
            if int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1:
                break
        assert not (tmp_path / "run").exists()
        daemon.send_signal(signal.SIGTERM)
        _, errors = daemon.communicate(timeout=10)
    finally:
        daemon.kill()
    assert daemon.returncode == 0, errors.decode()


def test_the_wiring_is_drawn_or_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "wiring.svg"
    assert main(["wiring", "config/kioskd.yaml", "-o", str(picture)]) == 0
    assert picture.read_text().startswith("<svg") and "7 parts" in capsys.readouterr().out
    assert main(["wiring", "config/kioskd.yaml"]) == 0
    assert capsys.readouterr().out == picture.read_text()
    assert main(["wiring", "config/kioskd.yaml", "--text"]) == 0
    assert "unlock_door (relay): header signal 13" in capsys.readouterr().out
    assert main(["wiring", "config/kioskd.yaml", "--boot-lines"]) == 0
    assert "\ngpio=27=op,dl,pd\n" in capsys.readouterr().out
    assert main(["wiring", "config/kioskd.yaml", "-o", str(tmp_path / "no" / "x.svg")]) == 69
    assert "cannot write" in capsys.readouterr().err


@pytest.mark.parametrize("door", ["check", "config"])
def test_a_file_may_be_named_with_c_or_without(door: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(ROOT / "config" / "kioskd.yaml")
    said = []
    for words in ([path], ["-c", path], ["--config", path], [path, "-c", path]):
        assert main([door, *words]) == 0
        said.append(capsys.readouterr().out)
    assert said[0] and len(set(said)) == 1
    with pytest.raises(SystemExit):
        main([door, path, "-c", str(tmp_path / "other.yaml")])
    assert "two files are named" in capsys.readouterr().err


def test_the_check_prints_the_drop_in_that_the_unit_lacks(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli_check, "installed", lambda: SHIPPED)
    main(["check", str(ROOT / "config" / "kioskd.yaml")])
    said = capsys.readouterr().out
    assert "\n[Service]\nLoadCredential=hydra-key:/etc/kioskd/hydra-key\n" in said
    assert "LoadCredential=staff-token:/etc/kioskd/staff-token" in said
