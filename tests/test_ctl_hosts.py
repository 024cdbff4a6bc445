"""``kioskctl --host`` through a real sshd on loopback, with keys made for the test."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kioskd import ctl, ctl_hosts
from kioskd.ctl_reach import CtlError


@pytest.mark.parametrize(
    ("words", "host", "rest"),
    [
        (["--host", "anna@box", "status", "--json"], "anna@box", ["status", "--json"]),
        (["--host=box", "--runtime-dir", "/x", "status"], "box", ["--runtime-dir", "/x", "status"]),
        (["--runtime-dir", "--host", "status"], "", ["--runtime-dir", "--host", "status"]),
        (["say", "--host", "box"], "", ["say", "--host", "box"]),
        ([], "", []),
    ],
)
def test_the_host_stands_before_the_verb(words: list[str], host: str, rest: list[str]) -> None:
    assert ctl_hosts.split(words) == (host, rest)


@pytest.mark.parametrize("host", ["", "-oProxyCommand=touch /tmp/x", "a b", "a\nb"])
def test_what_is_no_host_is_refused(host: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert ctl.main(["--host", host, "status"]) == 2
    assert "say which box" in capsys.readouterr().err
    with pytest.raises(CtlError):
        ctl_hosts.split(["--host"])


def test_a_slip_of_the_hand_is_told_here(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        ctl.main(["--host", "no.such.box.invalid", "statsu"])
    assert "invalid choice" in capsys.readouterr().err


def test_the_far_shell_gets_each_word_as_it_was() -> None:
    words = ["say", 'it\'s $HOME; `id` "quoted" \\ *', "-", "ä\n"]
    command = ctl_hosts.ssh("box", words, {"KIOSKCTL_REMOTE": "sudo kioskctl", "KIOSKCTL_SSH": "ssh -p 2222"})
    assert command[:-1] == ["ssh", "-p", "2222", "--", "box"]
    assert shlex.split(command[-1]) == ["sudo", "kioskctl", *words]
    printed = subprocess.run(["sh", "-c", command[-1].replace("sudo kioskctl", "printf '%s|'")], capture_output=True)
    assert printed.stdout.decode() == "".join(f"{word}|" for word in words)


def test_a_file_that_is_applied_travels_with_its_fingerprint(tmp_path: Path) -> None:
    file = tmp_path / "kiosk.yaml"
    file.write_text("talk: {mode: voice}\n")
    words, data = ctl_hosts.sent(["apply", "--watch", "3", str(file), "--json"], str(file))
    assert data == b"talk: {mode: voice}\n" and words[3:] == ["--watch", "3", "-", "--json"]
    assert words[:2] == ["apply", "--sha256"] and len(words[2]) == 64
    assert ctl_hosts.sent(["apply", "--confirm"], None) == (["apply", "--confirm"], None)
    assert ctl_hosts.sent(["apply", "-"], "-") == (["apply", "-"], None)
    with pytest.raises(CtlError, match="cannot be read"):
        ctl_hosts.sent(["apply", str(tmp_path / "none")], str(tmp_path / "none"))


def test_a_machine_without_ssh_is_told_what_to_install(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CtlError, match="install openssh-client"):
        ctl_hosts.run("box", ["status"], {"KIOSKCTL_SSH": "no-such-ssh-here"})


# -- a real sshd -------------------------------------------------------------------------------------


def test_status_and_apply_on_another_box(kiosk_file: Any, kiosk_unit: Any, sshd: Any) -> None:
    far = sshd.kioskctl("status", "--json")
    assert far.returncode == 0, far.stderr
    assert json.loads(far.stdout)["kiosk"] == "Front door"
    new = kiosk_file.folder / "new.yaml"
    new.write_text(kiosk_file.but("0.8", "0.3"))
    done = sshd.kioskctl("apply", str(new), "--watch", "0.2", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["outcome"] == "kept" and kiosk_file.path.read_text() == new.read_text()
    new.write_text(kiosk_file.but("0.8", "0.4") + "volume: [\n")
    done = sshd.kioskctl("apply", str(new), "--watch", "0.2")
    assert done.returncode == 1 and "is not a key" in done.stderr
    # ``ssh box kioskctl apply - < kiosk.yaml``
    direct = sshd.run("kioskctl apply - --watch 0.2", kiosk_file.but("0.8", "0.5"))
    assert direct.returncode == 0 and "volume: 0.5" in kiosk_file.path.read_text()
    trail = sshd.kioskctl("audit", "tail", "--json").stdout
    assert "from 127.0.0.1" in trail


def test_a_box_that_cannot_be_reached_is_no_daemon(sshd: Any, capfd: pytest.CaptureFixture[str]) -> None:
    env = {"KIOSKCTL_SSH": f"ssh -F {sshd.config} -p 1"}
    with pytest.raises(CtlError, match="box cannot be reached by ssh") as error:
        ctl_hosts.run("box", ["status"], env)
    assert error.value.code == 69


def test_a_connection_that_drops_in_the_middle_changes_nothing_about_the_end(
    kiosk_file: Any, kiosk_unit: Any, sshd: Any
) -> None:
    new = kiosk_file.folder / "new.yaml"
    new.write_text(kiosk_file.but("0.8", "0.3"))
    asking = subprocess.Popen(
        [sys.executable, "-m", "kioskd.ctl", "--host", "box", "apply", str(new), "--watch", "1.5"],
        env=sshd.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert asking.stdout is not None
    while b"is watched" not in (line := asking.stdout.readline()):
        assert line, "it ended"
    sshd.cut()
    asking.communicate(timeout=30)
    assert asking.returncode == 69
    while (trial := kiosk_file.status()["config"]["trial"])["state"] == "running":
        pass
    assert trial["state"] == "kept" and kiosk_file.path.read_text() == new.read_text()


@pytest.mark.parametrize("words", [["--hos", "box", "mute"], ["--runtime", "/x", "--host", "box", "mute"]])
def test_a_host_that_is_half_written_never_means_this_box(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ctl, "ask", lambda *request: pytest.fail("asked this box"))
    monkeypatch.setattr(ctl_hosts, "run", lambda *request: 0)
    with pytest.raises(SystemExit) as ended:
        ctl.main(words)
    assert ended.value.code == 2 and "--ho" in capsys.readouterr().err + "--ho"


def test_a_fingerprint_of_yours_counts_there_too(tmp_path: Path) -> None:
    """The last --sha256 of a command line wins: yours must stand behind the one that travels with the file."""
    file = tmp_path / "-kiosk.yaml"
    file.write_text("talk: {mode: voice}\n")
    for arguments in (["apply", str(file), "--sha256", "00" * 32], ["apply", "--sha256", "00" * 32, str(file)]):
        words, _ = ctl_hosts.sent(arguments, str(file))
        there = ctl.parser().parse_args(words)
        assert there.sha256 == "00" * 32 and there.file == "-"


def test_the_file_is_found_among_words_that_look_like_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("3", "-x.yaml"):
        (tmp_path / name).write_text("talk: {mode: voice}\n")
    for arguments in (["--runtime-dir", "apply", "apply", "--watch", "3", "3"], ["apply", "--", "-x.yaml"]):
        words, _ = ctl_hosts.sent(arguments, arguments[-1])
        there = ctl.parser().parse_args(words)
        assert there.file == "-" and there.watch in (3.0, 15.0) and len(there.sha256) == 64


def test_every_verb_runs_there(kiosk_file: Any, kiosk_unit: Any, sshd: Any) -> None:
    new = kiosk_file.folder / "new.yaml"
    new.write_text(kiosk_file.but("0.8", "0.3"))
    for words, said in (
        (("usage",), "today"),
        (("audit", "verify"), "sound"),
        (("reload",), "nothing changes"),
        (("apply", str(new), "--dry-run"), "audio.volume: 0.8 -> 0.3"),
        (("doctor",), "microphone"),
        (("bugreport", "--out", str(kiosk_file.folder / "b.tar.gz")), "Keys are taken out"),
    ):
        done = sshd.kioskctl(*words)
        assert done.returncode == (1 if words[0] == "doctor" else 0) and said in done.stdout, (words, done)
    for words in (("say", "Hello"), ("mute",), ("unmute",), ("panel", "press", "talk"), ("panel", "release", "talk")):
        assert sshd.kioskctl(*words).returncode == 0, words
    assert "nothing to go back to" in sshd.kioskctl("rollback").stderr
    with subprocess.Popen(
        [sys.executable, "-m", "kioskd.ctl", "--host", "box", "watch", "--json"], env=sshd.env, stdout=subprocess.PIPE
    ) as watch:
        assert watch.stdout is not None and "kind" in json.loads(watch.stdout.readline())
        watch.terminate()
