"""The clock is years off at power on, as on a board without a battery, and is set; and it jumps in mid confirmation."""

from __future__ import annotations

import time

import pytest

from appliance.matrix import Matrix
from appliance.outside import Outside
from appliance.vm import Boot
from appliance.world import DOOR, World

BOOT = Boot(clock="2019-01-01T00:00:00")


def test_years_behind_the_service_is_not_trusted_and_the_clock_is_named(
    world: World, outside: Outside, matrix: Matrix, request: pytest.FixtureRequest
) -> None:
    # systemd itself knows that it was not built later than now; the certificate outside is younger still.
    assert int(world.channel.shell("date +%Y")) < time.localtime().tm_year
    world.watch(DOOR)
    world.say(world.speech("open the front door"))
    _, page = world.until("the clock is named", lambda page: "clock" in " ".join(page["health"]["reasons"]), 60)
    said, lamp = "; ".join(page["health"]["reasons"]), page["panel"]["lamp"]
    assert world.pulses(DOOR) == []
    began = world.now()
    world.set_clock()
    back_s = world.well(60) - began
    matrix.row(
        fault="the clock is years behind at power on, then set",
        phase="the visitor speaks",
        lamp=str(lamp),
        status=said,
        journal=world.journal_line("clock"),
        lost="nothing that waits",
        test=request.node.name,
        back_s=back_s,
    )
    assert world.show("kioskd.service", "NRestarts") == {"NRestarts": "0"}


def test_set_in_the_middle_of_a_confirmation_it_moves_nothing_by_itself(world: World, outside: Outside) -> None:
    world.until("it rests", lambda page: page["phase"] == "idle" and not page["session"]["calls"], 90)
    world.watch(DOOR)
    world.say(world.speech("open the front door"))
    world.asked()
    # The confirmation lives on the boot clock.
    world.channel.must("date", "-s", "2031-06-01 12:00:00")
    assert world.pulses() == []
    world.hold(1.2)
    world.wait_for_level(1, 20)
    world.wait_for_level(0, 20)
    assert len(world.pulses()) == 1
    assert world.show("kioskd.service", "NRestarts") == {"NRestarts": "0"}
    assert world.channel.run("kioskctl", "audit", "verify").code == 0
