"""One package in the place of another on a booted systemd: up, down, one that does not start, away, back, and purged.

The tests stand in their order, as a story of one box.
"""

from __future__ import annotations

import pytest

from appliance.boxed import Box
from appliance.world import OWNERS_FILE, World

WHERE = {"box"}  # its kiosk is talked to by a file; tests/appliance/test_package.py has lines of the kernel
GIVEN = "/var/cache/appliance"
OLDER, LATER, BROKEN = "0.0.9", "9.0.0", "9.9.0"
VERSION = "dpkg-query -W -f '${Version}' kioskd"
STATE = "cd /var/lib/kioskd && cat audit*.jsonl | head -n 1 | sha256sum; stat -c '%U:%G %a' /var/lib/kioskd"


def install(world: World, version: str) -> None:
    """As an owner does it who wants to keep his file."""
    keep = "-o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold"
    put = f"apt-get install -y --allow-downgrades --no-install-recommends {keep} {GIVEN}/kioskd_{version}~*.deb"
    world.channel.shell(f"DEBIAN_FRONTEND=noninteractive {put} 2>&1", 120)


def installed(world: World) -> str:
    """Which version dpkg has."""
    return world.channel.shell(VERSION).strip().partition("~")[0]


@pytest.fixture(scope="module")
def first(world: World) -> str:
    """What the box came with; its owner has a line of his own in the file."""
    world.channel.shell(f"echo '# a line of the owner' >>{OWNERS_FILE}; systemctl reload kioskd")
    world.well()
    return installed(world)


def kept(world: World) -> None:
    """The owner's file is as it was, the service is enabled and well, the trail is whole."""
    world.ready()
    world.well()
    assert "# a line of the owner" in world.channel.read(OWNERS_FILE).decode()
    assert world.channel.shell(f"stat -c '%U:%G %a' {OWNERS_FILE}").strip() == "root:kioskd 640"
    assert world.channel.shell("systemctl is-enabled kioskd.service kioskd-voice.socket").split() == ["enabled"] * 2
    assert world.channel.run("kioskctl", "audit", "verify").code == 0
    assert world.channel.shell("systemctl --failed --plain --no-legend").strip() == ""


def test_an_upgrade_in_mid_pulse_releases_the_relay_and_the_new_one_goes_on(world: World, first: str) -> None:
    pid = world.show("kioskd.service", "MainPID")
    world.channel.shell("kioskctl panel press talk; sleep 5; kioskctl panel release talk", 30)
    world.until("a line is on", lambda page: page["counters"]["actions"]["relays"]["hall_light"]["on"], 30)
    install(world, LATER)
    kept(world)
    assert installed(world) == LATER and world.show("kioskd.service", "MainPID") != pid
    seen = "journalctl -b -u kioskd -o short-monotonic --no-pager | grep -E 'relay: |Stopp|Started'"
    said = world.channel.shell(seen)
    print(said)
    assert said.rindex("Stopping") < said.index("hall_light off") < said.rindex("Stopped")
    page = world.status()["counters"]["actions"]
    assert page["ledger"]["unknown"] == [] and not page["relays"]["hall_light"]["on"]
    # The later version's own file lies beside, and says nothing.
    assert "A line of a later version" in world.channel.shell(f"cat {OWNERS_FILE}.dpkg-dist")


def test_a_downgrade_finds_its_state_as_it_was(world: World) -> None:
    before = world.channel.shell(STATE)
    install(world, OLDER)
    kept(world)
    assert installed(world) == OLDER and world.channel.shell(STATE) == before


def test_what_its_owner_stopped_or_disabled_stays_so(world: World) -> None:
    world.channel.shell("systemctl disable --now kioskd.service", 30)
    install(world, LATER)
    assert world.show("kioskd.service", "ActiveState", "UnitFileState") == {
        "ActiveState": "inactive",
        "UnitFileState": "disabled",
    }
    world.channel.shell("systemctl enable --now kioskd.service", 30)
    kept(world)


def test_a_version_that_does_not_start_is_seen_and_the_way_back_is_open(world: World, first: str) -> None:
    install(world, BROKEN)
    world.channel.until("it is seen", "test $(systemctl show kioskd -p NRestarts --value) -ge 1", 20)
    assert world.channel.run("kioskctl", "status").code == 69
    print(world.channel.run("systemctl", "is-active", "kioskd.service").out.strip())
    install(world, first)
    kept(world)


def test_a_removal_ends_everything_and_leaves_what_is_the_owner_s(world: World) -> None:
    world.channel.shell("apt-get remove -y kioskd 2>&1", 60)
    units = world.channel.shell("systemctl list-units --all --plain --no-legend 'kioskd*'").split("\n")
    print([line for line in units if line])
    assert not [line for line in units if " active " in line or " failed " in line]
    assert world.channel.run("pgrep", "-u", "kioskd").code == 1
    assert world.channel.run("test", "-e", "/run/kioskd-tool.sock").code == 1
    assert "# a line of the owner" in world.channel.read(OWNERS_FILE).decode()
    assert world.channel.shell("ls /var/lib/kioskd").split()


def test_it_comes_back_enabled_and_the_next_boot_runs_it(world: World, box: Box, first: str) -> None:
    install(world, first)
    assert world.show("kioskd.service", "ActiveState", "UnitFileState") == {
        "ActiveState": "inactive",
        "UnitFileState": "enabled",
    }
    world.channel = box.cut()
    kept(world)


def test_a_purge_leaves_nothing_but_the_locked_users(world: World) -> None:
    world.channel.write("/etc/systemd/system/kioskd.service.d/override.conf", b"[Service]\nNice=1\n")
    world.channel.shell("systemctl daemon-reload; systemctl restart kioskd; apt-get purge -y kioskd 2>&1", 60)
    left = (
        "find / -xdev \\( -path /proc -o -path /var/lib/dpkg -o -path /var/lib/apt -o -path /var/cache "
        "-o -path /var/log -o -path /usr/local \\) -prune -o -name '*kiosk*' -print; "
        "ls -d /run/kioskd* 2>/dev/null; true"
    )
    found = world.channel.shell(left, 60).split()
    print(found)
    assert found == []
    assert world.channel.run("systemctl", "cat", "kioskd.service").code != 0
    assert world.channel.shell("systemctl --failed --plain --no-legend").strip() == ""
    assert world.channel.shell("getent passwd kioskd | cut -d: -f7").strip() in ("/usr/sbin/nologin", "/sbin/nologin")
