"""Whoever gives a job to the crew gets exactly one answer, also when the job never ends."""

from __future__ import annotations

import threading
import time
from queue import SimpleQueue
from typing import Callable, Iterator

import pytest

from kioskd.actions.crew import MOST_WAITING, Crew, Job
from kioskd.actions.outcome import Outcome

PATIENCE_S = 20.0


class Answers:
    def __init__(self) -> None:
        self._queue: SimpleQueue[Outcome] = SimpleQueue()

    def job(self, run: Callable[[], Outcome], bound_s: float = PATIENCE_S) -> Job:
        return Job("it", run, self._queue.put, bound_s)

    def next(self) -> Outcome:
        return self._queue.get(timeout=PATIENCE_S)

    @property
    def empty(self) -> bool:
        return self._queue.empty()


@pytest.fixture
def answers() -> Answers:
    return Answers()


@pytest.fixture
def crew() -> Iterator[Crew]:
    crew = Crew("test-crew", 1, 1)
    yield crew
    crew.stop(PATIENCE_S)


def done() -> Outcome:
    return Outcome(True, threading.current_thread().name)


def test_a_job_is_answered_from_a_thread_of_the_crew(crew: Crew, answers: Answers) -> None:
    assert crew.submit(answers.job(done))
    assert answers.next() == Outcome(True, "test-crew-1")


def test_a_fault_is_an_answer_and_the_thread_goes_on(crew: Crew, answers: Answers) -> None:
    assert crew.submit(answers.job(lambda: Outcome(1 / 0 > 1)))
    outcome = answers.next()
    assert not outcome.ok and "ZeroDivisionError" in outcome.reason
    assert crew.submit(answers.job(done))
    assert answers.next().result == "test-crew-1"
    assert crew.snapshot()["faults"] == 1


def test_a_job_that_hangs_is_answered_for_named_and_replaced(crew: Crew, answers: Answers) -> None:
    let_go = threading.Event()
    assert crew.submit(answers.job(lambda: Outcome(let_go.wait()), bound_s=0.05))
    assert "gave no answer within 0.05 s" in answers.next().reason
    assert crew.snapshot()["stuck"] == {"test-crew-1": "it"}
    assert crew.submit(answers.job(done))
    assert answers.next().result == "test-crew-2"
    let_go.set()
    until(lambda: crew.snapshot()["stuck"] == {})
    assert answers.empty, "its late answer is not a second one"
    assert crew.submit(answers.job(done))
    assert answers.next().result == "test-crew-2", "the thread that came back has ended"


def test_when_all_threads_hang_waiting_jobs_are_answered_for_too(answers: Answers) -> None:
    crew = Crew("test-crew", 1, 0)
    let_go = threading.Event()
    assert crew.submit(answers.job(lambda: Outcome(let_go.wait()), bound_s=0.05))
    ran = threading.Event()
    assert crew.submit(answers.job(lambda: Outcome(ran.set() is None), bound_s=0.05))
    assert not answers.next().ok and not answers.next().ok
    let_go.set()
    assert crew.submit(answers.job(done))
    assert answers.next().result == "test-crew-1", "without a spare the thread goes on when it comes back"
    assert not ran.is_set(), "what was answered for as failed must not happen later"
    assert crew.stop(PATIENCE_S)


def test_stopping_answers_for_what_waits_and_begins_nothing_more(crew: Crew, answers: Answers) -> None:
    begun, let_go = threading.Event(), threading.Event()

    def slow() -> Outcome:
        begun.set()
        return Outcome(let_go.wait(PATIENCE_S))

    assert crew.submit(answers.job(slow))
    assert begun.wait(PATIENCE_S)
    assert crew.submit(answers.job(done))
    assert not crew.stop(0.05), "a thread still runs"
    assert "kioskd is ending" in answers.next().reason
    assert not crew.submit(answers.job(done))
    let_go.set()
    assert answers.next() == Outcome(True)
    assert crew.stop(PATIENCE_S)


def test_far_too_much_is_refused(crew: Crew, answers: Answers) -> None:
    let_go, begun = threading.Event(), threading.Event()

    def slow() -> Outcome:
        begun.set()
        return Outcome(let_go.wait(PATIENCE_S))

    assert crew.submit(answers.job(slow))
    assert begun.wait(PATIENCE_S)
    taken = sum(crew.submit(answers.job(done)) for _ in range(MOST_WAITING + 5))
    assert taken == MOST_WAITING
    let_go.set()
    assert all(answers.next().ok for _ in range(taken + 1))


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_without_a_thread_for_its_bound_nothing_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(timer: threading.Timer) -> None:
        raise RuntimeError("can't start new thread")

    crew, done = Crew("test-bound", 1, 0), threading.Event()
    with monkeypatch.context() as patched:
        patched.setattr(threading.Timer, "start", none_left)
        assert not crew.submit(Job("door", lambda: Outcome(True), lambda outcome: done.set(), 5.0))
    assert crew.stop(5.0) and not done.is_set()
