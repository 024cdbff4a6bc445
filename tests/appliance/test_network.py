"""Loss, delay, reordering, a black hole and a dead link between the box and its service, by the kernel's own netem."""

from __future__ import annotations

import time
from typing import NamedTuple

import pytest

from appliance.matrix import Matrix
from appliance.outside import Outside
from appliance.world import DOOR, World

# link/limits.py: a dial, a probe and the longest wait between two attempts without a wish; times the slow machine.
NOTICED_S, BACK_S = 60.0, 60.0


def netem(world: World, words: str) -> None:
    """What the network does from now on; empty: nothing."""
    world.channel.shell("tc qdisc del dev eth0 root 2>/dev/null; true")
    if words:
        world.channel.shell(f"tc qdisc add dev eth0 root netem {words}")


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("3 % of the packets are lost", "loss 3%"),
        ("200 ms of delay, give or take 50", "delay 200ms 50ms"),
        ("a quarter of the packets is reordered", "delay 40ms reorder 75% 50%"),
    ],
)
def test_a_bad_network_costs_patience_and_nothing_else(
    world: World, outside: Outside, matrix: Matrix, request: pytest.FixtureRequest, fault: str, words: str
) -> None:
    before = world.status()["counters"]
    netem(world, words)
    try:
        world.watch(DOOR)
        world.opened()
        page = world.status()
    finally:
        netem(world, "")
    after = page["counters"]
    matrix.row(
        fault=fault,
        phase="a whole conversation",
        lamp=str(page["panel"]["lamp"]),
        status="; ".join(page["health"]["reasons"]) or "well",
        journal="",
        lost="nothing",
        test=request.node.name,
    )
    assert len(world.pulses(DOOR)) == 1
    assert after["turns_lost"] == before["turns_lost"]


class Cut(NamedTuple):
    """How nothing gets through any more, and again."""

    fault: str
    off: str
    on: str


CUTS = [
    Cut("a black hole: every packet is lost", "netem loss 100%", ""),
    Cut("the interface goes down", "ip link set eth0 down", "ip link set eth0 up && ip route add default via 10.0.2.2"),
    Cut("the cable is pulled", "cable", "cable"),
]


def cut(world: World, how: Cut, off: bool) -> None:
    """Do it, or undo it."""
    words = how.off if off else how.on
    if words == "cable":
        world.machine.command("set_link", name="nic", up=not off)
    elif how.off.startswith("netem"):
        netem(world, how.off.removeprefix("netem ") if off else "")
    else:
        world.channel.shell(words)


@pytest.mark.parametrize("how", CUTS, ids=lambda how: how.fault.split()[-1])
def test_a_network_that_is_gone_is_said_and_healed(
    world: World, outside: Outside, matrix: Matrix, request: pytest.FixtureRequest, how: Cut
) -> None:
    before = world.status()["counters"]
    world.watch(DOOR)
    # In mid word: what the visitor says now has nowhere to go.
    cut(world, how, True)
    began = world.now()
    world.say(world.speech("open the front door"))
    at, page = world.until("it says that it is not well", lambda page: not page["health"]["ok"], NOTICED_S)
    lamp = page["panel"]["lamp"]
    said = "; ".join(page["health"]["reasons"])
    assert world.pulses(DOOR) == []
    cut(world, how, False)
    mended = world.now()
    back_s = world.well(BACK_S) - mended
    page = world.status()
    # What waited is said now, or was given up with a word about it; then it is asked for again.
    time.sleep(2)
    lost = page["counters"]["turns_lost"] - before["turns_lost"]
    matrix.row(
        fault=how.fault,
        phase="the visitor speaks",
        lamp=f"{lamp}, then {page['panel']['lamp']}",
        status=f"{said} (after {at - began:.1f} s)",
        journal=world.journal_line("link|given up|OFFLINE|offline"),
        lost=f"{lost} turns" if lost else "nothing that waits",
        test=request.node.name,
        back_s=back_s,
    )
    assert len(world.pulses(DOOR)) <= 1 and page["counters"]["relay_pulses"] == before["relay_pulses"]
    assert world.show("kioskd.service", "NRestarts") == {"NRestarts": "0"}


def test_afterwards_the_door_opens_as_ever(world: World, outside: Outside) -> None:
    world.until("the conversation rests", lambda page: page["phase"] == "idle" and not page["session"]["calls"], 90)
    world.watch(DOOR)
    world.opened()
    assert len(world.pulses(DOOR)) == 1
