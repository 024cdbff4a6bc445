"""What the house asks of one session reaches the wire in order, and status shows what it may."""

from __future__ import annotations

import asyncio
from typing import Any

from kioskd.core.events import SessionReady, ToolAsked


def test_a_tools_answer_is_remembered_by_its_name_and_its_output_is_kept_short(kit: Any) -> None:
    async def calls(visit: Any) -> None:
        await visit.handshake()
        await visit.call("c1")
        await visit.stay()

    async def main() -> None:
        async with kit.Peer(calls) as peer, kit.Bench(kit.setup_for(peer.url)) as bench:
            bench.link.open("a press", False)
            key = (await bench.event(ToolAsked)).key
            bench.link.send_output(key, '{"ok": true, "noise": "%s"}' % ("x" * 1000))
            visit = await peer.visited(1)
            await visit.until(lambda: visit.count("conversation.item.create"))
            summary = bench.link._memory.carried(asyncio.get_running_loop().time(), False).summary
            assert 'Tool: open_door answered {"ok": true' in summary and len(summary) < 400

    asyncio.run(main())


def test_a_session_is_quiet_only_when_nothing_is_owed_either_way(kit: Any) -> None:
    async def answers(visit: Any) -> None:
        await visit.handshake()
        await visit.until(lambda: visit.count("response.create"))
        await visit.answer()
        await visit.stay()

    async def main() -> None:
        async with kit.Peer(answers) as peer, kit.Bench(kit.setup_for(peer.url)) as bench:
            bench.link.open("a press", False)
            session = (await bench.event(SessionReady)).session
            conversation = bench.link._live
            assert conversation.quiet
            bench.speak(1, end=False)
            assert not conversation.quiet, "speech waits"
            bench.speak(1)
            visit = await peer.visited(1)
            await visit.until(lambda: visit.count("input_audio_buffer.append") >= 2)
            assert not conversation.quiet, "an answer is owed"
            bench.link.ask_response(session)
            async with asyncio.timeout(kit.patience_s):
                while not conversation.quiet:
                    await asyncio.sleep(0.01)
            shown = conversation.snapshot()
            assert shown["session"] == session and shown["mismatches"] == [] and shown["replaced_in_s"] > 1000

    asyncio.run(main())


def test_what_was_said_before_is_not_shown_in_status(kit: Any) -> None:
    async def main() -> None:
        async with kit.Peer() as peer, kit.Bench(kit.setup_for(peer.url)) as bench:
            bench.link.open("a press", False)
            bench.link._memory.said("user", "SECRETWORD", asyncio.get_running_loop().time())
            await bench.event(SessionReady)
            visit = await peer.visited(1)
            assert "SECRETWORD" in visit.of("session.configure")[0]["session"]["instructions"]
            assert "SECRETWORD" not in str(bench.link.snapshot())
            assert "instructions" not in bench.link.snapshot()["conversation"]["config"]

    asyncio.run(main())
