"""How long a relay stays on when something goes wrong: each row of the design's table, with a real daemon that is
struck in the middle of a pulse (torture/bounds.py; ``scripts/torture bounds`` prints the figures)."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from typing import Any

import pytest

from torture.bounds import cases
from torture.caller import Caller
from torture.lives import look
from torture.strikes import FROZEN_MS, GONE_MS, Row, ever_on, pulsing
from torture.unit import DOOR, LOW_DOOR, ROOT, Unit, seconds

# The unit's ten seconds are a matter of waiting only; that they are the unit's is looked at below.
WATCHDOG_S = 2.0
NAMES = sorted(cases(WATCHDOG_S, None))


@pytest.mark.parametrize("name", NAMES)
def test_a_line_is_released_within_its_bound(name: str, watch: Any) -> None:
    def attempt() -> tuple[Row, float]:
        since = time.monotonic()
        with Caller() as caller:
            row = cases(WATCHDOG_S, None)[name](caller)
        return row, watch.held_s(since) * 1000

    def judge(found: tuple[Row, float]) -> None:
        row, held_ms = found
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
    assert done.returncode == 2 and "luck, oom" in done.stderr and "--cgroup" in done.stderr


def test_the_bound_of_a_process_that_is_gone_is_a_second() -> None:
    assert GONE_MS == 1000.0
