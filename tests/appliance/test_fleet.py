"""The Ansible role's part that needs systemd, from the other end of the cable: tests/test_ansible.py has the others.

The tests stand in their order, as a story of one box that has no kioskd at first.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from appliance.boxed import ADDRESS, Box
from appliance.host import ROOT
from appliance.world import OWNERS_FILE, World

WHERE = {"box"}
LATER, BROKEN = "9.0.0", "9.9.0"
KIOSK = (ROOT / "appliance" / "box" / "kioskd.yaml").read_text()
# Secrets by the names that the configuration has; nobody asks for them here but systemd.
SECRETS = '{{"kioskd_credentials": {{"hydra-key": "{}"}}, "kioskd_admins": ["games"]}}'


class Fleet(NamedTuple):
    """A folder from which Ansible tends the box."""

    box: Box
    folder: Path

    def config(self, text: str) -> None:
        """What the box shall have."""
        (self.folder / "boxes" / "front.yaml").write_text(text)

    def play(self, book: str, *words: str) -> tuple[str, dict[str, int]]:
        """``ansible-playbook``: what it said, and the box's line of the recap."""
        program = Path(sys.executable).parent / "ansible-playbook"
        command = [str(program), "-i", str(self.folder / "inventory.yml"), book, *words]
        env = {**os.environ, "HOME": str(self.folder), "ANSIBLE_NOCOLOR": "1", "LC_ALL": "C.UTF-8"}
        done = subprocess.run(
            self.box.outside(*command), cwd=ROOT / "ansible", env=env, capture_output=True, text=True, timeout=500
        )
        said = done.stdout + done.stderr
        recap = re.search(r"^front +: (.*)$", said, re.M)
        assert recap is not None, said
        print(f"{book} {' '.join(words)[:60]}: {' '.join(recap[1].split())}")
        return said, {name: int(count) for name, count in re.findall(r"(\w+)=(\d+)", recap[1])}

    def version(self, version: str) -> list[str]:
        """The words for that version out of the packages of the box."""
        return ["-e", f"kioskd_packages={self.box.image / 'given'}", "-e", f"kioskd_version={version}"]


