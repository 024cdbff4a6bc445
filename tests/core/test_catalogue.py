"""What the journal explains: numbers that never change, a file that systemd itself takes, fields without speech."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kioskd.core.catalogue import BY_NAME, ENTRIES, LONGEST_FIELD, catalog, fields, mark, of_note

FILE = Path(__file__).resolve().parents[2] / "systemd" / "kioskd.catalog"


def test_the_file_is_the_catalogue() -> None:
    assert FILE.read_text() == catalog(), "python -m kioskd.core.catalogue > systemd/kioskd.catalog"


def test_every_entry_has_a_number_of_its_own_a_subject_and_what_to_do() -> None:
    assert len({entry.id for entry in ENTRIES}) == len(BY_NAME) == len(ENTRIES) > 20
    for entry in ENTRIES:
        assert re.fullmatch("[0-9a-f]{32}", entry.id) and int(entry.id, 16)
        assert "\n" not in entry.subject and len(entry.subject) < 80
        assert entry.body and all(len(line) < 110 and line for line in entry.body.split("\n"))


def test_the_subjects_ask_only_for_fields_that_are_sent() -> None:
    sent = dict(fields((name, "x") for name in ("relay", "tool", "part", "thread")))
    asked = {name for entry in ENTRIES for name in re.findall("@([A-Z_]+)@", entry.subject + entry.body)}
    assert asked and asked <= set(sent)


def test_systemds_own_tool_takes_the_file_and_lists_every_entry(tmp_path: Path) -> None:
    journalctl = shutil.which("journalctl")
    assert journalctl, "journalctl comes with systemd, on every Debian"
    place = tmp_path / "usr/lib/systemd/catalog"
    place.mkdir(parents=True)
    (tmp_path / "var/lib/systemd/catalog").mkdir(parents=True)
    shutil.copy(FILE, place)
    made = subprocess.run([journalctl, f"--root={tmp_path}", "--update-catalog"], capture_output=True, text=True)
    assert made.returncode == 0 and made.stderr == ""
    listed = subprocess.run([journalctl, f"--root={tmp_path}", "--list-catalog"], capture_output=True, text=True)
    assert {line.split()[0] for line in listed.stdout.splitlines()} == {entry.id for entry in ENTRIES}
    entry = BY_NAME["part-absent"]
    shown = subprocess.run(
        [journalctl, f"--root={tmp_path}", "--dump-catalog", entry.id], capture_output=True, text=True
    )
    assert entry.subject in shown.stdout and entry.body in shown.stdout


@pytest.mark.parametrize(
    ("kind", "text", "data", "name"),
    [
        ("part", "capture absent: no card", {"part": "capture"}, "part-absent"),
        ("part", "service hydra-1 failed: bad key", {"part": "service hydra-1"}, "part-failed"),
        ("part", "capture running", {"part": "capture"}, ""),
        ("link", "offline: no DNS", {"endpoint": "x"}, "link-down"),
        ("link", "busy", {}, "link-down"),
        ("link", "refused: the key", {}, "link-refused"),
        ("link", "ready", {}, "link-ready"),
        ("link", "asleep: nobody speaks", {}, ""),
        ("relay", "unlock_door on", {"on": True}, "relay-on"),
        ("relay", "unlock_door off", {"on": False}, ""),
        ("decision", "x: refuse (why)", {"verdict": "refuse"}, "refused"),
        ("decision", "x: allow (why)", {"verdict": "allow"}, ""),
        ("error", "thread capture died: x", {"thread": "capture"}, "thread-died"),
        ("error", "the service says 1: 2", {"code": "1"}, ""),
        ("record", "begun, for at most 60 s", {}, "recording"),
        ("record", "not begun: muted", {}, ""),
        ("mute", "on", {"switch": "soft"}, "muted"),
        ("lockout", "door locked", {}, "locked-out"),
        ("stop", "SIGTERM received", {}, "ending"),
        ("speech", "the kiosk speaks", {}, ""),
    ],
)
def test_notes_that_an_operator_acts_on_have_a_number(kind: str, text: str, data: dict[str, object], name: str) -> None:
    assert of_note(kind, text, data) == name
    assert ("MESSAGE_ID" in mark(name)) == bool(name)


def test_what_policy_calls_a_refusal_is_one_here() -> None:
    from kioskd.core.policy import Verdict

    assert {one.value for one in Verdict if of_note("decision", "", {"verdict": one.value})} == {Verdict.REFUSE.value}


def test_speech_arguments_and_results_are_no_fields() -> None:
    assert dict(fields([("arguments", "{}"), ("transcript", "hello"), ("result", "x"), ("message", "m")])) == {}


@given(st.text())
def test_a_field_is_one_short_line(value: str) -> None:
    (field,) = dict(fields([("tool", value)])).items()
    assert field[0] == "KIOSKD_TOOL" and len(field[1]) <= LONGEST_FIELD and "\n" not in field[1]
