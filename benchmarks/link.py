"""The real link on a bench: supervisor, lanes and inbox in this process, the service in another."""

from __future__ import annotations

import asyncio
import random
import time
from typing import Any, Callable, Mapping

from benchmarks.figure import ProbeFailed
from kioskd.config.sections import Talk
from kioskd.core.events import Event
from kioskd.inbox import Inbox
from kioskd.lanes import Chunk, PlaybackLane, UplinkLane
from kioskd.link.endpoints import EndpointSetup
from kioskd.link.supervisor import Supervisor
from kioskd.wire.dialects import LOCAL

PATIENCE_S = 10.0


class LinkBench:
    """A link in session, with a list where the machine would be. Loop only.

    Args:
        url: of the service.
        on_sent: see Supervisor.
        on_frame: called with each frame that comes, before it is read; costs the link a JSON parse.
    """

    def __init__(
        self,
        url: str,
        on_sent: Callable[[Chunk], None] | None = None,
        on_frame: Callable[[str], None] | None = None,
    ) -> None:
        self.events: list[Event] = []
        self.uplink = UplinkLane(10.0, lambda lost_ms: None)
        self.lane = PlaybackLane(120.0)
        self._news = asyncio.Event()
        self.inbox = Inbox(asyncio.get_running_loop(), self._deliver)
        self._on_frame = on_frame
        self.link = Supervisor(
            [EndpointSetup("local-1", LOCAL, url, "hydra-v1.1")],
            self.uplink,
            self.lane,
            self.inbox.post,
            self.inbox.bell,
            Talk(),
            random.random,
            trace=None if on_frame is None else self._traced,
            on_sent=on_sent,
        )

    async def __aenter__(self) -> LinkBench:
        self.link.start()
        self.link.open("the bench", False)
        await self.seen("SessionReady")
        return self

    async def __aexit__(self, *_: Any) -> None:
        await self.link.aclose()
        self.inbox.close()

    def _deliver(self, event: Event) -> None:
        self.events.append(event)
        self._news.set()

    def _traced(self, kind: str, row: Mapping[str, object]) -> None:
        if self._on_frame is not None and row["dir"] == "<":
            self._on_frame(str(row["type"]))

    async def seen(self, kind: str) -> None:
        """Until an event of that type came; forgets those up to it."""
        until = time.monotonic() + PATIENCE_S
        while True:
            for number, event in enumerate(self.events):
                if type(event).__name__ == kind:
                    del self.events[: number + 1]
                    return
            self._news.clear()
            try:
                async with asyncio.timeout(until - time.monotonic()):
                    await self._news.wait()
            except TimeoutError as error:
                raise ProbeFailed(f"no {kind} within {PATIENCE_S:g} s") from error
