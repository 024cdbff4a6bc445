"""What support gets: whole as far as it can be had, and without a single key or word of a visitor."""

from __future__ import annotations

import argparse
import json
import os
import tarfile
from pathlib import Path
from typing import Mapping

import pytest

from kioskd import ctl, ctl_bugreport
from kioskd.checkup.runner import LONGEST_S
from kioskd.ctl_bugreport import Exhibit, NotHad, bundle, gather, redactor
from kioskd.ctl_reach import ANSWER_S

CANARY = "hyb_CaNaRy0123456789abcdefSECRET"
PLAIN = "a plain pass phrase"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No programs of this machine but one that succeeds, one that fails and one that is not there."""
    commands = {
        "echo.txt": ("echo", "hello"),
        "fail.txt": ("sh", "-c", "echo oh; exit 3"),
        "gone.txt": ("no-such-program",),
    }
    monkeypatch.setattr(ctl_bugreport, "COMMANDS", commands)
    monkeypatch.setattr(ctl_bugreport, "FILES", {"load.txt": "/proc/loadavg", "model.txt": "/proc/no/model"})


@pytest.fixture
def box(tmp_path: Path) -> Path:
    """A configuration with two keys and a timeline."""
    for name, secret in (("key", CANARY), ("staff", PLAIN)):
        (tmp_path / name).write_text(secret)
        (tmp_path / name).chmod(0o600)
    rows = [
        {"t": 1, "kind": "tool", "text": "call_staff asked for", "arguments": "my name is Ada"},
        {"t": 2, "kind": "link", "text": f"refused by wss://x/?api_key={CANARY}"},
    ]
    (tmp_path / "timeline.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows) + '"odd"\n{broken\n')
    tree = {
        "service": [{"dialect": "hydra", "key": {"credential": "key"}}, {"dialect": "local"}],
        "panel": {"talk": {"pin": "GPIO17"}},
        "tools": [
            {
                "name": "call_staff",
                "description": "d",
                "phrases": ["call somebody"],
                "class": "notify",
                "action": {"staff": {"url": "https://staff.example/x", "token": {"file": str(tmp_path / "staff")}}},
                "policy": {"allow": True},
            }
        ],
        "ops": {"timeline": str(tmp_path / "timeline.jsonl")},
    }
    (tmp_path / "kioskd.yaml").write_text(json.dumps(tree))
    return tmp_path


def status() -> Mapping[str, object]:
    return {"link": {"reason": f"Bearer {CANARY} was refused; {PLAIN}"}}


def gathered(box: Path) -> dict[str, Exhibit]:
    config = str(box / "kioskd.yaml")
    return {one.name: one for one in gather(status, config, redactor(config, os.environ))}


def test_everything_that_can_be_had_is_in_it_and_the_rest_says_why(box: Path) -> None:
    found = gathered(box)
    assert found["echo.txt"].text == "hello\n" and "(exit status 3)" in found["fail.txt"].text
    assert found["gone.txt"].missing == "no-such-program is not installed"
    assert found["model.txt"].missing == "/proc/no/model: No such file or directory"
    assert "dialect: hydra" in found["config-effective.yaml"].text
    assert "kioskd 0." in found["about.txt"].text and found["load.txt"].text


def test_no_key_and_no_word_of_a_visitor_gets_out(box: Path) -> None:
    out = str(box / "x.tar.gz")
    bundle(list(gathered(box).values()), out)
    with tarfile.open(out) as archive:
        contents = b"".join(file.read() for member in archive if (file := archive.extractfile(member)))
    for secret in (CANARY, PLAIN, "Ada"):
        assert secret.encode() not in contents
    assert b"was refused" in contents and b"call_staff asked for" in contents
    assert contents.count(b"(a line that is none)") == 2


def test_a_key_that_we_may_not_read_is_known_by_its_shape(box: Path) -> None:
    (box / "key").unlink()
    assert CANARY not in gathered(box)["status.json"].text


def test_the_archive_is_for_our_eyes_and_never_replaces_another(box: Path) -> None:
    out = box / "x.tar.gz"
    bundle([Exhibit("a.txt", "a")], str(out))
    assert out.stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        bundle([Exhibit("a.txt", "b")], str(out))


def test_a_configuration_that_does_not_check_is_part_of_the_report(box: Path) -> None:
    (box / "kioskd.yaml").write_text("nonsense: true\n")
    found = gathered(box)
    assert "nonsense" in found["config-effective.yaml"].missing and "nonsense" in found["config-check.txt"].text
    assert found["timeline.jsonl"].missing == "ops.timeline is not set"


def test_it_promises_no_more_than_it_knows(box: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = box / "kioskd.yaml"
    for broken, promise in ((False, "Keys are taken out"), (True, "only what looks like a key is taken out: look for")):
        if broken:
            file.write_text(file.read_text() + "\nnonsense: 1\n")
        out = box / f"{broken}.tar.gz"
        ctl.main(["--runtime-dir", str(box), "bugreport", "-c", str(file), "--out", str(out)])
        assert promise in capsys.readouterr().out


def test_a_dead_daemon_is_no_reason_to_give_up(box: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = box / "report.tar.gz"
    arguments = ["--runtime-dir", str(box / "run"), "bugreport", "-c", str(box / "kioskd.yaml"), "--out", str(out)]
    assert ctl.main(arguments) == 0
    said = capsys.readouterr().out
    assert "status.json: no kioskd serves" in said and "Read it before you send it" in said
    assert ctl.main(arguments) == 73 and "cannot be written: File exists" in capsys.readouterr().err


def test_a_script_is_told_what_is_in_it(box: Path) -> None:
    options = argparse.Namespace(config=str(box / "kioskd.yaml"), out=str(box / "r.tar.gz"), json=True)

    def nobody() -> Mapping[str, object]:
        raise NotHad("there is no daemon")

    told = json.loads(ctl_bugreport.bugreport(options, nobody))
    assert told["archive"] == str(box / "r.tar.gz") and told["missing"]["status.json"] == "there is no daemon"
    assert told["exhibits"]["echo.txt"] == 6


def test_a_program_that_does_not_end_is_left(box: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctl_bugreport, "COMMANDS", {"slow.txt": ("sleep", "5")})
    monkeypatch.setattr(ctl_bugreport, "COMMAND_S", 0.1)
    assert gathered(box)["slow.txt"].missing == "sleep did not end within 0.1 s"


def test_the_doctor_of_a_box_in_trouble_is_waited_for() -> None:
    assert ctl_bugreport.DOCTOR_S > LONGEST_S + 2 * ANSWER_S, "as long as it may take, and some for its start"


def test_a_key_at_the_place_where_an_exhibit_is_cut_is_taken_out_whole(
    box: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ctl_bugreport, "COMMANDS", {"journal.txt": ("printf", "%s", f"dialling {CANARY} failed")})
    monkeypatch.setattr(ctl_bugreport, "MOST_BYTES", 20)
    assert "SECRET" not in gathered(box)["journal.txt"].text


def test_root_takes_out_the_keys_that_belong_to_the_daemon(box: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.chown(box / "staff", os.getuid() or 4711, -1)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert PLAIN not in redactor(str(box / "kioskd.yaml"), {})(f"it said {PLAIN} and ended")


def test_of_a_long_timeline_the_end_is_sent(box: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = (json.dumps({"t": at, "kind": "tool", "arguments": "my name is Ada"}) + "\n" for at in range(1000))
    (box / "timeline.jsonl").write_text("".join(rows))
    monkeypatch.setattr(ctl_bugreport, "MOST_BYTES", 500)
    found = gathered(box)["timeline.jsonl"].text
    assert '"t": 999' in found and "Ada" not in found


def test_what_the_doctor_says_stays_json_when_it_finds_something(box: Path) -> None:
    """It ends with exit status 1 where something is wrong: on such a box the report is wanted."""
    found = json.loads(gathered(box)["doctor.json"].text)
    assert found["counts"]["fail"] >= 1


def test_without_a_file_named_it_is_about_what_the_daemon_runs(
    box: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[object] = []

    def answer(*request: object) -> dict[str, object]:
        asked.append(request)
        return {"status": {"config": {"path": str(box / "kioskd.yaml")}}}

    monkeypatch.setattr(ctl, "ask", answer)
    assert ctl.main(["bugreport", "--out", str(box / "r.tar.gz")]) == 0
    with tarfile.open(box / "r.tar.gz") as archive:
        file = archive.extractfile("kioskd-bugreport/config-effective.yaml")
        assert file is not None and "dialect: hydra" in file.read().decode()
    assert len(asked) == 1 and "Keys are taken out" in capsys.readouterr().out
