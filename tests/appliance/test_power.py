"""The power goes, or the kernel does, while a line is on."""

from __future__ import annotations

from appliance.world import DOOR, LIGHT, World


def test_after_a_reset_in_mid_pulse_nothing_moves_and_the_intent_is_unknown(world: World) -> None:
    world.ready(60)
    world.watch(LIGHT, DOOR)
    world.say(world.speech("turn on the light"))
    world.wait_for_level(1, 60, LIGHT)
    # QEMU was told to end instead; the overlay of its disk lives on in this process.
    world.machine.command("set-action", reboot="reset")
    world.machine.command("system_reset")
    world.again()
    world.watch(LIGHT, DOOR)
    world.ready(60)
    world.channel.until("it is healthy", "kioskctl status --json >/dev/null", 40)
    unknown = world.status()["counters"]["actions"]["ledger"]["unknown"]
    print(unknown)
    assert len(unknown) == 1 and unknown[0].startswith("hall_light ")
    assert world.channel.run("kioskctl", "audit", "verify").code == 0
    # Reported, and never made up for.
    world.channel.shell("sleep 20", 40)
    assert world.pulses(LIGHT) == [] and world.pulses(DOOR) == []
