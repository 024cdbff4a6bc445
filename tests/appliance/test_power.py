"""The power goes in the middle of a pulse: without a word; and with one, by the ignition's line.

Then there is a grace, an end in order, and a power-off that polkit lets kioskd have.
"""

from __future__ import annotations

import pytest

from appliance.boxed import Box
from appliance.world import OWNERS_FILE, World

WHERE = {"box"}  # without a kernel's line: the daemon is the real one, the line that goes is simulated
PLAYED = "/usr/local/lib/appliance/ignition.py"
# The daemon as it is, but that the line of power.pin goes when a file comes, and that a simulated line counts.
IGNITION = """
import os, sys, threading, time
import kioskd.powering as powering
from kioskd.cli import main
from kioskd.power.off import run

powering.rehearse = run
begun = powering.Powering._open

def opened(self):
    begun(self)
    def play():
        lines, pin = self._house.lines, self._settings.pin
        lines.press(pin)
        while not os.path.exists("/run/appliance-ignition-off"):
            time.sleep(0.05)
        lines.release(pin)
    threading.Thread(target=play, daemon=True).start()

powering.Powering._open = opened
sys.argv[0] = "kioskd"
sys.exit(main())
"""
DROP_IN = "/etc/systemd/system/kioskd.service.d/ignition.conf"
POWER = "power: {pin: GPIO23, debounce_ms: 100, grace_s: 2, within_s: 5}"


def light(world: World) -> None:
    """A visitor has the light switched on."""
    world.channel.shell("kioskctl panel press talk; sleep 5; kioskctl panel release talk", 30)
    world.until("a line is on", lambda page: page["panel"]["lines"]["lines"]["GPIO26"]["value"] == 1, 30)


def test_after_a_cut_in_mid_pulse_nothing_moves_and_the_intent_is_unknown(world: World, box: Box) -> None:
    world.configure("s/pulse_ms: 60000, min_gap_s: 60/pulse_ms: 8000, min_gap_s: 8/")  # the next test has it on again
    world.well()
    light(world)
    world.channel = box.cut()
    world.ready()
    page = world.status()
    unknown = page["counters"]["actions"]["ledger"]["unknown"]
    print(unknown, page["panel"]["lines"]["lines"]["GPIO26"])
    assert len(unknown) == 1 and unknown[0].startswith("hall_light ")
    assert "is unknown" in world.journal_line("is unknown")
    assert world.channel.run("kioskctl", "audit", "verify").code == 0
    # Reported, and never made up for.
    world.channel.shell("sleep 3")
    relay = world.status()["counters"]["actions"]["relays"]["hall_light"]
    assert not relay["on"] and relay["pulses"] == 0


@pytest.fixture
def wired(world: World) -> None:
    """The kiosk has a line that tells of its power."""
    world.channel.write(PLAYED, IGNITION.encode())
    start = f"/usr/lib/kioskd/venv/bin/python {PLAYED} run -c {OWNERS_FILE}"
    world.channel.write(DROP_IN, f"[Service]\nExecStart=\nExecStart={start}\n".encode())
    world.channel.shell(f"echo '{POWER}' >>{OWNERS_FILE}; systemctl daemon-reload; systemctl restart kioskd", 60)
    world.until("there is power", lambda page: page["power"]["state"] == "on", 20)


def test_the_kiosk_ends_in_order_and_the_machine_goes_off(world: World, box: Box, wired: None) -> None:
    light(world)
    at = world.now()
    world.channel.shell("touch /run/appliance-ignition-off")
    world.until("it says so", lambda page: page["power"]["going"] and not page["health"]["ok"], 2)
    assert box.off_within(20), world.channel.run("journalctl", "-b", "-n", "40", "--no-pager").out
    world.channel = box.boot()
    world.ready()
    said = world.channel.shell("journalctl -b -1 -o short-monotonic --no-pager | grep -E 'kioskd\\[|systemd\\[1\\]'")
    told = [
        line
        for line in said.splitlines()
        if any(word in line for word in ("power", "Power", "ending", "kioskd.service", "relay"))
    ]
    print("\n".join(told))
    seconds = {line.partition("] ")[2]: float(line.partition("[")[2].partition("]")[0]) for line in said.splitlines()}
    ended = max(at for line, at in seconds.items())
    assert "there was no power for 2 s: the kiosk ends" in said
    assert "could not be switched off" not in said and "SIGKILL" not in said and "timed out" not in said
    print(f"the box was off {ended - at:.1f} s after the line went")
    assert ended - at < 0.1 + 2 + 5
    # What was on is no riddle: it was ended in order.
    assert world.status()["counters"]["actions"]["ledger"]["unknown"] == []
    assert world.channel.run("kioskctl", "audit", "verify").code == 0
