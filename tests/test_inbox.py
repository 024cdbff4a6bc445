"""The one door between threads and the loop keeps its promises."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from kioskd.core.events import Event, TimerFired
from kioskd.inbox import BATCH, Inbox


def event(number: int, name: str = "t") -> TimerFired:
    return TimerFired(name, number)


def test_events_of_one_thread_arrive_in_their_order() -> None:
    async def main() -> list[Event]:
        got: list[Event] = []
        done = asyncio.Event()

        def deliver(e: Event) -> None:
            got.append(e)
            if len(got) == 4000:
                done.set()

        inbox = Inbox(asyncio.get_running_loop(), deliver)

        def run(name: str) -> None:
            for number in range(1000):
                assert inbox.post(event(number, name))

        threads = [threading.Thread(target=run, args=(str(n),)) for n in range(4)]
        for thread in threads:
            thread.start()
        await asyncio.wait_for(done.wait(), 10)
        for thread in threads:
            thread.join()
        return got

    got = asyncio.run(main())
    for name in "0123":
        numbers = [e.generation for e in got if isinstance(e, TimerFired) and e.name == name]
        assert numbers == list(range(1000))


def test_a_chatty_thread_does_not_starve_the_loop() -> None:
    async def main() -> int:
        between: list[int] = []
        count = 0

        def deliver(e: Event) -> None:
            nonlocal count
            count += 1

        inbox = Inbox(asyncio.get_running_loop(), deliver)
        for number in range(BATCH * 3):
            inbox.post(event(number))
        while count < BATCH * 3:
            await asyncio.sleep(0)
            between.append(count)
        return max(b - a for a, b in zip([0, *between], between))

    assert asyncio.run(main()) <= BATCH


def test_an_event_that_cannot_be_taken_does_not_stop_those_behind_it() -> None:
    async def main() -> tuple[list[int], list[Any]]:
        got: list[int] = []
        complaints: list[Any] = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: complaints.append(context["exception"]))

        def deliver(e: Event) -> None:
            assert isinstance(e, TimerFired)
            if e.generation == 1:
                raise ValueError("no")
            got.append(e.generation)

        inbox = Inbox(loop, deliver)
        for number in range(3):
            inbox.post(event(number))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return got, complaints

    got, complaints = asyncio.run(main())
    assert got == [0, 2]
    assert [str(error) for error in complaints] == ["no"]


def test_what_was_taken_before_the_end_is_delivered_and_nothing_after() -> None:
    async def main() -> tuple[int, bool, int]:
        got: list[Event] = []
        inbox = Inbox(asyncio.get_running_loop(), got.append)
        for number in range(BATCH + 5):
            assert inbox.post(event(number))
        inbox.close()
        late = inbox.post(event(0))
        return len(got), late, inbox.refused

    assert asyncio.run(main()) == (BATCH + 5, False, 1)


def test_a_bell_rings_once_however_often_it_is_pulled() -> None:
    async def main() -> tuple[int, int]:
        rung: list[int] = []
        inbox = Inbox(asyncio.get_running_loop(), lambda e: None)
        bell = inbox.bell(lambda: rung.append(1))
        for _ in range(10):
            bell.ring()
        await asyncio.sleep(0)
        bell.ring()
        await asyncio.sleep(0)
        return len(rung), bell.rings

    assert asyncio.run(main()) == (2, 2)


def test_posting_after_the_loop_is_gone_is_harmless() -> None:
    loop = asyncio.new_event_loop()
    inbox = Inbox(loop, lambda e: None)
    loop.close()
    inbox.post(event(1))
    assert inbox.posted == 1
