"""scripts/run as a newcomer uses it: what must not move the relay does not, and the files are left as promised.

The door that opens is what .ci/run shows last, by scripts/run itself.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any, Callable

import pytest

ROOT = Path(__file__).resolve().parent.parent
MAIN_JOB = [sys.executable, str(ROOT / "scripts" / "main_job.py")]


def run(out: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*MAIN_JOB, "--out", str(out), *arguments], capture_output=True, text=True, timeout=180)


def rows(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def intents(out: Path) -> int:
    with closing(sqlite3.connect(out / "ledger.db")) as ledger:
        return int(ledger.execute("SELECT count(*) FROM calls WHERE intent_at IS NOT NULL").fetchone()[0])


def test_without_a_hand_the_door_stays_shut(tmp_path: Path) -> None:
    done = run(tmp_path, "--no-confirm")
    assert done.returncode != 0 and "nobody held the button" in done.stdout, done.stdout
    notes = rows(tmp_path / "timeline.jsonl")
    assert any(note["kind"] == "decision" and note["verdict"] == "confirm" for note in notes)
    assert not any(note["kind"] == "relay" for note in notes) and intents(tmp_path) == 0
    for name in ("request.wav", "answer.wav", "timeline.jsonl", "wire.jsonl", "ledger.db"):
        assert (tmp_path / name).stat().st_size > 0, name


Said = Callable[[str], tuple[Path, subprocess.CompletedProcess[str]]]


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Said:
    """What a whole conversation about a sentence left behind, and how it ended: it takes its time, once."""

    @cache
    def have(sentence: str) -> tuple[Path, subprocess.CompletedProcess[str]]:
        out = tmp_path_factory.mktemp("said")
        return out, run(out, "--say", sentence)

    return have


@pytest.mark.parametrize("sentence", ["what time is it", "Do not unlock the front door."])
def test_what_was_not_asked_for_does_not_happen(said: Said, sentence: str) -> None:
    out, done = said(sentence)
    assert done.returncode == 0 and "the door stayed shut" in done.stdout, done.stdout
    assert not any(note["kind"] == "relay" for note in rows(out / "timeline.jsonl")) and intents(out) == 0


def test_the_wire_log_holds_frames_and_no_audio(said: Said) -> None:
    out, _ = said("what time is it")
    frames = rows(out / "wire.jsonl")
    kinds = {str(frame["type"]) for frame in frames}
    assert {"session.configure", "session.configured", "input_audio_buffer.append", "response.done"} <= kinds
    assert max(len(json.dumps(frame)) for frame in frames) < 4000


def test_serve_stays_up_and_answers_kioskctl(tmp_path: Path) -> None:
    env = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)}
    serving = subprocess.Popen(
        [*MAIN_JOB, "--out", str(tmp_path / "out"), "--serve"], stdout=subprocess.PIPE, text=True, env=env
    )
    try:
        assert serving.stdout is not None
        line = next(line for line in serving.stdout if " status" in line)
        words = line.split()
        folder = Path(words[words.index("--runtime-dir") + 1])
        assert folder.name != "kioskd", "an installed kioskd has its sockets there"
        command = [sys.executable, "-m", "kioskd.ctl", *words[1:], "--json"]
        deadline = time.monotonic() + 20
        while (asked := subprocess.run(command, capture_output=True, text=True)).returncode == 69:
            assert time.monotonic() < deadline, asked.stderr
        page = json.loads(asked.stdout)
        assert asked.returncode == 0 and page["health"]["ok"] and page["kiosk"] == "demonstration"
        serving.send_signal(signal.SIGTERM)
        serving.communicate(timeout=15)
    finally:
        serving.kill()
    assert serving.returncode == 0 and not folder.exists() and not (tmp_path / "kioskd").exists()


def test_help_shows_every_way_to_call_it() -> None:
    text = subprocess.run([*MAIN_JOB, "--help"], capture_output=True, text=True, check=True).stdout
    assert all(option in text for option in ("--say", "--no-confirm", "--out", "--live", "--serve"))


# -- scripts/push-config -------------------------------------------------------------------------------


def pushed(sshd: Any, inventory: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [str(ROOT / "scripts" / "push-config"), str(inventory), "--watch", "0.3", *words]
    return subprocess.run(command, env=sshd.env, capture_output=True, text=True, timeout=180)


def test_a_fleet_gets_its_configurations_and_one_that_refuses_is_named(
    kiosk_file: Any, kiosk_unit: Any, sshd: Any
) -> None:
    """One box that keeps it, one (the same, by another name) that refuses, one that is not there."""
    folder = kiosk_file.folder
    with open(sshd.config) as old:
        sshd.config.write_text("Host gone\n  Port 1\n" + old.read())
    inventory = folder / "boxes.txt"
    inventory.write_text("# the fleet\nroot@box good.yaml\nbad  # by its name\ngone good.yaml\n")
    (folder / "good.yaml").write_text(kiosk_file.but("0.8", "0.3"))
    (folder / "bad.yaml").write_text(kiosk_file.but("0.8", "7"))
    if os.geteuid() != 0:
        inventory.write_text(inventory.read_text().replace("root@", ""))
    done = pushed(sshd, inventory, "--json")
    assert done.returncode == 1, done.stderr
    boxes = {row["host"].rpartition("@")[2]: row for row in json.loads(done.stdout)["boxes"]}
    assert boxes["box"]["outcome"] == "kept" and boxes["box"]["changes"][0]["key"] == "audio.volume"
    assert boxes["bad"]["outcome"] == "refused" and "audio.volume" in boxes["bad"]["reason"]
    assert boxes["gone"]["outcome"] == "unreachable" and "refused" in boxes["gone"]["reason"]
    assert "volume: 0.3" in kiosk_file.path.read_text()
    inventory.write_text("box good.yaml\n")
    done = pushed(sshd, inventory)
    assert done.returncode == 0 and "1 of 1 boxes" in done.stdout and "unchanged" in done.stdout


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("", "names no box"),
        ("box a.yaml b.yaml\n", "boxes.txt:1: say user@box"),
        ("-oProxyCommand=x\n", "boxes.txt:1: say user@box"),
        ("box\nbox\n", "boxes.txt:2: box stands here twice"),
    ],
)
def test_an_inventory_with_a_mistake_reaches_no_box(tmp_path: Path, lines: str, said: str) -> None:
    (tmp_path / "boxes.txt").write_text(lines)
    command = [str(ROOT / "scripts" / "push-config"), str(tmp_path / "boxes.txt")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 2 and said in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(("name", "said"), [("none.txt", "No such file"), ("folder", "Is a directory")])
def test_an_inventory_that_cannot_be_read_is_a_sentence(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "folder").mkdir()
    command = [str(ROOT / "scripts" / "push-config"), str(tmp_path / name)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 2 and done.stderr.startswith(f"push-config: {tmp_path / name} cannot be read: {said}")
    assert "Errno" not in done.stderr and "Traceback" not in done.stderr


def test_a_box_without_its_file_is_not_reached(tmp_path: Path) -> None:
    (tmp_path / "boxes.txt").write_text("anna@box.example\n")
    command = [str(ROOT / "scripts" / "push-config"), str(tmp_path / "boxes.txt"), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    (box,) = json.loads(done.stdout)["boxes"]
    assert done.returncode == 1 and box["outcome"] == "not sent" and "box.example.yaml" in box["reason"]


@pytest.mark.parametrize("changes", ["5", "null", '{"a": 1}', '"x"'])
def test_a_box_that_answers_nonsense_spoils_no_other_row(tmp_path: Path, changes: str) -> None:
    answer = '{"ok": true, "outcome": "kept", "reason": "", "changes": %s}' % changes
    (tmp_path / "ssh").write_text(f"#!/bin/sh\ncat >/dev/null\necho '{answer}'\n")
    (tmp_path / "ssh").chmod(0o755)
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_text("talk: {mode: voice}\n")
    (tmp_path / "boxes.txt").write_text("one\ntwo\n")
    command = [str(ROOT / "scripts" / "push-config"), str(tmp_path / "boxes.txt")]
    env = {**os.environ, "KIOSKCTL_SSH": str(tmp_path / "ssh"), "KIOSKD_PYTHON": sys.executable}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "2 of 2 boxes" in done.stdout, done.stderr
