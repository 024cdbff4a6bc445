"""A root that cannot be written, and a partition for what must survive: a card that a power cut cannot hurt."""

from __future__ import annotations

import os
from pathlib import Path

from appliance.host import run
from appliance.vm import Boot
from appliance.world import DOOR, World


def state_partition() -> Path:
    """An empty file system, made where the findings go."""
    folder = Path(os.environ["KIOSKD_APPLIANCE_OUT"])
    folder.mkdir(parents=True, exist_ok=True)
    disk = folder / "state.img"
    disk.unlink(missing_ok=True)
    run(["mke2fs", "-q", "-t", "ext4", "-L", "state", disk, "64M"], folder / "mke2fs.log")
    return disk


# Nothing remounts the root; systemd.mount-extra is known to systemd 254 and later.
BOOT = (
    Boot(
        words="ro systemd.mask=systemd-remount-fs.service systemd.mount-extra=/dev/vdb:/var/lib/kioskd:ext4",
        disks=(state_partition(),),
    )
    if "KIOSKD_APPLIANCE_OUT" in os.environ
    else None
)


def test_with_a_root_that_cannot_be_written_the_door_opens(world: World) -> None:
    world.ready(60)
    world.well()
    assert world.channel.run("touch", "/etc/new").code != 0
    world.watch(DOOR)
    world.opened()
    assert len(world.pulses(DOOR)) == 1
    assert world.channel.run("kioskctl", "audit", "verify").code == 0
    assert "ledger" in world.channel.shell("ls -R /var/lib/kioskd")
