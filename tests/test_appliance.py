"""The command scripts/appliance, as far as it goes without booting anything; tests/appliance boots."""

from __future__ import annotations

import argparse
import json
import os
import random
import runpy
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kioskd.config.loader import load

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT))

from appliance import cli, matrix  # noqa: E402  (no installed package: the path comes first)
from appliance.boxed import Box, cannot_box  # noqa: E402
from appliance.channel import Channel  # noqa: E402
from appliance.host import ApplianceError, debian_mirror, kvm_serves, run  # noqa: E402
from appliance.layers import PROJECT, Layers  # noqa: E402
from appliance.matrix import Matrix  # noqa: E402
from appliance.slope import picture, slope  # noqa: E402
from appliance.soak import Sample, report  # noqa: E402
from appliance.store import Store, digest, of_files  # noqa: E402
from appliance.vm import Boot, arguments, free_port  # noqa: E402


def test_the_ordinary_tests_boot_nothing() -> None:
    env = {name: value for name, value in os.environ.items() if name != "KIOSKD_APPLIANCE_IMAGE"}
    command = [sys.executable, "-m", "pytest", "--collect-only", "-p", "no:cacheprovider", "tests/appliance"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    assert "no tests collected" in done.stdout


def collected(where: str) -> str:
    """Which tests that place has, without booting anything."""
    env = {**os.environ, "KIOSKD_APPLIANCE_OUT": "/nowhere", f"KIOSKD_APPLIANCE_{where}": "/nowhere"}
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "tests/appliance"]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True).stdout


def test_a_box_has_the_tests_that_want_no_sound_line_or_kernel_and_qemu_those_that_cut_no_power() -> None:
    box, qemu = collected("BOX"), collected("IMAGE")
    assert "test_units" in box and "test_apply" in box and "test_smoke" not in box and "test_usb" not in box
    assert "test_units" in qemu and "test_smoke" in qemu and "test_apply" not in qemu


def test_a_cached_layer_is_made_once_and_again_when_its_key_changes(tmp_path: Path) -> None:
    store = Store("trixie", "amd64", tmp_path)
    made: list[str] = []

    def make(place: Path, log: Path) -> None:
        made.append(place.name)
        (place / "what").write_text("it")

    first = store.layer("base", "one", "base", make)
    assert store.layer("base", "one", "base", make) == first and len(made) == 1
    assert (store.layer("base", "two", "base", make) / "what").read_text() == "it" and len(made) == 2


def test_a_build_that_was_cut_short_is_no_layer(tmp_path: Path) -> None:
    store = Store("trixie", "amd64", tmp_path)

    def break_off(place: Path, log: Path) -> None:
        (place / "half").write_text("")
        raise ApplianceError("the mirror is away")

    with pytest.raises(ApplianceError, match="mirror is away"):
        store.layer("base", "one", "base", break_off)
    assert not store.have("base", "one")
    whole = store.layer("base", "one", "base", lambda place, log: None)
    assert sorted(path.name for path in whole.iterdir()) == ["made.json"]


def test_old_layers_go(tmp_path: Path) -> None:
    store = Store("trixie", "amd64", tmp_path)
    for number, key in enumerate(("one", "two", "three")):
        place = store.layer("base", key, "base", lambda place, log: None)
        os.utime(place, (number, number))
    assert [store.have("base", key) for key in ("one", "two", "three")] == [False, True, True]


def test_the_name_of_files_tells_their_contents_names_and_modes(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    file = tmp_path / "a" / "x.sh"
    file.write_text("echo")
    seen = {of_files(tmp_path, "a")}
    (tmp_path / "a" / "__pycache__").mkdir()
    (tmp_path / "a" / "__pycache__" / "x.pyc").write_text("")
    assert of_files(tmp_path, "a") in seen
    file.chmod(0o755)
    seen.add(of_files(tmp_path, "a"))
    file.write_text("echo 1")
    seen.add(of_files(tmp_path, "a"))
    file.rename(tmp_path / "a" / "y.sh")
    seen.add(of_files(tmp_path, "a"))
    assert len(seen) == 4


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(), max_size=4), st.lists(st.text(), max_size=4))
def test_other_inputs_have_another_name(one: list[str], other: list[str]) -> None:
    assert (digest(*one) == digest(*other)) == (one == other)


