"""What every room's tests share: a watch on the machine itself, and an end to what a test has left open.

The house has no timed tests: a virtual machine holds a process up for tens of ms at any time, and hundreds at worst. A
test of something that takes time does one of two things. It bounds a duration by what it may be *and* what this machine
was seen to take away meanwhile (``watch.held_s``). Or, where sound itself is torn by a machine that stands still, it
tries until it was left in peace (``in_peace``).
"""

from __future__ import annotations

import asyncio
import os
import selectors
import threading
import time
import warnings
from collections.abc import Iterator
from typing import Any, Callable, Coroutine, Mapping, TypeVar

import pytest

from kioskd.audio.bounded import THREAD

T = TypeVar("T")

# How often the watch looks. Shorter would keep the others from working.
TICK_S = 0.002
# Waking is never exact; what is later by less than this holds nobody up.
WAKE_S = 0.001
# A speaker's ring is kept 20 ms full: a process that was held up for less has torn nothing.
CALM_S = 0.015
# A fact may fail once in a calm attempt: the machine may hold up a sound server on a processor where this process has
# no thread waiting just then. Twice is the product.
STRIKES = 2
ATTEMPTS, ATTEMPTS_S = 8, 40.0


class Watch:
    """How long this machine held the process up: a thread on each processor that sleeps and sees how late it wakes."""

    def __init__(self) -> None:
        self._late: list[tuple[float, float]] = []  # when it woke, and by how much too late
        self._stopping = threading.Event()
        cpus = sorted(os.sched_getaffinity(0))
        self._threads = [threading.Thread(target=self._run, args=(cpu,), daemon=True) for cpu in cpus]
        for thread in self._threads:
            thread.start()

    def _run(self, cpu: int) -> None:
        os.sched_setaffinity(0, {cpu})  # of this thread
        while not self._stopping.is_set():
            before = time.monotonic()
            time.sleep(TICK_S)
            late_s = (now := time.monotonic()) - before - TICK_S
            if late_s > WAKE_S:
                self._late.append((now, late_s))

    def _within(self, since: float) -> list[float]:
        time.sleep(2 * TICK_S)  # a hold-up that is over just now is known when the watch has woken too
        return [min(late_s, at - since) for at, late_s in list(self._late) if at > since]

    def held_s(self, since: float) -> float:
        """All that was taken away since then (monotonic seconds), of all processors: one waits for the other."""
        return sum(self._within(since))

    def worst_s(self, since: float) -> float:
        """The longest single hold-up since then."""
        return max(self._within(since), default=0.0)

    def stop(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(5)

    def in_peace(
        self,
        attempt: Callable[[], T],
        judge: Callable[[T], None],
        always: Callable[[T], None],
        attempts: int = ATTEMPTS,
    ) -> None:
        """Try until ``judge`` finds nothing wrong.

        What it finds in a calm attempt counts against the product, what it finds in one that was held up does not.
        ``always`` judges each attempt by what holds on any machine. Where no attempt was calm that is all that was
        shown, and pytest's summary says so.
        """
        began, strikes, worst_s = time.monotonic(), 0, 0.0
        for count in range(1, attempts + 1):
            since = time.monotonic()
            result = attempt()
            worst_s = self.worst_s(since)
            always(result)
            try:
                judge(result)
                return
            except AssertionError as error:
                strikes += worst_s < CALM_S
                if strikes == STRIKES:
                    raise
                wrong = error
            if time.monotonic() - began > ATTEMPTS_S:
                break
        warnings.warn(
            f"This machine was not calm for the length of one attempt in {count} (held up for {worst_s * 1000:.0f} ms "
            f"in the last): shown is only what holds on any machine, not that {str(wrong).splitlines()[0]!r} is wrong."
        )


@pytest.fixture(scope="module")
def watch() -> Iterator[Watch]:
    """How long this machine holds the tests of a module up."""
    one = Watch()
    yield one
    one.stop()


@pytest.fixture(autouse=True)
def closed_streams() -> Iterator[None]:
    """PortAudio is one for the whole process: what a test has closed is gone before the next one asks for devices.

    A daemon asks for all of it in one thread; tests have several libraries, each with a thread of its own, and a stream
    that closes late (nobody waits for it longer than CLOSE_S) would take the list from under the next one's hands.
    """
    yield
    until = time.monotonic() + 10
    for thread in threading.enumerate():
        if thread.name == THREAD:
            thread.join(max(0.0, until - time.monotonic()))
            assert not thread.is_alive(), "a sound device does not close"


# -- time that flies -----------------------------------------------------------------------------


class Flight(selectors.DefaultSelector):
    """Waits only as long as anything can be on its way, and flies over the rest."""

    GRACE_S = 0.002  # loopback needs less between a send and its arrival: both happen in this process

    def __init__(self) -> None:
        super().__init__()
        self.now_s = time.monotonic()
        self.jobs = 0  # in threads: nobody knows when they end, so nothing is flown over meanwhile

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(0)
        if events or timeout is None or timeout <= 0:
            return events or super().select(timeout)
        if self.jobs:
            return super().select(min(timeout, 0.05))
        events = super().select(min(timeout, self.GRACE_S))
        if not events:
            self.now_s += timeout
        return events


class SwiftLoop(asyncio.SelectorEventLoop):
    """A loop in which an hour of waiting takes no time: its clock jumps to the next timer when nothing else happens.

    It stands still meanwhile, so a machine that is held up measures the same as one that is not. Sockets are real. So a
    test keeps the product's own numbers, and may wait for them.
    """

    def __init__(self) -> None:
        self._flight = Flight()
        super().__init__(self._flight)

    def time(self) -> float:
        return self._flight.now_s

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:
        self._flight.jobs += 1
        job = super().run_in_executor(executor, func, *args)
        job.add_done_callback(lambda _: setattr(self._flight, "jobs", self._flight.jobs - 1))
        return job


@pytest.fixture
def swift() -> Callable[[Coroutine[Any, Any, T]], T]:
    """``swift(main())``: as ``asyncio.run``, with time that flies."""

    def run(main: Coroutine[Any, Any, T]) -> T:
        with asyncio.Runner(loop_factory=SwiftLoop) as runner:
            return runner.run(main)

    return run


# -- faults and their numbers --------------------------------------------------------------------


class Stated:
    """The numbers of a test's ``fault`` marker. What is stated is looked at, or the test fails (docs/faults.md)."""

    def __init__(self, numbers: Mapping[str, Any]) -> None:
        self._numbers, self._looked = numbers, set[str]()

    def __getattr__(self, name: str) -> Any:
        self._looked.add(name)
        return self._numbers[name]

    def unseen(self) -> set[str]:
        return set(self._numbers) - self._looked - {"lost"}


@pytest.fixture
def stated(request: pytest.FixtureRequest) -> Iterator[Stated]:
    """What the test's ``fault`` marker says; scripts/faults makes the table of docs/faults.md of it."""
    marker = request.node.get_closest_marker("fault")
    assert marker is not None, "a test that asks for its stated numbers has a fault marker"
    one = Stated(marker.kwargs)
    yield one
    assert one.unseen() == set(), "stated, and never looked at"
