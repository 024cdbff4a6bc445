"""The disk is full, and has room again."""

from __future__ import annotations

from appliance.world import DOOR, World

FILL = """
fallocate -l $(df --output=avail -B1 / | tail -n 1) /fill 2>/dev/null
head -c 100M /dev/zero >>/fill 2>/dev/null
df / | grep -q 100%
"""


def test_with_a_full_disk_the_door_stays_shut_and_the_kiosk_says_why(world: World) -> None:
    world.ready(60)
    path = world.speech("open the front door")
    world.channel.shell(FILL, 60)
    world.watch(DOOR)
    world.say(path)
    world.channel.until("it is not well", "kioskctl status --json >/dev/null; test $? = 1", 60)
    said = world.channel.run("kioskctl", "status").out
    print(said)
    world.hold(1.5)
    world.channel.shell("sleep 5")
    assert world.pulses(DOOR) == []
    assert world.show("kioskd.service", "NRestarts") == {"NRestarts": "0"}


def test_with_room_again_it_is_well_by_itself_and_opens(world: World) -> None:
    world.channel.shell("rm /fill")
    world.channel.until("it is healthy", "kioskctl status --json >/dev/null", 90)
    world.watch(DOOR)
    world.say(world.speech("open the front door"))
    world.channel.until("a hand is asked for", "kioskctl status --json | grep -q confirming", 30)
    world.hold(1.5)
    world.wait_for_level(1, 20)
    world.wait_for_level(0, 20)
    assert len(world.pulses()) == 1
