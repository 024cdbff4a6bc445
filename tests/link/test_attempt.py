"""One attempt: how far it got, and that it can be ended wherever it is."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from kioskd.config.sections import Session, Talk
from kioskd.core.events import Event, LinkChanged, ServiceComplained, SessionEnded, SessionReady
from kioskd.core.words import Link
from kioskd.lanes import PlaybackLane, UplinkLane
from kioskd.link.attempt import Attempt
from kioskd.link.client import Connection, Target, dial
from kioskd.link.ports import Ports
from kioskd.link.record import Record
from kioskd.voice.options import Options
from kioskd.voice.server import serve
from kioskd.wire.dialects import DIALECTS
from kioskd.wire.profile import Trouble


def attempt_for(kit: Any, url: str, events: list[Event], **changes: Any) -> Attempt:
    clock = asyncio.get_running_loop().time
    ports = Ports(
        uplink=UplinkLane(1.0, lambda lost_ms: None),
        playback=PlaybackLane(10.0),
        report=events.append,
        ring=lambda: None,
        talk=Talk(),
        limits=kit.fast,
        clock=clock,
        on_ready=lambda endpoint, session: events.append(LinkChanged(Link.READY, endpoint, session)),
        on_ended=lambda ended: None,
    )
    return Attempt(kit.setup_for(url, **changes), True, False, ports, Record(events.append, clock), lambda: None)


def states(events: list[Event]) -> list[Link]:
    return [event.state for event in events if isinstance(event, LinkChanged)]


def test_it_tells_how_far_it_came(kit: Any) -> None:
    async def main() -> None:
        events: list[Event] = []
        async with kit.Peer() as peer:
            attempt = attempt_for(kit, peer.url, events)
            running = asyncio.create_task(attempt.run())
            visit = await peer.visited(1)
            await visit.until(lambda: visit.count("session.configure"))
            assert visit.of("session.configure")[0]["session"]["generate_initial_response"]
            async with asyncio.timeout(kit.patience_s):
                while Link.READY not in states(events):
                    await asyncio.sleep(0.01)
            assert attempt.conversation is not None and attempt.conversation.ready
            attempt.hang_up("enough")
            ending = await running
            assert ending.ours and ending.was_ready and ending.failure.trouble is Trouble.NORMAL
            assert attempt.conversation is None
            assert states(events) == [Link.CONNECTING, Link.HANDSHAKE, Link.READY]

    asyncio.run(main())


def test_it_can_be_ended_while_nobody_has_answered(kit: Any) -> None:
    async def main() -> None:
        called = asyncio.Event()

        async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            called.set()
            await kit.silence(reader, writer)

        async with await asyncio.start_server(listen, "127.0.0.1", 0) as silent:
            attempt = attempt_for(kit, f"ws://127.0.0.1:{silent.sockets[0].getsockname()[1]}/", [])
            running = asyncio.create_task(attempt.run())
            await asyncio.wait_for(called.wait(), kit.patience_s)
            attempt.hang_up("enough")
            ending = await asyncio.wait_for(running, kit.patience_s)
            assert ending.ours and not ending.was_ready and ending.failure.sentence == "enough"

    asyncio.run(main())


def test_it_can_be_ended_in_the_very_moment_in_which_somebody_answers(
    kit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or a session that nobody wants is kept open by its keep-alives, and billed."""

    async def main() -> None:
        events: list[Event] = []
        async with kit.Peer() as peer:
            attempt = attempt_for(kit, peer.url, events)

            async def dialled(target: Target) -> Connection:
                connection = await dial(target)
                attempt.hang_up("enough")
                return connection

            monkeypatch.setattr("kioskd.link.attempt.dial", dialled)
            ending = await asyncio.wait_for(attempt.run(), kit.patience_s)
            assert ending.ours and not ending.was_ready and ending.failure.sentence == "enough"
            assert Link.READY not in states(events)

    asyncio.run(main())


