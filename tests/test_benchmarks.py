"""The benchmarks are held to their names and shape, never to their numbers: time is no test's business."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import door, pure
from benchmarks.ear import Ear
from benchmarks.figure import Figure, Measured, ProbeFailed, Target, percentile, spread
from benchmarks.host import cpu_model, machine

ROOT = Path(__file__).resolve().parent.parent
ASKED_FOR = {
    "uplink_ms": 3.0,
    "downlink_ms": 13.0,
    "cut_ms": 10.0,
    "idle_cpu_pct": 1.5,
    "talk_cpu_pct": 5.0,
    "pss_mb": 55.0,
    "ready_s": 0.8,
    "silent_bytes": 0.0,
    "machine_us": 100.0,
    "policy_us": 50.0,
    "decode_us": 10.0,
    "encode_us": 5.0,
}


def run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)


def fake(name: str, bound: float, result: Any) -> Target:
    def taken() -> Any:
        if isinstance(result, Exception):
            raise result
        return result

    return Target(name, "ms", bound, "a fake", taken)


def test_every_figure_that_was_asked_for_has_its_name_and_bound() -> None:
    assert {target.name: target.bound for target in door.TARGETS} == ASKED_FOR
    assert len(door.TARGETS) == len(ASKED_FOR), "a name is there twice"


def test_a_cheap_figure_is_really_measured_and_has_the_shape() -> None:
    done = run("encode_us", "policy_us", "--json")
    rows = json.loads(done.stdout)
    assert [row["name"] for row in rows] == ["encode_us", "policy_us"]
    for row in rows:
        assert set(row) == {"name", "value", "unit", "bound", "ok", "detail"}
        assert row["value"] > 0 and row["unit"] == "us"
        assert row["ok"] is (row["value"] <= row["bound"])
        assert {"count", "median", "p99"} <= set(row["detail"]["us"])
        assert {"cpu", "cores", "python", "kernel", "load"} == set(row["detail"]["machine"])
    assert done.returncode == (0 if all(row["ok"] for row in rows) else 1)


def test_the_table_has_a_line_for_each_figure_and_names_the_machine() -> None:
    done = run("encode_us")
    assert "encode_us" in done.stdout and "<= 5 us" in done.stdout
    assert str(machine()["cpu"]) in done.stdout


def test_an_unknown_name_is_a_failure_that_names_what_there_is() -> None:
    done = run("encode_us", "speed_of_light")
    assert done.returncode == 2 and done.stdout == ""
    assert "speed_of_light" in done.stderr and "uplink_ms" in done.stderr


def test_the_list_measures_nothing() -> None:
    done = run("--list", "--json")
    assert done.returncode == 0
    assert {row["name"]: row["bound"] for row in json.loads(done.stdout)} == ASKED_FOR


def test_a_figure_is_ok_up_to_its_bound() -> None:
    at, over = (Figure("a", value, "ms", 3.0) for value in (3.0, 3.001))
    assert at.ok is True and over.ok is False


def test_a_failed_probe_is_told_and_neither_good_nor_bad() -> None:
    targets = [
        fake("a", 1.0, ProbeFailed("no sound server")),
        fake("b", 1.0, RuntimeError("a bug")),
        fake("c", 1.0, {"c": Measured(2.0, "slow")}),
    ]
    rows = [figure.row() for figure in door.take(targets, lambda target: None)]
    assert [(row["value"], row["ok"]) for row in rows] == [(None, None), (None, None), (2.0, False)]
    details = [row["detail"] for row in rows]
    assert [detail.get("probe") for detail in details if isinstance(detail, dict)] == [
        "no sound server",
        "RuntimeError: a bug",
        None,
    ]


def test_a_run_that_serves_two_figures_is_done_once() -> None:
    runs = []

    def both() -> dict[str, Measured]:
        runs.append(1)
        return {"a": Measured(1.0, "one"), "b": Measured(2.0, "two")}

    figures = door.take([Target(name, "ms", 9.0, "", both) for name in ("a", "b")], lambda target: None)
    assert runs == [1] and [figure.value for figure in figures] == [1.0, 2.0]


def test_figures_that_share_a_run_do_so_in_earnest() -> None:
    by_run: dict[Any, set[str]] = {}
    for target in door.TARGETS:
        by_run.setdefault(target.run, set()).add(target.name)
    assert {"idle_cpu_pct", "silent_bytes"} in by_run.values()
    assert {"talk_cpu_pct", "pss_mb"} in by_run.values()


def test_a_percentile_is_a_sample_that_was_measured() -> None:
    samples = [float(n) for n in range(1, 101)]
    assert [percentile(samples, share) for share in (0.0, 0.5, 0.99, 1.0)] == [1.0, 50.0, 99.0, 100.0]
    assert percentile([7.0], 0.99) == 7.0
    assert spread([1.0, 2.0, 9.0]) == {"count": 3, "least": 1.0, "median": 2.0, "p95": 9.0, "p99": 9.0, "most": 9.0}
    with pytest.raises(ProbeFailed):
        percentile([], 0.5)


def test_the_silent_minute_hears_a_single_byte() -> None:
    with Ear() as ear:
        port = int(ear.url.split(":")[2].split("/")[0])
        with socket.create_connection(("127.0.0.1", port)) as talker:
            talker.sendall(b"x")
        with socket.create_connection(("127.0.0.1", port)):
            pass  # a probe: a connection, no byte
        until = 500
        while (ear.bytes, ear.connections) != (1, 2) and until:
            until -= 1
            ear._thread.join(0.01)
        assert (ear.bytes, ear.connections) == (1, 2)


def test_the_tone_is_no_silence() -> None:
    pcm = pure.tone(480, 24_000)
    assert len(pcm) == 960 and len(set(pcm)) > 50


def test_a_board_without_a_model_name_tells_its_own(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nBogoMIPS\t: 108.00\n\nModel\t\t: Raspberry Pi 4 Model B Rev 1.4\n")
    assert cpu_model(cpuinfo) == "Raspberry Pi 4 Model B Rev 1.4"
    assert cpu_model(tmp_path / "missing")