@pytest.fixture(scope="module")
def fleet(world: World, box: Box, tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    """The box has a network, an sshd, and no kioskd."""
    folder = tmp_path_factory.mktemp("fleet")
    (folder / "boxes").mkdir()
    box.network()
    key = box.key()
    (folder / "inventory.yml").write_text(
        f"kiosks:\n  hosts:\n    front:\n      ansible_host: {ADDRESS}\n  vars:\n    ansible_user: root\n"
        f"    ansible_ssh_private_key_file: {key}\n"
        "    ansible_ssh_common_args: -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null\n"
        "    kioskd_watch: 2\n    kioskd_apt_update: false\n    kioskd_health_within: 20\n"
    )
    world.channel.shell("apt-get purge -y kioskd 2>&1", 60)
    one = Fleet(box, folder)
    one.config(KIOSK)
    return one


@pytest.fixture(scope="module")
def first(fleet: Fleet) -> str:
    """The version that the project has now."""
    from kioskd import __version__

    return __version__


def installed(world: World) -> str:
    """Which version dpkg has."""
    return world.channel.shell("dpkg-query -W -f '${Version}' kioskd").strip().partition("~")[0]


def pid(world: World) -> str:
    """Of the daemon."""
    return world.show("kioskd.service", "MainPID")["MainPID"]


def test_check_mode_tells_a_bare_box_and_changes_nothing(world: World, fleet: Fleet, first: str) -> None:
    said, counts = fleet.play("site.yml", "--check", "--diff", *fleet.version(first), "-e", SECRETS.format("one"))
    assert counts["failed"] == 0 and counts["changed"] >= 2, said
    assert world.channel.run("dpkg-query", "-W", "kioskd").code != 0
    assert world.channel.run("test", "-e", "/etc/kioskd").code == 1


def test_it_installs_enables_and_starts_and_the_box_is_healthy(world: World, fleet: Fleet, first: str) -> None:
    said, counts = fleet.play("site.yml", *fleet.version(first), "-e", SECRETS.format("one"))
    assert counts["failed"] == 0, said
    assert installed(world) == first and world.channel.read(OWNERS_FILE).decode() == KIOSK
    assert world.channel.shell("systemctl is-enabled kioskd.service kioskd-voice.socket").split() == ["enabled"] * 2
    world.ready()
    world.well()
    assert '"msg": "healthy"' in said or "msg: healthy" in said, said
    assert world.channel.shell("cat /run/credentials/kioskd.service/hydra-key") == "one"
    assert "kioskd-admin" in world.channel.shell("id -nG games")
    assert '"one"' not in said


def test_a_second_run_changes_nothing_and_starts_nothing_again(world: World, fleet: Fleet, first: str) -> None:
    before = pid(world)
    for words in ([], ["--check"]):
        said, counts = fleet.play("site.yml", *words, *fleet.version(first), "-e", SECRETS.format("one"))
        assert counts["changed"] == counts["failed"] == 0, said
    assert pid(world) == before


def test_a_configuration_is_told_then_kept_then_nothing(world: World, fleet: Fleet) -> None:
    fleet.config(KIOSK.replace("name: box", "name: front"))
    said, counts = fleet.play("site.yml", "--check", "--diff")
    assert counts["failed"] == 0 and "+kiosk.name: front" in said and world.status()["kiosk"] == "box", said
    before = pid(world)
    said, counts = fleet.play("site.yml")
    assert counts["failed"] == 0 and counts["changed"] == 1 and world.status()["kiosk"] == "front", said
    assert pid(world) == before
    said, counts = fleet.play("site.yml")
    assert counts["changed"] == counts["failed"] == 0, said


def test_a_deaf_configuration_comes_back_by_itself_and_the_play_fails(world: World, fleet: Fleet) -> None:
    good = KIOSK.replace("name: box", "name: front")
    fleet.config(good.replace("input: file:", "input: file:/nowhere"))
    said, counts = fleet.play("site.yml")
    fleet.config(good)
    assert counts["failed"] == 1 and "rolled back" in said and "the microphone is absent" in said, said
    assert world.channel.read(OWNERS_FILE).decode() == good
    world.ready()
    world.well()


def test_a_changed_credential_starts_it_again_and_an_unchanged_one_does_not(world: World, fleet: Fleet) -> None:
    before = pid(world)
    said, counts = fleet.play("site.yml", "-e", SECRETS.format("two"))
    assert counts["failed"] == 0 and pid(world) != before, said
    assert world.channel.shell("cat /run/credentials/kioskd.service/hydra-key") == "two"
    before = pid(world)
    said, counts = fleet.play("site.yml", "-e", SECRETS.format("two"))
    assert counts["changed"] == counts["failed"] == 0 and pid(world) == before, said


def test_an_upgrade_is_as_well_as_before_and_needed_once(world: World, fleet: Fleet) -> None:
    before = pid(world)
    said, counts = fleet.play("site.yml", *fleet.version(LATER))
    assert counts["failed"] == 0 and installed(world) == LATER and pid(world) != before, said
    world.well()
    said, counts = fleet.play("site.yml", *fleet.version(LATER))
    assert counts["changed"] == counts["failed"] == 0, said


def test_a_version_whose_service_does_not_start_is_taken_back(world: World, fleet: Fleet) -> None:
    said, counts = fleet.play("site.yml", *fleet.version(BROKEN))
    why = re.search(r"[^\n]*did not do[^\n]*(\n[^\n]*){0,3}", said)
    print(why[0] if why else "")
    assert counts["failed"] == 1 and f"kioskd_{LATER}" in said and "is back" in said, said
    assert installed(world) == LATER
    world.ready()
    world.well()
    assert world.channel.read(OWNERS_FILE).decode() == KIOSK.replace("name: box", "name: front")


def test_back_to_the_version_before_and_to_the_configuration_before(world: World, fleet: Fleet, first: str) -> None:
    said, counts = fleet.play("rollback.yml", "-e", "kioskd_back=package")
    assert counts["failed"] == 0 and installed(world) == first, said
    world.ready()
    world.well()
    said, counts = fleet.play("rollback.yml")
    assert counts["failed"] == 0 and world.status()["kiosk"] == "box", said
    assert world.channel.read(OWNERS_FILE).decode() == KIOSK


def test_a_box_whose_service_was_stopped_is_started(world: World, fleet: Fleet) -> None:
    fleet.config(KIOSK)
    world.channel.shell("systemctl disable --now kioskd.service", 30)
    said, counts = fleet.play("site.yml")
    assert counts["failed"] == 0 and counts["changed"] == 1, said
    world.ready()
    assert world.show("kioskd.service", "UnitFileState") == {"UnitFileState": "enabled"}
