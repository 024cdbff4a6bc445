"""The package on the machine: installed again while a line is on, removed, purged."""

from __future__ import annotations

import pytest

from appliance.matrix import Matrix
from appliance.outside import Outside
from appliance.world import DOOR, LIGHT, World

PACKAGE = "/var/cache/appliance/kioskd.deb"
NEXT = "/var/cache/appliance/kioskd-next.deb"  # the same, and calls itself newer
VERSION = "dpkg-query -W -f '${Version}' kioskd"


def test_an_upgrade_under_load_leaves_the_line_off_and_the_kiosk_well(
    world: World, outside: Outside, matrix: Matrix, request: pytest.FixtureRequest
) -> None:
    before = world.channel.shell(VERSION)
    world.watch(LIGHT, DOOR)
    world.say(world.speech("turn on the light"))
    world.wait_for_level(1, 60, LIGHT)
    began = world.now()
    world.channel.must("dpkg", "-i", NEXT, seconds=120)
    world.wait_for_level(0, 10, LIGHT)
    off_at = world.changes(LIGHT)[-1].at
    world.ready(60)
    back_s = world.well() - began
    assert world.channel.shell(VERSION) == f"{before}+next1"
    stopped = "journalctl -b -u kioskd -o short-monotonic --no-pager | grep 'Stopping' | tail -n 1 | tr -d '[]'"
    off_s = off_at - float(world.channel.shell(stopped).split()[0])
    matrix.row(
        fault="upgrade of the package",
        phase="relay on",
        lamp=f"off, then {world.status()['panel']['lamp']}",
        status="nobody answers, then well",
        journal=world.journal_line("Stopping|Stopped"),
        lost="the conversation; the pulse ends early",
        test=request.node.name,
        off_s=off_s,
        back_s=back_s,
    )
    assert off_s <= 1.0
    # The owner's file stayed, with its rights; what was judged before is still in the trail.
    assert world.channel.shell("stat -c '%U:%G %a' /etc/kioskd/kioskd.yaml").strip() == "root:kioskd 640"
    assert world.channel.run("kioskctl", "audit", "verify").code == 0


def test_a_service_that_its_owner_stopped_stays_so_over_an_upgrade(world: World) -> None:
    world.channel.must("systemctl", "stop", "kioskd.service", seconds=30)
    world.channel.must("dpkg", "-i", PACKAGE, seconds=120)
    assert world.show("kioskd.service", "ActiveState") == {"ActiveState": "inactive"}


def test_a_removal_leaves_the_owners_file_and_a_purge_leaves_nothing(world: World) -> None:
    world.channel.must("systemctl", "start", "kioskd.service", seconds=60)
    world.channel.must("dpkg", "-r", "kioskd", seconds=60)
    assert world.show("kioskd.service", "ActiveState") == {"ActiveState": "inactive"}
    assert world.channel.run("test", "-f", "/etc/kioskd/kioskd.yaml").code == 0
    assert world.channel.run("pgrep", "-u", "kioskd").code == 1
    world.channel.must("dpkg", "-P", "kioskd", seconds=60)
    left = "ls -d /etc/kioskd /var/lib/kioskd /usr/lib/kioskd /run/kioskd 2>/dev/null; true"
    assert world.channel.shell(left).split() in ([], ["/run/kioskd"])
