"""The disk is full, and has room again."""

from __future__ import annotations

import pytest

from appliance.matrix import Matrix
from appliance.outside import Outside
from appliance.world import DOOR, World

FILL = """
fallocate -l $(df --output=avail -B1 / | tail -n 1) /fill 2>/dev/null
head -c 100M /dev/zero >>/fill 2>/dev/null
df / | grep -q 100%
"""


def test_with_a_full_disk_the_door_stays_shut_and_with_room_again_it_opens(
    world: World, outside: Outside, matrix: Matrix, request: pytest.FixtureRequest
) -> None:
    path = world.speech("open the front door")
    world.channel.shell(FILL, 60)
    world.watch(DOOR)
    world.say(path)
    _, page = world.until("it is not well", lambda page: not page["health"]["ok"], 60)
    said, lamp = "; ".join(page["health"]["reasons"]), page["panel"]["lamp"]
    world.hold(1.5)
    world.channel.shell("sleep 5")
    assert world.pulses(DOOR) == []
    assert world.show("kioskd.service", "NRestarts") == {"NRestarts": "0"}
    world.channel.shell("rm /fill")
    began = world.now()
    back_s = world.well(90) - began
    matrix.row(
        fault="the disk is full",
        phase="the visitor asks",
        lamp=f"{lamp}, then {world.status()['panel']['lamp']}",
        status=said,
        journal=world.journal_line("audit|ledger|disk|room"),
        lost="what was asked meanwhile is refused",
        test=request.node.name,
        back_s=back_s,
    )
    world.until("it rests", lambda page: page["phase"] == "idle" and not page["session"]["calls"], 60)
    world.watch(DOOR)
    world.opened()
    assert len(world.pulses()) == 1