def test_a_changed_key_ends_a_call_that_carries_the_old_one_and_no_other(kit: Any) -> None:
    async def main() -> None:
        keys, called = ["sk_an_old_key"], asyncio.Event()

        def read_key() -> str:
            if not keys:
                raise PermissionError(13, "Permission denied", "/etc/kioskd/key")
            return keys[0]

        async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            called.set()
            await kit.silence(reader, writer)

        async with await asyncio.start_server(listen, "127.0.0.1", 0) as silent:
            url = f"ws://127.0.0.1:{silent.sockets[0].getsockname()[1]}/"
            attempt = attempt_for(kit, url, [], read_key=read_key)
            running = asyncio.create_task(attempt.run())
            await asyncio.wait_for(called.wait(), kit.patience_s)
            attempt.rekey()
            keys.clear()
            attempt.rekey()
            assert not attempt.ending, "it carries this very key, or nobody knows"
            keys.append("sk_another_key")
            attempt.rekey()
            ending = await asyncio.wait_for(running, kit.patience_s)
            assert ending.ours and "the key was changed" in ending.failure.sentence
        async with kit.Peer() as peer:
            events: list[Event] = []
            attempt = attempt_for(kit, peer.url, events, read_key=lambda: keys[0])
            running = asyncio.create_task(attempt.run())
            async with asyncio.timeout(kit.patience_s):
                while Link.READY not in states(events):
                    await asyncio.sleep(0.01)
            keys[0] = "sk_a_third_key"
            attempt.rekey()
            assert not attempt.ending, "a session that stands has proven its key"
            attempt.hang_up("enough")
            await running

    asyncio.run(main())


def test_cancelling_it_leaves_no_connection(kit: Any) -> None:
    async def main() -> None:
        async with kit.Peer() as peer:
            running = asyncio.create_task(attempt_for(kit, peer.url, []).run())
            visit = await peer.visited(1)
            running.cancel()
            await asyncio.wait([running])
            await visit.until(lambda: visit.close_code is not None)

    asyncio.run(main())


def test_what_a_person_has_to_change_is_a_refusal_with_its_sentence(kit: Any) -> None:
    def unreadable() -> str:
        raise PermissionError(13, "Permission denied", "/etc/kioskd/key")

    async def main() -> None:
        async with kit.Peer() as peer:
            for changes, words in (
                ({"read_key": unreadable}, "Permission denied"),
                ({"read_key": lambda: "two words"}, "The key holds a space"),
                ({"url": "ws://example.org/"}, "write wss://"),
                ({"url": "https://example.org/"}, "no address of a WebSocket"),
                ({"instructions": "x" * 40_000}, "shorten the instructions"),
            ):
                ending = await attempt_for(kit, changes.pop("url", peer.url), [], **changes).run()
                assert ending.failure.trouble is Trouble.FATAL and words in ending.failure.sentence
            assert peer.attempts == []

    asyncio.run(main())


@pytest.mark.parametrize(
    "dialect", ["hydra", "mythicdot", "hybrie", "openai", "openai-beta", "voice-live", "grok", "inworld"]
)
def test_every_dialect_takes_what_was_said_before_as_it_can(kit: Any, dialect: str) -> None:
    """Against the local voice service speaking it: it complains of nothing, and nothing is told twice."""
    profile = DIALECTS[dialect]

    async def main() -> None:
        server = await serve("127.0.0.1", 0, Options())
        try:
            url = f"ws://127.0.0.1:{server.port}/?dialect={dialect}"
            setup = kit.setup_for(url, profile=profile, model="", handshake_timeout_s=10.0)
            talk = kit.talk(linger_s=60.0)
            async with kit.Bench(setup, talk=talk, session=Session(longest_s=0.5)) as bench:
                bench.link.open("a press", greet=False)
                bench.link.rest(False)
                await bench.event(SessionReady)
                now = asyncio.get_running_loop().time()
                bench.link._memory.said("user", "Is my parcel here?", now)
                bench.link._memory.said("assistant", "It is.", now)
                await asyncio.sleep(0.5)
                before = len(bench.rows)
                bench.link.rest(True)
                ended = await bench.event(SessionEnded)
                assert ended.replaced
                bench.link.rest(False)
                await bench.event(SessionReady, 2)
                await asyncio.sleep(0.2)
                rows = [str(row) for row in bench.rows[before:]]
                items = [row for row in rows if "conversation.item.create" in row]
                summaries = [row for row in rows if "Earlier in this conversation (" in row]
                if profile.replay_text:
                    assert len(items) == 2 and summaries == [] and f"'{profile.replay_text}'" in items[1], items
                else:
                    assert items == [] and summaries, rows
                assert bench.of(ServiceComplained) == [] and bench.link.snapshot()["mismatches"] == []
                carried = bench.link._memory.carried(now + 1.0, bool(profile.replay_text))
                assert (carried.summary + str(carried.items)).count("Is my parcel here?") == 1
        finally:
            await server.aclose()

    asyncio.run(main())
