"""What the daemon costs inside the guest, beside a loop that says how fast the guest is (docs/appliance.md)."""

from __future__ import annotations

import json

from appliance.world import World

IDLE_S = 30
USED = "awk '{print $14 + $15}' /proc/$(systemctl show kioskd -p MainPID --value)/stat; cut -d' ' -f1 /proc/uptime"
PSS = "awk '/^Pss:/ {print $2}' /proc/$(systemctl show kioskd -p MainPID --value)/smaps_rollup"
MOST_PSS_MB = 55.0  # the bound of pss_mb in docs/performance.md; memory is not slower under emulation


def test_the_daemon_stays_within_its_memory_and_its_cost_is_told(world: World) -> None:
    world.ready(60)
    world.well(40)
    calibration = json.loads(world.channel.must("python3", "/usr/local/lib/appliance/calibrate.py", seconds=60))
    world.channel.shell("sleep 10")
    ticks, began = map(float, world.channel.shell(USED).split())
    world.channel.shell(f"sleep {IDLE_S}", 60)
    later, ended = map(float, world.channel.shell(USED).split())
    unit = world.show("kioskd.service", "InactiveExitTimestampMonotonic", "ActiveEnterTimestampMonotonic")
    start_s = (int(unit["ActiveEnterTimestampMonotonic"]) - int(unit["InactiveExitTimestampMonotonic"])) / 1e6
    pss_mb = int(world.channel.shell(PSS)) / 1024
    figures = {
        "calibration_s": calibration["best_s"],
        "ready_s": round(start_s, 2),
        "idle_cpu_pct": round((later - ticks) / (ended - began), 2),  # ticks of 10 ms: a hundred a second
        "pss_mb": round(pss_mb, 1),
    }
    print(json.dumps(figures))
    assert pss_mb <= MOST_PSS_MB
