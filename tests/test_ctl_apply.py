"""``kioskctl apply`` and ``rollback`` against a real daemon under a manager that starts it again."""

from __future__ import annotations

import hashlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Callable

import pytest

from kioskd import ctl, ctl_apply
from kioskd.config.goods import Goods
from kioskd.config.staging import Place, Refused

BROKEN = "volume: [\n"
# A device that is not there: the kiosk runs, and is ill.
ILL = ('"null", output', "file:/nowhere/at/all.wav, output")


def until(holds: Callable[[], Any], within_s: float = 30.0) -> Any:
    """Wait for something that another process does."""
    end = time.monotonic() + within_s
    while not (found := holds()):
        assert time.monotonic() < end, "it never came"
        time.sleep(0.05)
    return found


def new(kiosk: Any, *edits: str) -> str:
    """A file with the new configuration."""
    path = kiosk.folder / "new.yaml"
    path.write_text(kiosk.but(*edits))
    return str(path)


def result(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def trial(kiosk: Any) -> dict[str, Any]:
    found: dict[str, Any] = kiosk.status()["config"]["trial"] or {}
    return found


def test_a_live_one_is_tried_watched_and_kept(kiosk_file: Any, kiosk_unit: Any) -> None:
    path = new(kiosk_file, "0.8", "0.3", "Be kind", "Be brief")
    done = kiosk_file.ctl("apply", path, "--watch", "0.3")
    assert done.returncode == 0, done.stderr
    assert "at once:\n  audio.volume: 0.8 -> 0.3\nwith the next session:\n  persona.instructions" in done.stdout
    assert done.stdout.endswith("kept\n") and kiosk_unit.starts == 1
    assert kiosk_file.path.read_text() == Path(path).read_text()
    assert sorted(os.listdir(kiosk_file.folder)) == [
        "kioskd.yaml",
        "kioskd.yaml.lock",
        "log",
        "new.yaml",
        "notify",
        "run",
        "state",
    ]
    again = kiosk_file.ctl("apply", path, "--json")
    assert again.returncode == 0 and result(again)["outcome"] == "unchanged"


def test_one_that_needs_a_restart_gets_it(kiosk_file: Any, kiosk_unit: Any) -> None:
    done = kiosk_file.ctl("apply", new(kiosk_file, "GPIO27", "GPIO22"), "--watch", "0.5", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert result(done)["outcome"] == "kept" and kiosk_unit.starts == 2
    config = kiosk_file.status()["config"]
    assert config["running"] == "file" and config["pending"] == [] and trial(kiosk_file)["restart"]


def test_one_that_makes_the_kiosk_ill_goes_back_over_a_restart(kiosk_file: Any, kiosk_unit: Any) -> None:
    done = kiosk_file.ctl("apply", new(kiosk_file, *ILL), "--watch", "1", "--json")
    assert done.returncode == 1 and result(done)["outcome"] == "rolled back"
    assert "/nowhere/at/all.wav" in result(done)["reason"]
    kiosk_unit.ready(3)
    page = until(lambda: kiosk_file.status() if kiosk_file.status()["health"]["ok"] else None)
    assert page["config"]["running"] == "file" and kiosk_file.path.read_text() == kiosk_file.text
    assert kiosk_unit.starts == 3


def test_one_that_kills_the_daemon_is_not_started_twice(kiosk_file: Any, kiosk_unit: Any) -> None:
    path = new(kiosk_file, "GPIO27", "GPIO22")
    applying = threading.Thread(target=lambda: told.append(kiosk_file.ctl("apply", path, "--watch", "60", "--json")))
    told: list[subprocess.CompletedProcess[str]] = []
    applying.start()
    kiosk_unit.ready(2)
    assert kiosk_file.status()["config"]["running"] == "trial"
    kiosk_unit.process.kill()
    applying.join(60)
    assert told[0].returncode == 1 and "kioskd ended while it was on trial" in result(told[0])["reason"]
    kiosk_unit.ready(3)
    assert kiosk_file.status()["config"]["running"] == "file" and kiosk_file.path.read_text() == kiosk_file.text


@pytest.mark.parametrize("who", ["the connection", "the hand"])
def test_whoever_goes_away_meanwhile_leaves_one_of_the_two_whole(kiosk_file: Any, kiosk_unit: Any, who: str) -> None:
    """The connection drops: it is kept all the same. The process that would keep it is killed: it goes back."""
    path = new(kiosk_file, "0.8", "0.3")
    command = [sys.executable, "-m", "kioskd.ctl", "--runtime-dir", str(kiosk_file.folder / "run"), "apply", path]
    asking = subprocess.Popen([*command, "--watch", "1.5"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    until(lambda: trial(kiosk_file).get("phase") == "watched")
    if who == "the hand":
        (hand,) = until(lambda: Path(f"/proc/{asking.pid}/task/{asking.pid}/children").read_text().split())
        os.kill(int(hand), signal.SIGKILL)
    asking.kill()
    asking.communicate()
    state = until(lambda: (found := trial(kiosk_file)["state"]) in ("kept", "rolled back") and found)
    assert state == ("kept" if who == "the connection" else "rolled back")
    want = Path(path).read_text() if state == "kept" else kiosk_file.text
    assert kiosk_file.path.read_text() == want
    assert kiosk_file.status()["config"]["running"] == "file"


def test_one_that_is_to_be_confirmed_goes_back_or_stays(kiosk_file: Any, kiosk_unit: Any) -> None:
    path = new(kiosk_file, "0.8", "0.3")
    done = kiosk_file.ctl("apply", path, "--watch", "0.2", "--confirm-within", "0.8")
    assert done.returncode == 1 and "nobody confirmed it within 0.8 s" in done.stderr
    assert "kioskctl apply --confirm" in done.stdout and kiosk_file.path.read_text() == kiosk_file.text
    told: list[subprocess.CompletedProcess[str]] = []
    words = ("apply", path, "--watch", "0.2", "--confirm-within", "60", "--json")
    applying = threading.Thread(target=lambda: told.append(kiosk_file.ctl(*words)))
    applying.start()
    until(lambda: trial(kiosk_file).get("phase") == "unconfirmed")
    assert kiosk_file.ctl("apply", "--confirm").returncode == 0
    applying.join(60)
    assert told[0].returncode == 0 and kiosk_file.path.read_text() == Path(path).read_text()


def test_two_at_once_are_one_too_many(kiosk_file: Any, kiosk_unit: Any) -> None:
    told: list[subprocess.CompletedProcess[str]] = []
    path = new(kiosk_file, "0.8", "0.3")
    applying = threading.Thread(target=lambda: told.append(kiosk_file.ctl("apply", path, "--watch", "2")))
    applying.start()
    until(lambda: trial(kiosk_file).get("phase") == "watched")
    second = kiosk_file.ctl("apply", "-", text=kiosk_file.but("0.8", "0.1"))
    assert second.returncode == 1 and "another apply is under way" in second.stderr
    reload = kiosk_file.ctl("reload")
    assert reload.returncode == 1 and "is on trial" in reload.stderr
    applying.join(60)
    assert told[0].returncode == 0 and "volume: 0.3" in kiosk_file.path.read_text()


def test_rollback_brings_back_what_ran_healthy_before(kiosk_file: Any, kiosk_unit: Any) -> None:
    for volume in ("0.3", "0.4"):
        assert kiosk_file.ctl("apply", new(kiosk_file, "0.8", volume), "--watch", "0.2").returncode == 0
    looked = kiosk_file.ctl("rollback", "--dry-run")
    assert looked.returncode == 0 and "audio.volume: 0.4 -> 0.3" in looked.stdout
    assert "volume: 0.4" in kiosk_file.path.read_text()
    done = kiosk_file.ctl("rollback", "--watch", "0.2", "--json")
    assert done.returncode == 0, done.stderr
    assert "volume: 0.3" in kiosk_file.path.read_text() and result(done)["changes"][0]["new"] == "0.3"
    assert kiosk_file.status()["config"]["good"] == result(done)["sha256"]


@pytest.mark.parametrize("bad", ["mistake", "half", "large", "empty", "link", "fingerprint", "latin"])
def test_a_bad_one_is_refused_with_one_sentence_and_nothing_is_touched(
    kiosk_file: Any, kiosk_unit: Any, bad: str
) -> None:
    path = kiosk_file.folder / "new.yaml"
    whole = kiosk_file.but("0.8", "0.3").encode()
    texts = {"mistake": whole + BROKEN.encode(), "half": whole[:-9], "large": b"# x\n" * 300_000, "empty": b""}
    path.write_bytes({**texts, "latin": whole.replace(b"kind", b"k\xfcnd")}.get(bad, whole))
    name = path
    if bad == "link":
        name = kiosk_file.folder / "link"
        name.symlink_to(path)
    more = ["--sha256", "00" * 32] if bad == "fingerprint" else []
    for words in (["apply", str(name), *more], ["apply", str(name), *more, "--json"]):
        done = kiosk_file.ctl(*words)
        assert done.returncode == 1
        said = result(done)["reason"] if "--json" in words else done.stderr.splitlines()[-1]
        assert said and "\n" not in said and "Traceback" not in done.stderr
    assert kiosk_file.path.read_text() == kiosk_file.text and not Path(f"{kiosk_file.path}.trial").exists()
    assert kiosk_file.status()["config"]["trial"] is None


def test_a_dry_run_shows_everything_and_changes_nothing(kiosk_file: Any, kiosk_unit: Any) -> None:
    done = kiosk_file.ctl("apply", new(kiosk_file, "0.8", "0.3", "GPIO27", "GPIO22"), "--dry-run", "--json")
    assert done.returncode == 0 and result(done)["outcome"] == "dry run"
    applies = {row["key"]: row["applies"] for row in result(done)["changes"]}
    assert applies == {"audio.volume": "live", "tools[unlock_door].action.relay.pin": "restart"}
    assert kiosk_file.status()["config"]["trial"] is None and kiosk_file.path.read_text() == kiosk_file.text


def test_a_kiosk_that_runs_its_last_good_one_is_mended_by_an_apply(
    kiosk_file: Any, make_unit: Callable[[Any], Any]
) -> None:
    Goods(str(kiosk_file.folder / "state")).keep(kiosk_file.text.encode())
    kiosk_file.path.write_text(kiosk_file.text + BROKEN)
    unit = make_unit(kiosk_file).ready()
    try:
        assert kiosk_file.ctl("status").returncode == 1
        done = kiosk_file.ctl("rollback", "--watch", "0.2")
        assert done.returncode == 0, done.stderr
        assert kiosk_file.path.read_text() == kiosk_file.text and kiosk_file.status()["config"]["running"] == "file"
        until(lambda: kiosk_file.status()["health"]["ok"])
    finally:
        unit.close()


def test_a_file_that_is_a_link_is_not_replaced(kiosk_file: Any, kiosk_unit: Any) -> None:
    real = kiosk_file.folder / "real.yaml"
    kiosk_file.path.rename(real)
    kiosk_file.path.symlink_to(real)
    done = kiosk_file.ctl("apply", new(kiosk_file, "0.8", "0.3"))
    assert done.returncode == 1 and "is a symbolic link" in done.stderr
    assert real.read_text() == kiosk_file.text


def test_without_a_daemon_it_is_checked_and_written_and_that_is_said(kiosk_file: Any) -> None:
    path = new(kiosk_file, "0.8", "0.3")
    done = kiosk_file.ctl("apply", path, "-c", str(kiosk_file.path))
    assert done.returncode == 0 and "nobody watched it" in done.stdout
    assert kiosk_file.path.read_text() == Path(path).read_text()
    assert kiosk_file.ctl("rollback").returncode == 69
    done = kiosk_file.ctl("apply", "-", "-c", str(kiosk_file.path), text=kiosk_file.text + BROKEN)
    assert done.returncode == 1 and kiosk_file.path.read_text() == Path(path).read_text()
    assert kiosk_file.ctl("apply").returncode == 2


@pytest.mark.parametrize("which", ["etc", "run", "state"])
def test_a_disk_that_is_full_at_each_write_leaves_what_runs(
    kiosk_file: Any, make_unit: Callable[[Any], Any], which: str
) -> None:
    """The folder of the file, of the marker, of the good copies and the audit trail: a disk of its own, and full."""
    disk = kiosk_file.folder / which
    disk.mkdir(exist_ok=True)
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    options = f"size=1m,uid={os.geteuid()}"
    subprocess.run([*sudo, "mount", "-t", "tmpfs", "-o", options, "tmpfs", str(disk)], check=True)
    try:
        if which == "etc":
            kiosk_file.path = disk / "kioskd.yaml"
            kiosk_file.path.write_text(kiosk_file.text)
        unit = make_unit(kiosk_file).ready()
        try:
            with open(disk / "filler", "wb", buffering=0) as filler, pytest.raises(OSError, match="No space"):
                while True:
                    filler.write(bytes(4096))
            done = kiosk_file.ctl("apply", new(kiosk_file, "0.8", "0.3"), "--watch", "0.5", "--json")
            assert "\n" not in result(done)["reason"], done.stdout
            config = kiosk_file.status()["config"]
            if which == "state":  # it may be kept; that it could not be copied is told, and made good
                assert result(done)["outcome"] == "rolled back" or "No space" in config["unkept"]
            else:
                assert (done.returncode, result(done)["outcome"]) == (1, "refused")
                assert kiosk_file.path.read_text() == kiosk_file.text
            assert hashlib.sha256(kiosk_file.path.read_bytes()).hexdigest() == config["sha256"]
            (disk / "filler").unlink()
            until(lambda: kiosk_file.status()["health"]["ok"])
            assert kiosk_file.status()["config"]["running"] == "file" and unit.starts == 1
            assert kiosk_file.ctl("apply", new(kiosk_file, "0.8", "0.4"), "--watch", "0.5").returncode == 0
            assert kiosk_file.status()["config"]["unkept"] == ""
        finally:
            unit.close()
    finally:
        subprocess.run([*sudo, "umount", str(disk)], check=True)


class Posed:
    """What answers in the place of a daemon, with whatever it likes."""

    def __init__(self, kiosk: Any, **config: Any) -> None:
        text = kiosk.text
        self.config = {"path": str(kiosk.path), "running": "file", "sha256": "", "pending": [], "text": text, **config}
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(kiosk.folder / "run" / "change.sock"))
        self._listening.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            asking, _ = self._listening.accept()
            with asking, asking.makefile("rwb") as lines:
                if lines.readline():
                    lines.write(json.dumps({"ok": True, "config": self.config}).encode() + b"\n")


@pytest.mark.parametrize("words", [["apply", "-"], ["rollback"], ["apply", "-", "--dry-run"]])
def test_a_daemon_that_was_broken_into_does_not_choose_what_root_overwrites(
    kiosk_file: Any, words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    victim = kiosk_file.folder / "authorized_keys"
    victim.write_text("somebody's\n")
    planted = {"sha256": "", "text": kiosk_file.but("Be kind.", "ssh-ed25519 AAAA")}
    Posed(kiosk_file, path=str(victim), before=planted)
    monkeypatch.setattr(ctl_apply, "user_of", lambda asking: 64001)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(kiosk_file.but("0.8", "0.3").encode())))
    assert ctl.main(["--runtime-dir", str(kiosk_file.folder / "run"), *words]) == 1
    said = capsys.readouterr().err
    assert "user id 64001" in said and "say it yourself: -c" in said and victim.read_text() == "somebody's\n"


def test_the_daemon_is_believed_where_it_names_the_usual_file_or_the_one_that_was_said() -> None:
    ctl_apply._believe(ctl_apply.CONFIG, 64001, ctl_apply.CONFIG)
    ctl_apply._believe(os.path.abspath("kiosk.yaml"), 64001, "kiosk.yaml")
    ctl_apply._believe("/home/anna/kiosk.yaml", os.geteuid(), ctl_apply.CONFIG)
    with pytest.raises(Refused):
        ctl_apply._believe(ctl_apply.CONFIG, 64001, "/home/anna/kiosk.yaml")


def test_a_daemon_that_lives_and_takes_nobody_is_not_taken_for_none(kiosk_file: Any) -> None:
    """Its queue is full while it stands still: nothing may be written behind its back, unwatched."""
    with socket.socket(socket.AF_UNIX) as busy, socket.socket(socket.AF_UNIX) as first:
        busy.bind(str(kiosk_file.folder / "run" / "change.sock"))
        busy.listen(0)
        first.connect(str(kiosk_file.folder / "run" / "change.sock"))
        done = kiosk_file.ctl("apply", "-", "-c", str(kiosk_file.path), text=kiosk_file.but("0.8", "0.3"))
    assert done.returncode == 69 and "does not answer" in done.stderr
    assert kiosk_file.path.read_text() == kiosk_file.text


def test_what_waits_for_a_restart_does_not_run_yet_and_an_apply_of_it_brings_it(
    kiosk_file: Any, kiosk_unit: Any
) -> None:
    kiosk_file.path.write_text(kiosk_file.but("GPIO27", "GPIO22"))
    assert kiosk_file.ctl("reload").returncode == 0 and kiosk_file.status()["config"]["pending"]
    done = kiosk_file.ctl("apply", str(kiosk_file.path), "--watch", "0.3", "--json")
    assert done.returncode == 0 and result(done)["outcome"] == "kept" and kiosk_unit.starts == 2
    assert kiosk_file.status()["config"]["pending"] == []


def test_what_it_goes_back_to_is_what_stands_there_once_no_other_applies(
    kiosk_file: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    Posed(kiosk_file)
    seen: list[bytes] = []

    def lock(place: Place) -> None:
        kiosk_file.path.write_text(kiosk_file.but("0.8", "0.7"))  # an apply that ended just now kept this

    def outliving(work: Any) -> Any:
        seen.append(work.before)
        return iter([{"ok": True, "outcome": "kept", "reason": ""}])

    monkeypatch.setattr(Place, "lock", lock)
    monkeypatch.setattr(ctl_apply, "outliving", outliving)
    words = ["apply", new(kiosk_file, "0.8", "0.3")]
    assert ctl.main(["--runtime-dir", str(kiosk_file.folder / "run"), *words]) == 0
    assert b"volume: 0.7" in seen[0]


def test_a_confirmation_that_would_end_before_it_is_asked_for_is_refused(kiosk_file: Any) -> None:
    path = new(kiosk_file, "0.8", "0.3")
    done = kiosk_file.ctl("apply", path, "-c", str(kiosk_file.path), "--confirm-within", "10")
    assert done.returncode == 1 and "longer than the 15 s" in done.stderr
    assert kiosk_file.path.read_text() == kiosk_file.text


def test_a_dry_run_wants_no_place_to_write_to(kiosk_file: Any) -> None:
    """On a laptop, before there is a box: what it would do is told, and the folder is not asked for."""
    nowhere = str(kiosk_file.folder / "none" / "kioskd.yaml")
    path = new(kiosk_file, "0.8", "0.3")
    looked = kiosk_file.ctl("apply", path, "--dry-run", "--json", "-c", nowhere)
    assert looked.returncode == 0 and result(looked)["outcome"] == "dry run", looked.stdout + looked.stderr
    assert any(row["key"] == "audio.volume" for row in result(looked)["changes"])
    done = kiosk_file.ctl("apply", path, "--json", "-c", nowhere)
    assert done.returncode == 1 and "there is no folder" in result(done)["reason"]


def test_what_is_there_already_is_unchanged_also_where_no_kiosk_runs(kiosk_file: Any) -> None:
    path = new(kiosk_file, "0.8", "0.3")
    words = ("apply", path, "--json", "-c", str(kiosk_file.path))
    assert result(kiosk_file.ctl(*words))["outcome"] == "written"
    before = kiosk_file.path.stat()
    for more in ((), ("--dry-run",)):
        again = kiosk_file.ctl(*words, *more)
        assert again.returncode == 0 and result(again)["outcome"] == "unchanged", again.stdout
    assert kiosk_file.path.stat().st_mtime_ns == before.st_mtime_ns


def test_a_dry_run_of_what_runs_already_says_so(kiosk_file: Any, kiosk_unit: Any) -> None:
    looked = kiosk_file.ctl("apply", str(kiosk_file.path), "--dry-run", "--json")
    assert looked.returncode == 0 and result(looked)["outcome"] == "unchanged"
