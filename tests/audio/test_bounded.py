"""Calls that hang, and those who do not wait for them."""

from __future__ import annotations

import threading
import time
from typing import Iterator

import pytest

from kioskd.audio import bounded
from kioskd.audio.bounded import THREAD, TROUBLE, Bounded, Trouble


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """What a hanging call waits for; opened in the end, so that no thread stays."""
    event = threading.Event()
    yield event
    event.set()


def test_the_answer_and_the_error_come_back() -> None:
    runner = Bounded()
    assert runner.call(lambda: threading.current_thread().name, 1.0) == THREAD

    def fail() -> None:
        raise OSError("no")

    with pytest.raises(OSError, match="no"):
        runner.call(fail, 1.0)
    assert runner.call(lambda: 5, 1.0) == 5 and runner.busy_s == 0.0


def test_no_thread_stays_when_nothing_is_to_be_done() -> None:
    runner = Bounded()
    seen = {runner.call(threading.current_thread, 1.0) for _ in range(3)}
    for thread in seen:
        thread.join(5)
        assert not thread.is_alive()
    assert runner.call(lambda: 1, 1.0) == 1


def test_many_threads_ask_at_once_and_one_call_runs_at_a_time() -> None:
    runner, inside, most, done = Bounded(), [0], [0], []

    def work() -> None:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        time.sleep(0.0005)
        inside[0] -= 1

    def ask() -> None:
        for _ in range(20):
            runner.call(work, 30.0)
        done.append(1)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(done) == 4 and most[0] == 1


def test_who_waits_gives_up_and_a_late_result_is_undone(gate: threading.Event) -> None:
    runner, undone = Bounded(), threading.Event()

    def slow() -> str:
        gate.wait(10)
        return "late"

    began = time.monotonic()
    with pytest.raises(TimeoutError):
        runner.call(slow, 0.05, undo=lambda value: undone.set() if value == "late" else None)
    assert time.monotonic() - began < 0.5 and runner.busy_s > 0.0
    assert not undone.is_set()
    gate.set()
    assert undone.wait(5)
    assert runner.call(lambda: "next", 1.0) == "next"


def test_work_that_nobody_waits_for_is_not_begun_unless_it_must(gate: threading.Event) -> None:
    runner, done = Bounded(), []
    for work, must in ((lambda: gate.wait(10), False), (lambda: done.append("may"), False)):
        with pytest.raises(TimeoutError):
            runner.call(work, 0.02, must=must)
    with pytest.raises(TimeoutError):
        runner.call(lambda: done.append("must"), 0.02, must=True)
    gate.set()
    runner.call(lambda: None, 5.0)
    assert done == ["must"]


def test_a_late_failure_and_a_failing_undo_do_not_end_the_thread(gate: threading.Event) -> None:
    trouble = Trouble()
    runner = Bounded(trouble)

    def late() -> int:
        gate.wait(10)
        return 1

    def late_failure() -> int:
        raise OSError("late")

    with pytest.raises(TimeoutError):
        runner.call(late, 0.02, undo=lambda value: 1 // 0)
    with pytest.raises(TimeoutError):
        runner.call(late_failure, 0.02, must=True)
    gate.set()
    assert runner.call(lambda: 7, 5.0) == 7
    assert trouble.faults == 1 and "could not be closed (ZeroDivisionError" in str(trouble.snapshot()["last_fault"])
    assert Bounded()._trouble is TROUBLE, "where status looks"


def test_behind_a_wedged_call_everybody_waits_so_that_the_house_sees_it(
    gate: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded, "WEDGED_S", 0.1)
    runner, back = Bounded(), threading.Event()
    with pytest.raises(TimeoutError):
        runner.call(lambda: gate.wait(10), 0.15)

    def ask() -> None:
        runner.call(lambda: None, 0.01)
        back.set()

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    assert not back.wait(0.2)
    gate.set()
    assert back.wait(5)