def test_a_change_of_the_project_leaves_the_base_as_it_is(tmp_path: Path) -> None:
    for name in ("kioskd", "appliance/guest/gpio-sim"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("scripts/package", "scripts/setup", "setup.cfg", "pyproject.toml", "README.md", "CHANGELOG.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "LICENSE").write_text("")
    layers = Layers("trixie", "amd64", tmp_path)
    before = [layers.base_key(), layers.builder_key(), layers.module_key(), layers.package_key(), layers.image_key()]
    (tmp_path / "kioskd" / "app.py").write_text("changed")
    after = [layers.base_key(), layers.builder_key(), layers.module_key(), layers.package_key(), layers.image_key()]
    assert [a == b for a, b in zip(before, after)] == [True, True, True, False, False]
    assert Layers("bookworm", "amd64", tmp_path).base_key() != before[0]


def test_the_mirror_is_the_systems_own() -> None:
    lines = "Elsewhere|https://packages.example.org/|main\nDebian|http://mirror.example.org/debian-security/|main\n"
    assert (
        debian_mirror(lines + "Debian|http://mirror.example.org/debian/|main\n") == "http://mirror.example.org/debian/"
    )
    with pytest.raises(ApplianceError, match="apt has no Debian archive"):
        debian_mirror(lines)


def test_no_mirror_stands_in_a_file() -> None:
    for path in [*(ROOT / "appliance").rglob("*"), ROOT / "scripts" / "appliance"]:
        if path.is_file() and path.suffix != ".pyc":
            assert "debian.org" not in path.read_text(), path


def test_a_step_that_fails_says_what_it_said(tmp_path: Path) -> None:
    with pytest.raises(ApplianceError, match="no such luck\n.*ended with status 3"):
        run(["sh", "-c", "echo no such luck; exit 3"], tmp_path / "log")


def test_qemu_writes_nothing_to_the_image_and_listens_on_loopback_only(tmp_path: Path) -> None:
    line = arguments("amd64", tmp_path, tmp_path, False, 2222, "log")
    assert any("snapshot=on" in word for word in line)
    assert "user,id=outside,hostfwd=tcp:127.0.0.1:2222-:22" in line
    # Emulated, its clock counts instructions: a busy host makes it later, never slower.
    assert "tcg,thread=single" in line and "-icount" in line and "kvm" not in line
    real = arguments("amd64", tmp_path, tmp_path, True, 2222, "log")
    assert "kvm" in real and "-icount" not in real
    assert 1024 <= free_port() <= 65535


def test_a_boot_may_have_other_words_disks_and_another_clock(tmp_path: Path) -> None:
    how = Boot(words="ro", disks=(tmp_path / "state.img",), clock="2019-01-01T00:00:00")
    line = arguments("amd64", tmp_path, tmp_path, False, 2222, "log", how)
    words = line[line.index("-append") + 1]
    assert words.index(" rw ") < words.index(" ro"), "the later word is the one that counts"
    assert sum(word.startswith("file=") and "snapshot=on" in word for word in line) == 2
    assert line[line.index("-rtc") + 1] == "clock=vm,base=2019-01-01T00:00:00"


def test_the_matrix_is_made_of_what_was_seen_last(tmp_path: Path) -> None:
    path = tmp_path / "faults.jsonl"
    row = dict(fault="SIGKILL", phase="relay on", lamp="off", status="a | b\nc", journal="", lost="", test="test_x")
    Matrix(path).row(**row, off_s=0.5)
    Matrix(path).row(**{**row, "phase": "at rest"})
    Matrix(path).row(**row, off_s=0.04, back_s=3.0)
    made = matrix.table(matrix.read([path]))
    assert made.splitlines()[2] == "| SIGKILL | relay on | off | a / b c |  | 0.04 s | 3.00 s |  | `test_x` |"
    assert len(made.splitlines()) == 4
    whole = f"before\n{matrix.BEGIN}old\n{matrix.END}after\n"
    assert matrix.page(whole, made) == f"before\n{matrix.BEGIN}\n{made}\n{matrix.END}after\n"
    with pytest.raises(ApplianceError, match="faults.md has no"):
        matrix.page("no marks", made)


def test_the_page_of_faults_has_room_for_the_matrix() -> None:
    assert matrix.BEGIN in matrix.PAGE.read_text() and matrix.END in matrix.PAGE.read_text()


def test_a_kvm_that_does_not_serve_is_not_used(tmp_path: Path) -> None:
    assert not kvm_serves("/bin/false", tmp_path / "vmlinuz")


def test_without_an_image_a_cached_test_says_so_and_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KIOSKD_CACHE", str(tmp_path))
    why = cli.cannot(Layers("trixie", "amd64"))
    assert "scripts/appliance build" in why


def test_a_machine_that_is_too_slow_is_said_to_be_and_is_no_failure() -> None:
    assert cli.bounded(["sh", "-c", "exit 1"], os.environ, 1) == 1
    assert cli.bounded(["sleep", "30"], os.environ, 0.001) == cli.UNAVAILABLE


def test_the_guests_configuration_checks() -> None:
    loaded = load(str(ROOT / "appliance" / "guest" / "kioskd.yaml"))
    assert list(loaded.problems) == []


def test_commands_reach_the_agent_and_files_come_back(tmp_path: Path) -> None:
    """The agent itself, over a socket pair instead of a virtio port."""
    agent = runpy.run_path(str(ROOT / "appliance" / "guest" / "agent.py"))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "agent"))
        listener.listen()
        channel = Channel(tmp_path / "agent", 1.0)
        other, _ = listener.accept()

        def serve() -> None:
            lock = threading.Lock()
            with other, other.makefile("rb") as lines:
                for line in lines:
                    agent["serve"](json.loads(line), other.fileno(), lock)

        thread = threading.Thread(target=serve)
        thread.start()
        channel.awake(5)
        assert channel.run("sh", "-c", "cat; echo away >&2; exit 3", input="here").err == "away\n"
        channel.write(str(tmp_path / "there" / "file"), b"\x00\xff", 0o600)
        assert channel.read(str(tmp_path / "there" / "file")) == b"\x00\xff"
        with pytest.raises(ApplianceError, match="FileNotFoundError"):
            channel.read(str(tmp_path / "nothing"))
        with pytest.raises(ApplianceError, match="ended with 1"):
            channel.must("false")
        assert channel.until("it is there", f"cat {tmp_path}/there/file | wc -c", 1).strip() == "2"
        with pytest.raises(ApplianceError, match="not within 0 s: a miracle"):
            channel.until("a miracle", "false", 0.3, 0.1)
        assert channel.look("status")[1] is None, "no kiosk answers here"
        other.shutdown(socket.SHUT_RDWR)
        thread.join(5)
        with pytest.raises(ApplianceError, match="shut|Broken"):
            channel.run("true")
        channel.close()


