"""Whether the peer is still there: it is asked with a ping as soon as it has said nothing for a while."""

from __future__ import annotations

import asyncio
from typing import Callable

from kioskd.link.client import Connection
from kioskd.link.failures import Cause, Failure
from kioskd.link.limits import Limits
from kioskd.link.reader import Heard
from kioskd.wire.profile import Trouble

VANISHED = 1006  # RFC 6455, 7.4.1

# What still lay in this machine when the network changed has been read by then. A guess: many turns of the loop.
AFTERWARDS_S = 0.5


class Liveness:
    """The pulse of one connection. Loop only.

    A frame is life as a pong is: a service that is slow to answer pings while it speaks is not given up.

    Args:
        name: of the endpoint, for sentences.
        heard: what came over the connection, and when.
        patience_s: so long may this dialect take to answer a ping.
        gone: told that nobody is there any more, and why.
    """

    def __init__(
        self,
        name: str,
        connection: Connection,
        limits: Limits,
        clock: Callable[[], float],
        heard: Heard,
        patience_s: float,
        gone: Callable[[Failure], None],
    ) -> None:
        self._name, self._connection, self._limits, self._clock = name, connection, limits, clock
        self._heard, self._patience_s, self._gone = heard, patience_s, gone
        self._alive_at = clock()
        self._task: asyncio.Task[None] | None = None

    def watch(self, now: float, busy: bool) -> float:
        """Ask if it is time to. Returns when to look again (monotonic seconds).

        Args:
            busy: something is on its way, either way: a visitor waits for what is lost.
        """
        silent_s = self._limits.silent_s if busy else self._limits.idle_silent_s
        if self._asking:
            return now + silent_s
        due_at = max(self._alive_at, self._heard.at) + silent_s
        if now < due_at:
            return due_at
        self._task = asyncio.create_task(self._ask(), name=f"pulse of {self._name}")
        return now + silent_s

    def prove(self) -> None:
        """The network under the connection has changed: a pong or a word within ``pong_s``, or it is given up."""
        self.stop()
        self._task = asyncio.create_task(self._prove(), name=f"proof of {self._name}")

    def stop(self) -> None:
        """The session is over, or another question is asked."""
        if self._task is not None:
            self._task.cancel()

    @property
    def _asking(self) -> bool:
        return self._task is not None and not self._task.done()

    async def _ask(self) -> None:
        asked_at = self._clock()
        if await self._connection.alive(self._patience_s) or self._heard.at > asked_at:
            self._alive_at = self._clock()
            return
        silent_s = self._clock() - max(self._alive_at, self._heard.at)
        sentence = f"{self._name} has said nothing for {silent_s:.0f} s, and answered no ping"
        self._gone(Failure(Trouble.TRANSPORT, sentence, close_code=VANISHED, cause=Cause.SILENCE))

    async def _prove(self) -> None:
        pong_s, asked_at = self._limits.pong_s, self._clock()
        if await self._connection.alive(pong_s) or self._heard.at > asked_at + AFTERWARDS_S:
            self._alive_at = self._clock()
            return
        sentence = f"the network changed, and {self._name} did not answer within {pong_s:g} s"
        # Used up, not at fault: the next one is called at once.
        self._gone(Failure(Trouble.EXPIRY, sentence, close_code=VANISHED))
