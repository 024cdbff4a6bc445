"""Every way to end the daemon while a relay is on, the kernel's own end last.

The service is outside, so that the slow machine has only the daemon to do.
"""

from __future__ import annotations

from typing import NamedTuple

import pytest

from appliance.matrix import Matrix
from appliance.outside import Outside
from appliance.world import DOOR, FAN, HEATING, LIGHT, World

# docs/door.md, "How long a line can stay on"; in the guest's own time, so not scaled.
KILL_S, WATCHDOG_S, ABORT_S = 1.0, 10.0, 1.0
EDITS = "s/pulse_ms: 60000, min_gap_s: 60/pulse_ms: 20000, min_gap_s: 20/"  # each line again, some ten seconds later
BACK_S = 30.0  # RestartSec=2, and a start that takes 4 s on a machine ten times slower than a board


class Ending(NamedTuple):
    """A way to end it, the line that is on meanwhile, and what must come of it."""

    fault: str
    line: int
    words: str
    command: str
    most_s: float
    journal: str  # what the journal must say, for grep -E


OOM = "systemctl set-property --runtime kioskd.service MemoryMax={}"
ENDINGS = [
    Ending("SIGKILL", LIGHT, "turn on the light", "systemctl kill -s KILL kioskd.service", KILL_S, "status=9/KILL"),
    Ending("out of memory (its cgroup)", FAN, "start the fan", OOM.format("16M"), KILL_S, "oom-kill|status=9/KILL"),
    Ending(
        "frozen (SIGSTOP)",
        HEATING,
        "warm the room please",
        "systemctl kill -s STOP kioskd.service",
        WATCHDOG_S + ABORT_S,
        "Watchdog timeout",
    ),
]


def test_the_service_outside_is_reached(world: World, outside: Outside) -> None:
    world.watch(DOOR)
    world.opened()
    assert len(world.pulses(DOOR)) == 1 and outside.connections >= 1


@pytest.mark.parametrize("ending", ENDINGS, ids=lambda ending: ending.fault.split()[0])
def test_a_daemon_that_is_ended_leaves_the_line_off_and_comes_back(
    world: World, outside: Outside, matrix: Matrix, request: pytest.FixtureRequest, ending: Ending
) -> None:
    world.watch(LIGHT, FAN, HEATING, DOOR)
    pid = world.show("kioskd.service", "MainPID")["MainPID"]
    moved = len(world.pulses(ending.line))
    world.say(world.speech(ending.words))
    world.wait_for_level(1, 60, ending.line)
    began = float(world.channel.shell(f"cut -d' ' -f1 /proc/uptime; {ending.command}", 60))
    world.wait_for_level(0, 20, ending.line)
    off_s = world.changes(ending.line)[-1].at - began
    # However it ended: that one is over, and its successor is given what the unit has.
    gone = f"test $(systemctl show kioskd -p MainPID --value) != {pid}"
    world.channel.until("the process is gone", gone, 30, 0.5)
    world.channel.run(*OOM.format("256M").split())
    back_s = world.well(60) - began
    page = world.status()
    unknown = page["counters"]["actions"]["ledger"]["unknown"]
    matrix.row(
        fault=ending.fault,
        phase="relay on",
        lamp=f"off, then {page['panel']['lamp']}",
        status=f"nobody answers, then well; unknown: {unknown[0].split()[0]}",
        journal=world.journal_line(ending.journal),
        lost="the conversation; the relay's outcome is reported as unknown",
        test=request.node.name,
        off_s=off_s,
        back_s=back_s,
    )
    assert off_s <= ending.most_s
    assert back_s <= ending.most_s + BACK_S
    assert len(unknown) == 1
    assert world.channel.run("kioskctl", "audit", "verify").code == 0
    # Never made up for: it was on once, and nothing else moved.
    assert len(world.pulses(ending.line)) == moved + 1
    assert [world.pulses(line) for line in {LIGHT, FAN, HEATING, DOOR} - {ending.line}] == [[], [], []]


def test_when_the_machine_runs_out_of_memory_another_one_goes(
    world: World, matrix: Matrix, request: pytest.FixtureRequest
) -> None:
    pid = world.show("kioskd.service", "MainPID")
    # Anybody, in a unit of its own: systemd stops a unit of which the kernel took a process, as the tester's hand.
    hog = ["python3", "-c", "x = []\nwhile True: x.append(bytearray(8 << 20))"]
    world.channel.run("systemd-run", "--quiet", "--wait", "--collect", *hog, seconds=60)
    world.channel.until("the kernel ended somebody", "dmesg | grep -q 'Out of memory: Killed process'", 30)
    page_at = world.well(40)
    matrix.row(
        fault="out of memory (the machine)",
        phase="at rest",
        lamp=world.status()["panel"]["lamp"],
        status="well",
        journal=world.channel.shell("dmesg | grep -o 'Out of memory: Killed process [0-9]* ([a-z0-9_]*)' | tail -n 1"),
        lost="nothing: the kernel chose the one that took it (OOMScoreAdjust=-500)",
        test=request.node.name,
    )
    assert page_at and world.show("kioskd.service", "MainPID") == pid


def test_after_a_reset_in_mid_pulse_nothing_moves_and_the_intent_is_unknown(
    world: World, outside: Outside, matrix: Matrix, request: pytest.FixtureRequest
) -> None:
    world.watch(LIGHT, DOOR)
    world.say(world.speech("turn on the light"))
    world.wait_for_level(1, 60, LIGHT)
    # QEMU was told to end instead; the overlay of its disk lives on in this process.
    world.machine.command("set-action", reboot="reset")
    world.machine.command("system_reset")
    world.again()
    world.watch(LIGHT, DOOR)
    world.ready(60)
    world.machine.network()
    world.set_clock()  # the board's clock is behind ours, and the certificate is younger
    # The whole boot: the kernel's clock begins anew with it.
    back_s = world.well()
    page = world.status()
    unknown = page["counters"]["actions"]["ledger"]["unknown"]
    matrix.row(
        fault="kernel reset",
        phase="relay on",
        lamp=f"off, then {page['panel']['lamp']}",
        status=f"nobody answers, then well; unknown: {'; '.join(unknown).split()[0]}",
        journal=world.journal_line("is unknown"),
        lost="the conversation; the relay's outcome is reported as unknown",
        test=request.node.name,
        back_s=back_s,
    )
    assert len(unknown) == 1 and unknown[0].startswith("hall_light ")
    assert world.channel.run("kioskctl", "audit", "verify").code == 0
    # Reported, and never made up for.
    world.channel.shell("sleep 20", 40)
    assert world.pulses(LIGHT) == [] and world.pulses(DOOR) == []