def test_the_same_hand_serves_a_box_over_a_socket(tmp_path: Path) -> None:
    for name in ("box/listen.py", "guest/agent.py"):
        (tmp_path / Path(name).name).write_bytes((ROOT / "appliance" / name).read_bytes())
    with subprocess.Popen([sys.executable, str(tmp_path / "listen.py"), str(tmp_path / "agent")]) as child:
        try:
            while not (tmp_path / "agent").exists():
                time.sleep(0.02)
            channel = Channel(tmp_path / "agent", 1.0)
            channel.awake(5)
            assert channel.run("sh", "-c", "cat; exit 3", input="here") == (3, "here", "")
            channel.write(str(tmp_path / "file"), b"\x00\xff")
            assert channel.read(str(tmp_path / "file")) == b"\x00\xff"
            channel.close()
        finally:
            child.kill()


def test_a_box_changes_with_what_is_in_it_and_with_nothing_else(tmp_path: Path) -> None:
    for name in (*PROJECT, "appliance/box/boot.sh", "appliance/guest/agent.py", "appliance/guest/gpio-sim/build.sh"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    layers = Layers("trixie", "amd64", tmp_path)
    seen = [layers.box_key()]
    for name in ("appliance/guest/gpio-sim/build.sh", "appliance/box/boot.sh", "appliance/guest/agent.py", "kioskd"):
        (tmp_path / name).write_text("changed")
        seen.append(layers.box_key())
    assert [one == next for one, next in zip(seen, seen[1:])] == [True, False, False, False]


def test_who_may_not_make_a_box_is_told_so_and_it_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = argparse.Namespace(boxed=True, cached=False)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert cli.test(Layers("trixie", "amd64"), given) == cli.UNAVAILABLE
    assert "root is needed: sudo scripts/appliance" in capsys.readouterr().err
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    (tmp_path / "unshare").write_text(
        "#!/bin/sh\necho 'unshare: unshare failed: Operation not permitted' >&2; exit 1\n"
    )
    (tmp_path / "unshare").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}:/usr/sbin:/sbin")
    assert cli.test(Layers("trixie", "amd64"), given) == cli.UNAVAILABLE
    said = capsys.readouterr().err
    assert "Operation not permitted" in said and "--privileged" in said
    (tmp_path / "unshare").unlink()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "apt-get install util-linux iproute2" in cannot_box()


