"""The way out is taken to its end, whatever fails on it."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from kioskd.closing import Closers, Loop, on_signals
from kioskd.core.events import StopAsked


def test_rooms_close_in_reverse_and_one_that_fails_does_not_keep_the_others(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> tuple[bool, list[str]]:
        closed: list[str] = []
        closers = Closers()
        closers.add("first", lambda: closed.append("first"))
        closers.add("stuck", lambda: closed.append("stuck") is not None)
        closers.add("broken", lambda: 1 / 0)
        closers.add("last", lambda: closed.append("last"))
        clean = await closers.close()
        assert await closers.close(), "once is enough"
        return clean, closed

    assert asyncio.run(main()) == (False, ["last", "stuck", "first"])
    assert "could not close broken" in caplog.text and "the stuck thread did not end" in caplog.text


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_asks_and_sighup_changes_nothing(number: signal.Signals, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> StopAsked:
        loop = asyncio.get_running_loop()
        asked: asyncio.Future[StopAsked] = loop.create_future()
        on_signals(loop, asked.set_result)
        os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), number)
        try:
            return await asyncio.wait_for(asked, 5)
        finally:
            for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                loop.remove_signal_handler(each)

    assert asyncio.run(main()) == StopAsked(f"{number.name} received")
    assert "SIGHUP changes nothing" in caplog.text


def test_a_loop_that_closes_gives_no_signal_its_default_back() -> None:
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    loop = Loop()
    try:
        on_signals(loop, lambda asked: None)
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        loop.close()
        assert [signal.getsignal(number) for number in numbers] == 3 * [signal.SIG_IGN]
    finally:
        signal.set_wakeup_fd(-1)
        for number, handler in before.items():
            signal.signal(number, handler)
