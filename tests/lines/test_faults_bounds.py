"""How long a relay stays on when something goes wrong: each row of the design's table, with a real daemon that is
struck in the middle of a pulse (torture/bounds.py; ``scripts/torture bounds`` prints the figures)."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from torture import memory
from torture.bounds import cases, measure
from torture.caller import Caller
from torture.lives import look
from torture.strikes import FROZEN_MS, GONE_MS, Row, ever_on, pulsing
from torture.unit import DOOR, LOW_DOOR, ROOT, Unit, seconds

# The unit's ten seconds are a matter of waiting only; that they are the unit's is looked at below.
WATCHDOG_S = 2.0
NAMES = sorted({*cases(WATCHDOG_S, None)} - {"oom"})


@pytest.mark.parametrize("name", NAMES)
def test_a_line_is_released_within_its_bound(name: str, watch: Any) -> None:
    def attempt() -> tuple[Row, float]:
        since = time.monotonic()
        with Caller() as caller:
            row = cases(WATCHDOG_S, None)[name](caller)
        return row, watch.held_s(since) * 1000

    def judge(found: tuple[Row, float]) -> None:
        row, held_ms = found
        assert row.ms is not None and row.bound_ms is not None
        if row.detail.get("bound_is") == "least":
            assert row.ms >= row.bound_ms, row
        else:
            assert row.ms <= row.bound_ms + held_ms, row

    def always(found: tuple[Row, float]) -> None:
        row = found[0]
        assert row.detail.get("moved", 0) == 0 and row.detail.get("at_rest_from_the_first_request", True), row
        assert row.detail.get("said", "") == "", "ExecStopPost had something to complain of"

    watch.in_peace(attempt, judge, always, attempts=4)


def test_the_units_own_numbers_leave_the_helper_half_a_second_of_the_frozen_process_bound() -> None:
    assert seconds("WatchdogSec") == 10.0
    assert seconds("TimeoutAbortSec") * 1000 <= FROZEN_MS / 2
    assert seconds("WatchdogSec", "WatchdogSec=1500ms") == 1.5
    with pytest.raises(LookupError):
        seconds("WatchdogSec", "Type=notify")


def test_on_a_kernel_that_lets_go_of_a_line_its_pull_releases_it_before_the_helper_does() -> None:
    with Caller() as caller, Unit(caller.url, after="input") as unit:
        pulsing(unit, caller)
        assert unit.wires.level(DOOR) is True and unit.wires.level(LOW_DOOR) is False
        at = unit.signal(signal.SIGKILL)
        unit.process.wait(10)
        assert unit.wires.level(DOOR) is False and unit.wires.level(LOW_DOOR) is True
        unit.await_over()
        assert (unit.safe_at - at) > 0 and unit.said == ""


def test_a_daemon_that_was_killed_in_a_pulse_does_not_move_when_it_is_started_again(tmp_path: Any) -> None:
    with Caller() as caller:
        kept = {"ops": {"state_dir": str(tmp_path / "state")}}
        with Unit(caller.url, sections=kept) as first:
            pulsing(first, caller)
            first.signal(signal.SIGKILL)
            first.await_over()
        with Unit(caller.url, sections=kept) as second:
            second.await_ready()
            time.sleep(1.0)  # beyond settle_s
            assert ever_on(second) == []
        assert set(look(tmp_path / "state").outcomes.values()) == {"unknown"}


def test_the_command_prints_rows_for_scripts_and_knows_its_names() -> None:
    command = [sys.executable, "-m", "torture", "bounds"]
    done = subprocess.run([*command, "helper", "--json"], capture_output=True, text=True, timeout=60, cwd=ROOT)
    (row,) = json.loads(done.stdout)
    assert set(row) == {"name", "about", "ms", "bound_ms", "ok", "detail", "machine", "uid"} and row["name"] == "helper"
    assert done.returncode == (0 if row["ok"] else 1)
    done = subprocess.run([*command, "luck", "oom"], capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert done.returncode == 2 and "no such bound: luck\n" in done.stderr


def test_out_of_memory_the_kernel_kills_and_the_helper_releases_or_the_command_says_that_it_cannot_be_tried(
    watch: Any,
) -> None:
    def attempt() -> tuple[Row, float]:
        since = time.monotonic()
        (row,) = measure(["oom"], WATCHDOG_S)
        return row, watch.held_s(since) * 1000

    def judge(found: tuple[Row, float]) -> None:
        row, held_ms = found
        assert row.ms is None or row.ms <= GONE_MS + held_ms, row

    def always(found: tuple[Row, float]) -> None:
        row = found[0]
        if row.ms is None:
            assert row.about.startswith("not measured: ") and row.ok is None
        else:
            assert (row.detail["exit"], row.detail["oom_kills"]) == (-signal.SIGKILL, 1), row

    watch.in_peace(attempt, judge, always, attempts=4)


def test_a_folder_that_bounds_no_memory_is_a_sentence_and_its_own_exit_status(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "torture", "bounds", "oom", "--cgroup", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert done.returncode == 75 and done.stdout == f"oom        not measured: {tmp_path} is no memory cgroup\n"
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert done.returncode == 75 and json.loads(done.stdout)[0]["ok"] is None


@pytest.mark.parametrize(
    "mounts, place",
    [
        ("cgroup {0} cgroup rw,relatime,memory 0 0", 1),
        ("cgroup {0} cgroup rw,relatime,cpu 0 0\ncgroup2 {0} cgroup2 rw,nosuid 0 0", 2),
        ("tmpfs {0} tmpfs rw 0 0\ncgroup {0} cgroup rw,relatime,cpu 0 0", None),
    ],
)
def test_both_versions_of_cgroups_are_found(tmp_path: Path, mounts: str, place: int | None) -> None:
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids\n")
    (tmp_path / "mounts").write_text(mounts.format(tmp_path) + "\n")
    if place is None:
        with pytest.raises(memory.NotHad, match="no memory controller"):
            memory.look(tmp_path / "mounts")
    else:
        assert memory.look(tmp_path / "mounts") == (tmp_path, place)


def test_the_kernels_kills_are_counted_in_both_versions(tmp_path: Path) -> None:
    (tmp_path / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 1\n")
    assert memory.kills(tmp_path) == 1
    (tmp_path / "memory.events").write_text("low 0\nhigh 0\nmax 9\noom 3\noom_kill 2\noom_group_kill 0\n")
    assert memory.kills(tmp_path) == 2


def test_the_bound_of_a_process_that_is_gone_is_a_second() -> None:
    assert GONE_MS == 1000.0
