"""What is meant for one session never reaches another."""

from __future__ import annotations

import asyncio
from typing import Any

from kioskd.core.events import SessionEnded, SessionReady
from kioskd.core.words import CallKey


def test_what_was_meant_for_the_session_before_is_dropped_and_counted(kit: Any) -> None:
    async def main() -> None:
        async with kit.Peer() as peer, kit.Bench(kit.setup_for(peer.url)) as bench:
            for number in (1, 2):
                bench.link.open("a press", False)
                await bench.event(SessionReady, number)
                if number == 1:
                    bench.link.close("enough")
                    await bench.event(SessionEnded)
            old = bench.of(SessionReady)[0].session
            bench.link.send_output(CallKey("hydra", old, "c1"), "{}")
            bench.link.send_output(CallKey("another", "session-2", "c1"), "{}")
            bench.link.send_text(old, "late")
            bench.link.ask_response(old)
            bench.link.cancel_response(old, "r")
            bench.link.truncate(old, "r", 5)
            assert bench.link.snapshot()["late_outputs"] == 6
            bench.link.send_text("session-2", "in time")
            visit = await peer.visited(2)
            await visit.until(lambda: visit.count("conversation.item.create"))
            assert [message["type"] for message in visit.frames] == ["session.configure", "conversation.item.create"]

    asyncio.run(main())
