"""kioskctl audit: beside a daemon, without one, and on a copy; tampering is found from outside too."""

from __future__ import annotations

import argparse
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from kioskd import ctl, ctl_audit
from kioskd.actions.ledger import Ledger
from kioskd.actions.trail import trail_files
from kioskd.core.words import CallKey

PATIENCE_S = 20.0


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder whose daemon has ended; no daemon is found."""
    monkeypatch.setattr(ctl, "SYSTEM_FOLDER", str(tmp_path / "nowhere"))
    monkeypatch.delenv("KIOSKD_RUNTIME_DIR", raising=False)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    folder = tmp_path / "state"
    ledger = Ledger(folder / "ledger.db", lambda event: True)
    ledger.start()
    for number in range(5):
        key = CallKey("e", "s", f"c{number}")
        ledger.audit("decision", {"call": key.call_id, "verdict": "refuse", "why": "the kiosk is muted"})
        ledger.record(key, "unlock_door", "refused", "the kiosk is muted")
    assert ledger.stop(PATIENCE_S)
    return folder


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = ctl.main(["audit", *words])
    told = capsys.readouterr()
    return code, told.out, told.err


def test_a_sound_trail_is_said_to_be_sound(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "verify", "--dir", str(state))
    assert code == 0 and "11 lines from 1 on: sound. Head 11:" in out and "compared with the ledger" in out


def test_scripts_get_json(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "verify", "--json", "--dir", str(state))
    page = json.loads(out)
    assert code == 0 and page["ok"] is True and page["head"]["seq"] == 11 and page["compared_with"] == "the ledger"


def test_a_changed_line_is_located(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = trail_files(state / "audit")[0]
    path.write_bytes(path.read_bytes().replace(b'"c2"', b'"c9"', 1))
    code, out, _ = run(capsys, "verify", "--dir", str(state))
    assert code == 1 and f"{path}:6: line 6 was changed" in out and "TAMPERED WITH" in out


def test_an_end_that_was_cut_off_is_missed_by_the_ledger(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = trail_files(state / "audit")[0]
    whole = path.read_bytes()
    path.write_bytes(b"".join(whole.splitlines(keepends=True)[:7]))
    code, out, _ = run(capsys, "verify", "--dir", str(state))
    assert code == 1 and "lines 8 to 11 are missing at the end" in out
    copy = state.parent / "copy"
    shutil.copytree(state / "audit", copy)
    code, out, _ = run(capsys, "verify", "--dir", str(copy))
    assert code == 0 and "would not be missed" in out
    head = json.loads(whole.splitlines()[-1])
    code, out, _ = run(capsys, "verify", "--dir", str(copy), "--head", f"11:{head['hash']}")
    assert code == 1 and "compared with the head you gave" in out


def test_the_last_lines_are_shown_for_people_and_for_scripts(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "tail", "-n", "2", "--dir", str(state))
    assert len(out.splitlines()) == 2 and "outcome" in out and "(the kiosk is muted)" in out and "verdict=refuse" in out
    _, out, _ = run(capsys, "tail", "-n", "1", "--json", "--dir", str(state))
    assert json.loads(out)["seq"] == 11
    _, out, _ = run(capsys, "tail", "-n", "0", "--dir", str(state))
    assert out == ""


def test_a_line_cannot_steer_the_terminal() -> None:
    assert "\x1b" not in ctl_audit.shown('{"seq":1,"at":"t","what":"x","data":{"call":"\\u001b[2J"},"prev":""}')
    assert "not a line" in ctl_audit.shown("\x1b[2J") and "\x1b" not in ctl_audit.shown("\x1b[2J")


def test_an_export_is_the_whole_trail_and_can_be_verified(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    there = state.parent / "out"
    there.mkdir()
    assert run(capsys, "export", str(there / "audit-000000000001.jsonl"), "--dir", str(state))[0] == 0
    assert (there / "audit-000000000001.jsonl").stat().st_mode & 0o777 == 0o600
    assert run(capsys, "verify", "--dir", str(there))[0] == 0
    code, _, err = run(capsys, "export", str(there / "no" / "x"), "--dir", str(state))
    assert code == 73 and "cannot be written" in err


@pytest.mark.parametrize("words", [("verify",), ("tail",), ("export",)])
def test_no_trail_is_a_sentence(words: tuple[str, ...], state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, *words, "--dir", str(state.parent / "empty"))
    assert code == 66 and "there is no audit trail in" in err


def test_a_head_that_is_none_is_a_sentence(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "verify", "--head", "latest", "--dir", str(state))
    assert code == 2 and "LINE:HASH" in err


def test_the_daemon_tells_where_its_trail_is_and_how_it_must_end(
    state: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    last = json.loads(trail_files(state / "audit")[0].read_text().splitlines()[-1])
    told: dict[str, Any] = {
        "ok": True,
        "folder": str(state / "audit"),
        "head": {"seq": 11, "hash": last["hash"]},
        "recent": [json.dumps({"seq": 11, "at": "t", "what": "outcome", "data": {"call": "fresh"}})],
    }
    monkeypatch.setattr(ctl, "ask", lambda *_: told)
    code, out, _ = run(capsys, "verify")
    assert code == 0 and "the daemon's memory" in out
    _, out, _ = run(capsys, "tail", "-n", "1")
    assert "call=fresh" in out
    told["head"] = {"seq": 12, "hash": "0" * 64}
    assert run(capsys, "verify")[0] == 1


def test_who_may_not_read_is_told_so(
    state: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(folder: str) -> list[str]:
        raise PermissionError(13, "Permission denied", folder)

    monkeypatch.setattr(os, "listdir", refused)
    code, _, err = run(capsys, "verify", "--dir", str(state))
    assert code == 77 and "use sudo" in err


def test_a_repair_is_asked_of_the_daemon_and_its_end_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    answers = iter(["", "", "", "3 rows were made readable; the ledger as it was lies in /x."])
    asked: list[dict[str, str]] = []

    def daemon(**more: str) -> dict[str, object]:
        asked.append(more)
        return {"mended": next(answers)}

    assert ctl_audit.run(argparse.Namespace(verb="repair"), daemon, ctl.CtlError) == 0
    assert asked[:2] == [{}, {"verb": "repair"}] and "3 rows" in capsys.readouterr().out


def test_a_repair_that_does_not_end_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctl_audit, "REPAIR_S", 0.0)
    with pytest.raises(ctl_audit.NotHad, match="was not mended"):
        ctl_audit.run(argparse.Namespace(verb="repair"), lambda **more: {"mended": ""}, ctl.CtlError)


def test_without_a_daemon_nothing_is_mended(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "repair")
    assert code == 69 and "no kioskd serves" in err


def test_a_second_repair_that_says_the_same_has_ended_too(capsys: pytest.CaptureFixture[str]) -> None:
    answers = iter([1, 1, 2])
    told = "Nothing in /x had to be mended."
    daemon = lambda **more: {"mended": told, "repairs": next(answers)}  # noqa: E731
    assert ctl_audit.run(argparse.Namespace(verb="repair"), daemon, ctl.CtlError) == 0
    assert told in capsys.readouterr().out
