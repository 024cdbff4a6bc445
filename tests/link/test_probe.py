"""Probes of a sleeping link: no session is opened, and none of it keeps a visitor waiting."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from kioskd.core.events import SessionReady
from kioskd.core.words import Link
from kioskd.link.endpoints import EndpointSetup
from kioskd.link.failures import Failure
from kioskd.link.probe import Lookout, probe


def test_a_probe_connects_and_asks_for_nothing(kit: Any) -> None:
    async def main() -> None:
        asked = asyncio.Event()
        heard: list[bytes] = []

        async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                heard.append(await reader.read())
            except ConnectionResetError:
                heard.append(b"")
            writer.close()
            asked.set()

        async with await asyncio.start_server(listen, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            assert await probe(f"ws://127.0.0.1:{port}/path", 1.0) is None
            await asyncio.wait_for(asked.wait(), kit.patience_s)
            assert heard == [b""]
        failure = await probe(f"ws://127.0.0.1:{port}/path", 1.0)
        assert failure is not None and "nothing listens" in failure.sentence

    asyncio.run(main())


def test_a_probe_of_a_server_without_tls_fails(kit: Any) -> None:
    async def main() -> None:
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            listening.listen()
            failure = await probe(f"wss://127.0.0.1:{listening.getsockname()[1]}/", 0.2)
            assert failure is not None and "did not answer within 0.2 s" in failure.sentence

    asyncio.run(main())


def test_the_lookout_keeps_its_times_and_leaves_this_machine_alone(kit: Any) -> None:
    async def main() -> None:
        now = [1000.0]
        told: list[Failure | None] = []
        heard = asyncio.Event()

        def tell(setup: EndpointSetup, failure: Failure | None) -> None:
            told.append(failure)
            heard.set()

        limits = kit.replace(kit.fast, probe_s=300.0, probe_retry_s=30.0)
        lookout = Lookout(limits, lambda: now[0], tell)
        lookout.look(kit.setup_for("ws://127.0.0.1:9/"))
        away = kit.setup_for("wss://kiosk.invalid/", connect_timeout_s=20.0)
        lookout.look(away)
        async with asyncio.timeout(20.0):
            await heard.wait()
        assert len(told) == 1 and told[0] is not None
        for later_s, count in ((29.0, 1), (2.0, 2)):
            now[0] += later_s
            heard.clear()
            lookout.look(away)
            if count == 2:
                async with asyncio.timeout(20.0):
                    await heard.wait()
            assert len(told) == count
        lookout.proven()
        now[0] += 299.0
        lookout.look(away)
        await asyncio.sleep(0.05)
        assert len(told) == 2

    asyncio.run(main())


def test_a_sleeping_link_that_could_not_be_opened_is_shown_as_offline(kit: Any) -> None:
    async def main() -> None:
        limits = kit.replace(kit.fast, probe_s=300.0, probe_retry_s=300.0)
        setups = (
            kit.setup_for("wss://kiosk.invalid/", name="cloud", connect_timeout_s=20.0),
            kit.setup_for("ws://127.0.0.1:9/", name="local"),
        )
        async with kit.Bench(*setups, limits=limits) as bench:
            async with asyncio.timeout(20.0):
                offline = await bench.state(Link.OFFLINE)
            assert offline.endpoint == "cloud" and "kiosk.invalid" in offline.reason
            assert bench.link.snapshot()["attempts"] == 0
            assert bench.of(SessionReady) == []

    asyncio.run(main())


def test_a_probe_is_due_at_once_when_the_network_changed(kit: Any) -> None:
    async def main() -> None:
        told: list[Failure | None] = []
        heard = asyncio.Event()

        def tell(setup: EndpointSetup, failure: Failure | None) -> None:
            told.append(failure)
            heard.set()

        lookout = Lookout(kit.replace(kit.fast, probe_s=300.0, probe_retry_s=300.0), lambda: 1000.0, tell)
        away = kit.setup_for("wss://h..x/")
        for number in (1, 2):
            lookout.look(away)
            async with asyncio.timeout(kit.patience_s):
                await heard.wait()
            heard.clear()
            lookout.look(away)
            await asyncio.sleep(0.02)
            assert len(told) == number
            lookout.soon()

    asyncio.run(main())


def test_a_proxy_that_is_none_is_told_by_the_probe(kit: Any) -> None:
    async def main() -> None:
        def broken() -> None:
            raise ValueError("the proxy is not the address of a proxy; write http://HOST:PORT")

        limits = kit.replace(kit.fast, probe_s=300.0)
        async with kit.Bench(kit.setup_for("wss://h.example.org/", read_proxy=broken), limits=limits) as bench:
            offline = await bench.state(Link.OFFLINE)
            assert offline.reason.startswith("the proxy is not the address of a proxy")

    asyncio.run(main())
