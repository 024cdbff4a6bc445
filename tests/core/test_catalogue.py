"""What the journal explains: numbers that never change, a file that systemd itself takes, fields without speech."""

from __future__ import annotations

import ast
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
        ("error", "the service says 1", {"code": "1"}, "trouble"),
        ("unlock", "the owner ended every lock-out", {}, "unlocked"),
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


# What a kiosk does all day; nobody has to act on it. (Power and budget are told with their entry where they happen.)
TOLD_ONLY = {
    "announce",
    "doctor",
    "gate",
    "lamp",
    "latency",
    "panel",
    "power",
    "session",
    "speech",
    "suspend",
    "tool",
    "turn",
}
SOME: tuple[dict[str, object], ...] = (
    {},
    {"on": True, "verdict": "refuse", "part": "x"},
)
STATES = ("", "x absent: why", "refused: why", "begun")


def kinds_of_notes() -> set[str]:
    """Every first argument of a call named note or Note in the whole house."""
    found = set()
    for path in (FILE.parents[1] / "kioskd").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and node.args and isinstance(first := node.args[0], ast.Constant):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                if name in ("note", "Note") and isinstance(first.value, str):
                    found.add(first.value)
    return found


def test_every_kind_of_note_has_an_entry_or_is_nothing_to_act_on() -> None:
    kinds = kinds_of_notes()
    marked = {kind for kind in kinds for data in SOME for text in STATES if of_note(kind, text, data)}
    assert len(kinds) > 15 and kinds - marked == TOLD_ONLY


def test_every_entry_is_reached_by_a_note_or_told_where_it_happens() -> None:
    source = "".join(path.read_text() for path in (FILE.parents[1] / "kioskd").rglob("*.py"))
    for name in BY_NAME:
        assert source.count(f'"{name}"') >= 2, f"{name} stands in the catalogue, and nothing tells it"


def test_what_policy_calls_a_refusal_is_one_here() -> None:
    from kioskd.core.policy import Verdict

    assert {one.value for one in Verdict if of_note("decision", "", {"verdict": one.value})} == {Verdict.REFUSE.value}


def test_speech_arguments_and_results_are_no_fields() -> None:
    assert dict(fields([("arguments", "{}"), ("transcript", "hello"), ("result", "x"), ("message", "m")])) == {}


@given(st.text())
def test_a_field_is_one_short_line(value: str) -> None:
    (field,) = dict(fields([("tool", value)])).items()
    assert field[0] == "KIOSKD_TOOL" and len(field[1]) <= LONGEST_FIELD and "\n" not in field[1]
