"""What an owner does, over a real ssh: reload, apply with rollback; and what the visitor's side has beside the door."""

from __future__ import annotations

import json
import subprocess

import pytest

from appliance.host import ROOT, ApplianceError
from appliance.matrix import Matrix
from appliance.outside import Outside
from appliance.world import DOOR, MUTE, OWNERS_FILE, TALK, World

PRESSES = 1_000
# What this module's file has beside the usual: sed, as Outside.introduce wants it.
EDITS = f's|^  talk: {{pin.*|&\\n  mute: {{pin: "pinctrl-bcm2711:{MUTE}"}}|'
PROBE = ROOT / "appliance" / "sandbox.py"
PROCESS = """
pid=$(systemctl show kioskd -p MainPID --value); echo $pid
awk '/^Pss:/ {print $2}' /proc/$pid/smaps_rollup; ls /proc/$pid/fd | wc -l; ls /proc/$pid/task | wc -l
"""


def ssh(world: World, words: str, given: str = "") -> subprocess.CompletedProcess[str]:
    """A command of the owner, from the other side of the network."""
    seconds = 120 * world.channel.scale
    return subprocess.run([*world.machine.ssh(), words], input=given, capture_output=True, text=True, timeout=seconds)


def test_an_edited_file_is_reloaded_over_ssh_without_a_restart(world: World, outside: Outside) -> None:
    pid = world.show("kioskd.service", "MainPID")
    done = ssh(world, f"sed -i 's/name: appliance/name: reloaded/' {OWNERS_FILE} && systemctl reload kioskd.service")
    assert done.returncode == 0, done.stderr
    assert world.status()["kiosk"] == "reloaded"
    assert world.show("kioskd.service", "MainPID") == pid


def test_a_file_with_a_mistake_is_refused_over_ssh_and_changes_nothing(world: World, outside: Outside) -> None:
    done = ssh(
        world, f"cp {OWNERS_FILE} /root/good && sed -i 's/name: reloaded/nmae: oops/' {OWNERS_FILE} && kioskctl reload"
    )
    print(done.stderr.strip() or done.stdout.strip())
    assert done.returncode != 0 and "nmae" in done.stdout + done.stderr
    assert world.status()["kiosk"] == "reloaded"
    assert ssh(world, f"cat /root/good >{OWNERS_FILE} && kioskctl reload").returncode == 0


def test_an_apply_that_makes_the_kiosk_deaf_goes_back_by_itself(
    world: World, outside: Outside, matrix: Matrix, request: pytest.FixtureRequest
) -> None:
    good = world.channel.read(OWNERS_FILE)
    bad = good.decode().replace("input: alsa:Loopback", "input: alsa:Nowhere")
    began = world.now()
    done = ssh(world, "kioskctl apply - --watch 20 --json", bad)
    print(done.stdout[-600:], done.stderr[-300:])
    assert done.returncode == 1
    back_s = world.well(60) - began
    assert world.channel.read(OWNERS_FILE) == good
    matrix.row(
        fault="apply of a file with which the kiosk is deaf",
        phase="on trial",
        lamp="see status",
        status=str(json.loads(done.stdout).get("outcome", done.stdout))[:160],
        journal=world.journal_line("trial|rolled|went back|goes back"),
        lost="nothing: the file from before is in force",
        test=request.node.name,
        back_s=back_s,
    )


def test_the_mute_switch_closes_the_microphone_and_opens_it_again(world: World, outside: Outside) -> None:
    before = world.status()["counters"]
    world.finger(True, MUTE)
    world.until("it is muted", lambda page: page["muted"] and page["audio"]["capture"]["state"] == "muted", 10)
    assert world.channel.shell("cat /proc/asound/Loopback/pcm0c/sub0/status").strip() == "closed"
    world.watch(DOOR)
    # Nobody hears it, so nobody plays the other end to its end: a cable with one end takes no sound.
    world.hold(1.5)
    world.finger(False, MUTE)
    world.until("it is open again", lambda page: not page["muted"] and page["health"]["ok"], 20)
    assert world.status()["counters"]["turns"] == before["turns"] and world.pulses(DOOR) == []


def test_a_thousand_presses_wear_nothing_out(world: World, outside: Outside) -> None:
    world.until("it rests", lambda page: page["phase"] == "idle", 60)
    pid, pss, fds, threads = map(int, world.channel.shell(PROCESS, 30).split())
    pull = world.pull(TALK)
    press = f"echo pull-down >{pull}; sleep 0.06; echo pull-up >{pull}; sleep 0.06"
    world.channel.shell(f"for i in $(seq {PRESSES}); do {press}; done", 600)
    world.until("it rests", lambda page: page["phase"] == "idle" and page["health"]["ok"], 90)
    world.channel.shell("sleep 25", 60)
    pid_after, pss_after, fds_after, threads_after = map(int, world.channel.shell(PROCESS, 30).split())
    print(f"PSS {pss} -> {pss_after} kB; descriptors {fds} -> {fds_after}; threads {threads} -> {threads_after}")
    assert pid_after == pid
    assert fds_after <= fds + 4 and threads_after <= threads + 4
    assert pss_after - pss < 4_096
    world.watch(DOOR)
    world.opened()
    assert len(world.pulses(DOOR)) == 1


@pytest.mark.parametrize("mode", ["tap_to_talk", "voice", "open"])
def test_every_way_to_talk_opens_the_door(world: World, outside: Outside, mode: str) -> None:
    world.configure(f"s/mode: [a-z_]*/mode: {mode}/")
    world.well()
    world.watch(DOOR)
    path = world.speech("open the front door")
    if mode == "tap_to_talk":
        world.hold(0.15)
    world.speak(path)
    try:
        world.asked(40)
    except ApplianceError:
        print(json.dumps(world.status()["counters"]))
        raise
    world.hold(1.2)
    world.wait_for_level(1, 20)
    world.wait_for_level(0, 20)
    assert len(world.pulses(DOOR)) == 1


def test_the_sandbox_refuses_what_it_should(world: World, outside: Outside) -> None:
    there = "/usr/local/lib/appliance/sandbox.py"
    world.channel.write(there, PROBE.read_bytes())
    drop_in = f"[Service]\nExecStartPre=/usr/bin/python3 {there} /run/kioskd/sandbox.json\n"
    world.channel.write("/run/systemd/system/kioskd.service.d/sandbox.conf", drop_in.encode())
    world.channel.must("systemctl", "daemon-reload")
    world.channel.must("systemctl", "restart", "kioskd.service", seconds=60)
    told = json.loads(world.channel.read("/run/kioskd/sandbox.json"))
    world.channel.shell("rm /run/systemd/system/kioskd.service.d/sandbox.conf && systemctl daemon-reload")
    for name, refusal in told.items():
        print(f"  {name}: {refusal or 'NOT REFUSED'}")
    assert [name for name, refusal in told.items() if not refusal] == []