def test_a_box_that_was_not_booted_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    box = Box(tmp_path, "amd64")
    assert box.pid() is None and box.processor_s() == 0.0 and not box.kept("ready")
    for ask in (box.inside, lambda: box.cable(True), lambda: box.channel, lambda: box.command("system_reset")):
        with pytest.raises(ApplianceError):
            ask()
    box.close()
    assert not box.folder.exists()


HOLDS = """
import sys, time
from pathlib import Path
from appliance.boxed import Box
box = Box(Path(sys.argv[1]), "amd64")
print(box._hold().pid, box.folder, flush=True)
time.sleep(600)
"""


def test_whatever_ends_the_tester_ends_what_holds_the_box_and_nothing_stays_mounted(tmp_path: Path) -> None:
    why = cannot_box()
    if why:
        warnings.warn(f"No box here ({why}): nobody held one.")
        return
    (tmp_path / "tree").mkdir()
    tester = subprocess.Popen([sys.executable, "-c", HOLDS, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert tester.stdout is not None
    pid, folder = tester.stdout.readline().split()
    try:
        assert f"{folder}/disk/root overlay" in Path(f"/proc/{pid}/mounts").read_text()
        assert folder not in Path("/proc/mounts").read_text()
    finally:
        tester.send_signal(signal.SIGKILL)
        tester.wait(10)
        tester.stdout.close()
    ends = time.monotonic() + 20
    while Path(f"/proc/{pid}/mounts").exists() and time.monotonic() < ends:
        time.sleep(0.05)
    assert not Path(f"/proc/{pid}").exists()
    assert list(Path(folder).joinpath("disk").iterdir()) == []
    shutil.rmtree(folder)


def test_noise_has_no_slope_and_growth_has_one() -> None:
    chance = random.Random(1)
    noise = [(60.0 * i, 50_000 + chance.uniform(-200, 200)) for i in range(120)]
    assert slope(noise).is_none
    grown = [(at, value + at / 3600 * 500) for at, value in noise]
    found = slope(grown)
    assert not found.is_none and 400 < found.per_hour < 600
    assert picture("memory", "kB", grown).startswith("<svg") and "<polyline" in picture("memory", "kB", grown)
    with pytest.raises(ValueError):
        slope(grown[:2])


def samples(**last: int) -> list[Sample]:
    first = Sample(0, 50_000, 30, 12, 1, 400, 0, 0, 0, 0, 0, 0, 0, 0)
    return [
        *(first._replace(at_s=60.0 * i, pss_kb=50_000 + i % 3) for i in range(30)),
        first._replace(at_s=1800, **last),
    ]


def test_a_soak_holds_the_kiosk_to_its_promises() -> None:
    good = samples(turns=5, answered=4, lost=1, pulses=3, committed=3)
    text, ok = report(good, {"visitor": 3}, 3, ["turn: given up: the session broke"], "scripts/appliance soak")
    assert ok and "BROKEN" not in text
    for seen, journal in (
        (4, ["turn: given up: why"]),
        (3, []),
        (3, ["turn: given up: why", "Traceback (most recent call last):"]),
    ):
        text, ok = report(good, {}, seen, journal, "")
        assert not ok and "BROKEN" in text
