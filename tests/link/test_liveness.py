"""The pulse of a connection, with a peer that answers, one that only speaks, and one that is gone."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from kioskd.link.failures import Cause, Failure
from kioskd.link.limits import Limits
from kioskd.link.liveness import Liveness
from kioskd.link.reader import Heard
from kioskd.wire.profile import Trouble

LIMITS = Limits()


class Peer:
    """Answers a ping after ``pong_s``; never: not at all."""

    def __init__(self, pong_s: float) -> None:
        self.pong_s = pong_s
        self.asked: list[float] = []

    async def alive(self, within_s: float) -> bool:
        loop = asyncio.get_running_loop()
        self.asked.append(loop.time())
        await asyncio.sleep(min(self.pong_s, within_s))
        return self.pong_s < within_s


async def watched(peer: Any, heard: Heard, seconds: float, busy: bool) -> tuple[list[Failure], list[float]]:
    """What became of a connection that was watched for so long, and when it was told."""
    loop = asyncio.get_running_loop()
    gone: list[Failure] = []
    at: list[float] = []

    def told(failure: Failure) -> None:
        gone.append(failure)
        at.append(loop.time())

    pulse = Liveness("hydra", peer, LIMITS, loop.time, heard, 10.0, told)
    until = loop.time() + seconds
    while loop.time() < until and not gone:
        look_at = pulse.watch(loop.time(), busy)
        assert look_at > loop.time(), "the watch does not spin"
        await asyncio.sleep(min(look_at, loop.time() + LIMITS.tick_s, until) - loop.time())
    pulse.stop()
    return gone, at


@pytest.mark.parametrize("busy, bound_s, every_s", [(True, 15.0, 5.0), (False, 25.0, 15.0)])
def test_a_peer_that_is_gone_is_noticed_sooner_while_a_visitor_waits(
    swift: Any, busy: bool, bound_s: float, every_s: float
) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        gone, at = await watched(Peer(float("inf")), Heard(at=began), 100, busy)
        assert [(one.trouble, one.cause, one.close_code) for one in gone] == [(Trouble.TRANSPORT, Cause.SILENCE, 1006)]
        assert "answered no ping" in gone[0].sentence and at[0] - began <= bound_s + 0.01
        there = Peer(0.1)
        assert (await watched(there, Heard(at=loop.time()), 100, busy))[0] == []
        gaps = [after - before for before, after in zip(there.asked, there.asked[1:])]
        assert gaps and all(every_s <= gap <= every_s + 0.2 for gap in gaps), "and no ping more than that"

    swift(main())


def test_a_service_that_speaks_and_answers_no_ping_is_alive(swift: Any) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        heard = Heard(at=loop.time())

        async def speak() -> None:
            while True:
                await asyncio.sleep(7)
                heard.at = loop.time()

        speaking = asyncio.create_task(speak())
        assert (await watched(Peer(float("inf")), heard, 200, busy=True))[0] == []
        speaking.cancel()

    swift(main())


def test_after_a_change_of_the_network_a_pong_is_wanted_soon(swift: Any) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        for pong_s, dead in ((0.1, 0), (4.0, 1)):
            gone: list[Failure] = []
            peer: Any = Peer(pong_s)
            pulse = Liveness("hydra", peer, LIMITS, loop.time, Heard(at=loop.time()), 10.0, gone.append)
            pulse.watch(loop.time() + 60, busy=True)  # another question is on its way
            pulse.prove()
            await asyncio.sleep(20)
            assert [one.trouble for one in gone] == [Trouble.EXPIRY] * dead
            pulse.stop()

    swift(main())


def test_a_service_that_speaks_on_after_a_change_of_the_network_is_alive_however_slow_its_pongs(swift: Any) -> None:
    """Gemini was seen to take 8 to 30 s for one (dialects reference 9.17)."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        for words_s, dead in ((1.0, 0), (0.2, 1)):  # what comes at once had come before
            heard, gone = Heard(at=loop.time()), list[Failure]()
            peer: Any = Peer(float("inf"))
            pulse = Liveness("hybrie-gemini", peer, LIMITS, loop.time, heard, 30.0, gone.append)
            pulse.prove()
            await asyncio.sleep(words_s)
            heard.at = loop.time()
            await asyncio.sleep(10)
            assert len(gone) == dead
            pulse.stop()

    swift(main())
