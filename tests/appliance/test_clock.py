"""The clock is years off, and is set."""

from __future__ import annotations

from appliance.world import DOOR, World


def test_a_clock_that_jumps_by_years_moves_nothing_and_ends_nothing(world: World) -> None:
    world.ready(60)
    world.watch(DOOR)
    world.channel.must("date", "-s", "2019-01-01 00:00:00")
    world.channel.shell("sleep 15", 40)
    world.say(world.speech("open the front door"))
    world.channel.until("a hand is asked for", "kioskctl status --json | grep -q confirming", 30)
    # In the middle of the confirmation: it lives on the boot clock.
    world.channel.must("date", "-s", "2026-06-01 12:00:00")
    world.hold(1.5)
    world.wait_for_level(1, 20)
    world.wait_for_level(0, 20)
    assert len(world.pulses()) == 1
    world.channel.until("it is healthy", "kioskctl status --json >/dev/null", 40)
    assert world.show("kioskd.service", "NRestarts") == {"NRestarts": "0"}
    assert world.channel.run("kioskctl", "audit", "verify").code == 0
