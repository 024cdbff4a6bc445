"""``ssh box kioskctl apply - <file`` on a booted systemd: kept, taken back, and whatever may happen meanwhile."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from appliance.boxed import ADDRESS, Box
from appliance.host import ROOT
from appliance.world import OWNERS_FILE, World

WHERE = {"box"}  # it cuts the power, and pulls the cable
WATCH_S = 3
DEAF = ("input: file:", "input: file:/nowhere")


@pytest.fixture(autouse=True)
def rests(world: World, box: Box) -> None:
    """Nothing is on trial, and what runs is well."""
    box.network()
    box.key()
    world.well()
    settled(world)


def edited(world: World, *edits: tuple[str, str]) -> str:
    """The file of the box, with these words in the place of those."""
    text = world.channel.read(OWNERS_FILE).decode()
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    return text


def named(world: World, name: str) -> tuple[str, str]:
    """An edit that is live: the kiosk is called that."""
    return f"kiosk:\n  name: {world.status()['kiosk']}", f"kiosk:\n  name: {name}"


def wired(world: World, pin: str) -> tuple[str, str]:
    """An edit that wants a restart of the daemon: the talk button is on that line."""
    text = world.channel.read(OWNERS_FILE).decode()
    return re.findall("talk: {pin: GPIO[0-9]+}", text)[0], f"talk: {{pin: {pin}}}"


def begin(box: Box, text: str, *words: str) -> subprocess.Popen[str]:
    """An owner at the other end of the cable applies that; not waited for."""
    command = ["kioskctl", "apply", "-", "--json", "--watch", str(WATCH_S), *words]
    child = subprocess.Popen(
        [*box.ssh(), *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert child.stdin is not None
    child.stdin.write(text)
    child.stdin.close()
    child.stdin = None
    return child


def applied(box: Box, text: str, *words: str) -> dict[str, Any]:
    """The same, to its end: what it said."""
    out, err = begin(box, text, *words).communicate(timeout=60 * box.scale)
    assert out, err
    told: dict[str, Any] = json.loads(out)
    print(f"{told['outcome']}: {told['reason']}")
    return told


def on_trial(world: World) -> None:
    """It runs on trial."""
    world.until("it is on trial", lambda page: page["config"]["running"] == "trial", 20)


def settled(world: World) -> str:
    """No trial goes on any more; the name of what runs from the file itself."""
    going = ("starting", "running")

    def over(page: dict[str, Any]) -> bool:
        config = page["config"]
        return config["running"] == "file" and (config["trial"] is None or config["trial"]["state"] not in going)

    _, page = world.until("it is over", over, WATCH_S + 30)
    return str(page["kiosk"])


def again(world: World, box: Box) -> None:
    """The power was gone, and is back."""
    world.channel = box.cut()
    world.ready()


def test_a_live_key_is_kept_without_a_restart(world: World, box: Box) -> None:
    pid = world.show("kioskd.service", "MainPID")
    told = applied(box, edited(world, named(world, "kept")))
    assert told["outcome"] == "kept" and settled(world) == "kept"
    assert world.show("kioskd.service", "MainPID") == pid
    assert applied(box, edited(world))["outcome"] == "unchanged"


def test_a_key_that_wants_a_restart_gets_one_from_systemd_and_is_kept(world: World, box: Box) -> None:
    pid = world.show("kioskd.service", "MainPID")
    told = applied(box, edited(world, wired(world, "GPIO5")))
    assert told["outcome"] == "kept"
    settled(world)
    assert world.show("kioskd.service", "MainPID") != pid
    assert "GPIO5" in world.status()["panel"]["lines"]["lines"]


def test_with_a_kiosk_that_is_deaf_it_goes_back_by_itself(world: World, box: Box) -> None:
    before = world.channel.read(OWNERS_FILE)
    told = applied(box, edited(world, DEAF))
    assert told["outcome"] == "rolled back"
    settled(world)
    assert world.channel.read(OWNERS_FILE) == before
    world.well()


def test_the_owner_s_own_tools_reach_the_box_from_the_other_end(world: World, box: Box, tmp_path: Path) -> None:
    key = [
        "-i",
        str(box.key()),
        "-o",
        "StrictHostKeyChecking=no",
        "-o",
        "UserKnownHostsFile=/dev/null",
        "-o",
        "LogLevel=ERROR",
    ]
    env = {**os.environ, "KIOSKCTL_SSH": " ".join(["ssh", *key])}
    here = Path(sys.executable).parent

    def owner(*command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(box.outside(*command), env=env, capture_output=True, text=True, timeout=120)

    asked = owner(str(here / "kioskctl"), "--host", f"root@{ADDRESS}", "status", "--json")
    assert asked.returncode == 0 and json.loads(asked.stdout)["health"]["ok"], asked.stderr
    file = tmp_path / "box.yaml"
    file.write_text(edited(world, named(world, "pushed")))
    (tmp_path / "boxes.txt").write_text(f"root@{ADDRESS} {file.name}\n")
    pushed = owner(str(here / "python"), str(ROOT / "scripts/push_config.py"), str(tmp_path / "boxes.txt"))
    print((pushed.stdout + pushed.stderr).strip())
    assert pushed.returncode == 0 and world.status()["kiosk"] == "pushed"
    file.write_text("nonsense: 1\n")
    pushed = owner(str(here / "python"), str(ROOT / "scripts/push_config.py"), str(tmp_path / "boxes.txt"))
    print((pushed.stdout + pushed.stderr).strip())
    assert pushed.returncode != 0 and world.status()["kiosk"] == "pushed"


@pytest.mark.parametrize("good", [True, False], ids=["healthy", "deaf"])
@pytest.mark.parametrize("how", ["ssh is killed", "the cable is pulled"])
def test_when_the_connection_drops_the_box_decides_by_itself(world: World, box: Box, how: str, good: bool) -> None:
    before = world.channel.read(OWNERS_FILE)
    name = f"{how.split()[-1]}-{good}"
    now = world.status()["kiosk"]
    text = edited(world, named(world, name), *([] if good else [DEAF]))
    child = begin(box, text)
    on_trial(world)
    if how == "the cable is pulled":
        box.cable(False)
    child.kill()
    child.wait()
    settled(world)
    if good:
        world.until("it is the new one", lambda page: page["kiosk"] == name, 10)
        assert world.channel.read(OWNERS_FILE) == text.encode()
    else:
        assert world.channel.read(OWNERS_FILE) == before and world.status()["kiosk"] == now
    world.well()
    assert world.channel.run("kioskctl", "audit", "verify").code == 0


def test_a_change_that_cuts_its_owner_off_goes_back_when_nobody_confirms_it(world: World, box: Box) -> None:
    before = world.channel.read(OWNERS_FILE)
    child = begin(box, edited(world) + "# unconfirmed\n", "--confirm-within", "6")
    on_trial(world)
    box.cable(False)
    settled(world)
    box.cable(True)
    child.kill()
    child.wait()
    assert world.channel.read(OWNERS_FILE) == before
    # And with a hand that comes back it stays.
    child = begin(box, edited(world) + "# confirmed\n", "--confirm-within", "30")
    on_trial(world)
    said = subprocess.run([*box.ssh(), "kioskctl", "apply", "--confirm"], capture_output=True, text=True, timeout=60)
    assert said.returncode == 0, said.stderr
    out, _ = child.communicate(timeout=60)
    assert json.loads(out)["outcome"] == "kept"
    assert world.channel.read(OWNERS_FILE).endswith(b"# confirmed\n")


@pytest.mark.parametrize("after_s", [0.05, 0.2, 0.4, 0.6, 0.8, 2.0, 3.4, 3.6, 3.7, 3.8, 4.2])
def test_when_the_power_goes_the_file_is_the_old_one_or_the_new_one_and_it_runs(
    world: World, box: Box, after_s: float
) -> None:
    before = world.channel.read(OWNERS_FILE)
    text = edited(world) + f"# after {after_s:g} s\n"
    child = begin(box, text)
    time.sleep(after_s)
    again(world, box)
    child.kill()
    child.wait()
    found = world.channel.read(OWNERS_FILE)
    assert found in (before, text.encode())
    print(f"{after_s:g} s: the {'new' if found == text.encode() else 'old'} one;", end=" ")
    settled(world)
    world.well()
    assert world.status()["config"]["problem"] == ""
    assert world.channel.run("kioskctl", "audit", "verify").code == 0


def test_when_the_power_goes_in_the_middle_of_a_trial_the_old_one_runs_and_the_next_apply_does(
    world: World, box: Box
) -> None:
    before = world.channel.read(OWNERS_FILE)
    for edit in (named(world, "never"), wired(world, "GPIO6")):
        box.network()
        box.key()
        child = begin(box, edited(world, edit), "--watch", "30")
        on_trial(world)
        again(world, box)
        child.kill()
        child.wait()
        settled(world)
        assert world.channel.read(OWNERS_FILE) == before
        world.well()
    box.network()
    told = applied(box, edited(world, wired(world, "GPIO6")))
    assert told["outcome"] == "kept"
    assert "GPIO6" in world.status()["panel"]["lines"]["lines"]
