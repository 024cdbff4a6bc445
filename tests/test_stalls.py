"""Moments at which the machine stood still are found, and what was measured in them counts for nothing."""

from __future__ import annotations

import os
import signal
import time

import pytest

from benchmarks.figure import ProbeFailed
from benchmarks.host import QUICK
from benchmarks.stalls import Span, Stalls, undisturbed


def test_what_happened_while_the_machine_stood_still_is_set_aside_and_counted() -> None:
    samples = [Span(at, at + 0.004) for at in (1.0, 2.0, 3.0)] + [Span(4.0, 4.3)]
    took = undisturbed(samples, Stalls((Span(4.1, 4.4), Span(9.0, 9.1))), less_ms=1.0)
    assert (round(took.p99, 3), round(took.median, 3)) == (3.0, 3.0)
    assert (took.detail["set_aside"], took.detail["stalls"], took.detail["longest_stall_ms"]) == (1, 2, 300.0)
    calm, everything = took.detail["ms"], took.detail["all_ms"]
    assert isinstance(calm, dict) and isinstance(everything, dict)
    assert calm["count"] == 3 and everything["most"] == pytest.approx(299.0)


def test_a_figure_of_a_machine_that_stands_still_half_of_the_time_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = [Span(1.0, 1.1), Span(2.0, 2.1), Span(3.0, 3.1)]
    busy = Stalls((Span(1.0, 2.5), Span(3.0, 3.5)))
    monkeypatch.delenv(QUICK, raising=False)
    with pytest.raises(ProbeFailed, match="the machine stood still in 3 of 3 samples"):
        undisturbed(samples, busy)
    monkeypatch.setenv(QUICK, "1")
    assert undisturbed(samples, busy).detail["set_aside"] == 3, "a quick look asks for no figure"


def test_a_core_that_does_not_serve_is_seen() -> None:
    with Stalls() as stalls:
        watcher = stalls.watchers[0].pid
        stopped_at = time.monotonic()
        os.kill(watcher, signal.SIGSTOP)
        time.sleep(0.1)
        goes_on_at = time.monotonic()
        os.kill(watcher, signal.SIGCONT)
    assert any(span.began <= stopped_at and span.ended >= goes_on_at for span in stalls.spans), stalls.spans


def test_each_core_that_may_be_used_is_watched() -> None:
    with Stalls() as stalls:
        watched = [os.sched_getaffinity(watcher.pid) for watcher in stalls.watchers]
    assert watched == [{core} for core in sorted(os.sched_getaffinity(0))]
    assert all(watcher.returncode == 0 for watcher in stalls.watchers)
