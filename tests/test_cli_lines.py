"""``kioskd lines probe``: what is spared, and what is told."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from kioskd.cli import main
from kioskd.cli_lines import EXIT_REFUSED, EXIT_UNAVAILABLE, moves, relays
from kioskd.lines.released import kept
from torture.unit import configuration
from torture.wires import Wires

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def config(tmp_path: Path) -> str:
    """A kiosk with relays on GPIO27 and GPIO5."""
    (tmp_path / "kioskd.yaml").write_text(yaml.safe_dump(configuration(tmp_path, "ws://127.0.0.1:9/v1", 1000)))
    (tmp_path / "run").mkdir()
    return str(tmp_path / "kioskd.yaml")


def kioskd(wires: Wires, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "torture.onwires", str(wires.folder), "lines", "probe", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=ROOT)


def test_a_free_line_is_probed_and_told_for_scripts_and_for_people(tmp_path: Path, config: str) -> None:
    wires = Wires.make(tmp_path / "gpiochip0", after="input")
    done = kioskd(wires, "GPIO22", "-c", config, "--json")
    row = json.loads(done.stdout)
    assert done.returncode == 0 and row["verdict"] == "input" and row["chip"] == "pinctrl-bcm2711"
    assert row["trials"] == [
        {"driven": "low", "direction": "input", "level": "low"},
        {"driven": "high", "direction": "input", "level": "low"},
    ]
    done = kioskd(wires, "pinctrl-bcm2711:22", "-c", config)
    assert done.stdout.startswith("pinctrl-bcm2711:22 (pinctrl-bcm2711 line 22, Linux ") and ": input: " in done.stdout


@pytest.mark.parametrize("pin", ["GPIO27", "pinctrl-bcm2711:5"])
def test_the_line_of_a_relay_is_spared_unless_asked(tmp_path: Path, config: str, pin: str) -> None:
    wires = Wires.make(tmp_path / "gpiochip0")
    done = kioskd(wires, pin, "-c", config)
    assert done.returncode == EXIT_REFUSED and "moves a relay" in done.stderr and "action.relay.pin" in done.stderr
    assert wires.moves(27) == wires.moves(5) == []
    assert kioskd(wires, pin, "-c", config, "--move-relay").returncode == 0


@pytest.mark.parametrize("mistake", ["kiosk: {no_such_key: 1}\n", "\tthis is no YAML\n"])
def test_a_file_with_a_mistake_spares_every_line_because_nobody_knows_its_relays(
    tmp_path: Path, config: str, mistake: str
) -> None:
    """A slip of the owner's pen must not open the door."""
    wires = Wires.make(tmp_path / "gpiochip0")
    with open(config, "a") as file:
        file.write(mistake)
    done = kioskd(wires, "GPIO27", "-c", config)
    assert done.returncode == EXIT_REFUSED and f"kioskd check {config}" in done.stderr
    assert wires.moves(27) == []
    assert kioskd(wires, "GPIO22", "-c", config, "--move-relay").returncode == 0


def test_a_relay_of_a_daemon_that_runs_by_another_file_is_spared_too(tmp_path: Path, config: str) -> None:
    wires = Wires.make(tmp_path / "gpiochip0")
    facts = {"pins": "gpio", "relays": [{"pin": "GPIO22", "place": "pinctrl-bcm2711:22", "active": "high"}]}
    (tmp_path / "run" / "lines.json").write_text(json.dumps(facts))
    done = kioskd(wires, "GPIO22", "-c", config)
    assert done.returncode == EXIT_REFUSED and "lines.json" in done.stderr


@pytest.mark.parametrize("facts", ["", "{", "[]", '{"relays": 3}'])
def test_facts_that_are_none_spare_nothing_and_hinder_nothing(tmp_path: Path, config: str, facts: str) -> None:
    (tmp_path / "run" / "lines.json").write_text(facts)
    assert [pin for pin, _ in relays(config)] == ["GPIO27", "GPIO5"]


def test_what_was_found_out_is_kept_for_status(tmp_path: Path, config: str) -> None:
    (tmp_path / "state").mkdir()
    wires = Wires.make(tmp_path / "gpiochip0")
    assert kioskd(wires, "GPIO22", "-c", config, "--keep").returncode == 0
    known = kept(str(tmp_path / "state"))["pinctrl-bcm2711"]
    assert isinstance(known, dict) and known["verdict"] == "keeps"
    (tmp_path / "state" / "released_lines.json").unlink()
    (tmp_path / "state").rmdir()
    done = kioskd(wires, "GPIO22", "-c", config, "--keep")
    assert done.returncode == EXIT_UNAVAILABLE and "cannot be kept" in done.stderr


def test_without_a_chip_there_is_nothing_to_find_out(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lines", "probe", "GPIO22", "-c", config]) == EXIT_UNAVAILABLE
    assert "no GPIO chip" in capsys.readouterr().err


def test_what_moves_is_known_by_its_key() -> None:
    assert moves("tools[3].action.relay.pin") and moves("tools[3].action.staff.bell.pin")
    assert not moves("tools[3].action.sensor.pin") and not moves("tools[3].policy.interlocks[0].pin")
    assert not moves("panel.lamp.single")
