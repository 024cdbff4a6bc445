"""The way to the house's voice: which one it is, what is counted of it, and what a spent budget makes of it."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import json
import logging
from typing import Any

import pytest
from websockets.asyncio.server import serve

from kioskd import services
from kioskd.announce.ports import VoiceFailed
from kioskd.announcing import open_renderer
from kioskd.config.announce import Announce, AnnounceService
from kioskd.config.budget import Budget, Limits, ServiceBudget
from kioskd.config.road import ServiceProxy
from kioskd.config.secretref import SecretRef
from kioskd.config.sections import Config, Endpoint
from kioskd.core.budget import Level, cost, judge
from kioskd.core.tally import Tally
from kioskd.housevoice import Account, dial_service
from kioskd.metering import services as metered

KEY, PASSWORD = "canary-key-0123456789", "canary:pass/word@4"
ENV = {"KEY": KEY, "PASSWORD": PASSWORD}


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


async def speaks(socket: Any) -> None:
    """Lightning, as far as a request needs it: one piece of sound for each, and its end."""
    async for frame in socket:
        asked = json.loads(frame)
        of = {"external_request_id": asked.get("request_id", "")}
        sound = base64.b64encode(b"\x01\x01" * 2400).decode()
        await socket.send(json.dumps({"status": "chunk", "data": {"audio": sound}, **of}))
        await socket.send(json.dumps({"status": "complete", **of}))


def section(url: str, **changes: Any) -> Config:
    return Config(announce=Announce(service=AnnounceService(url=url, **changes)))


def test_what_is_announced_is_counted_as_the_service_bills_it() -> None:
    async def main() -> Tally:
        async with serve(speaks, "127.0.0.1", 0) as server:
            config = section(f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/")
            account = Account()
            assert account.readings() == {}, "nothing is told of a service that was never called"
            renderer = open_renderer(config, set(), {}, account)
            for _ in range(2):
                assert (await renderer.render("Good morning.")).by == "house"
            return account.readings()["announce"]

    used = asyncio.run(main())
    assert (used.attempts, used.sessions, used.usage) == (2, 2, {"characters": 26})
    assert used.bytes_up > 2 * len("Good morning.") and used.bytes_down > 2 * 4800 and used.session_s > 0


def test_a_connection_that_is_there_counts_up_to_now_and_once() -> None:
    clock = Clock()
    account = Account(clock)
    account.attempted()
    since = account.opened()
    clock.now += 3
    assert account.readings()["announce"].session_s == 3
    account.closed(since)
    account.closed(since)
    clock.now += 3
    assert account.readings()["announce"].session_s == 3


def test_a_connection_that_the_service_has_closed_is_not_counted_on() -> None:
    async def hangs_up(socket: Any) -> None:
        await socket.recv()

    async def main() -> None:
        clock = Clock()
        async with serve(hangs_up, "127.0.0.1", 0) as server:
            service = section(f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/").announce.service
            assert service is not None
            account = Account(clock)
            line = await dial_service(service, set(), {}, account)
            await line.send("{}")
            clock.now += 2
            with pytest.raises(VoiceFailed):
                await line.receive()
            clock.now += 100
            assert account.readings()["announce"].session_s == 2

    asyncio.run(main())


def test_a_service_that_hangs_up_behind_each_piece_of_a_long_text_is_not_billed_for_ever() -> None:
    """Hydra reference B4: whether it keeps the connection is its own affair; the next piece then finds it closed."""

    async def once(socket: Any) -> None:
        asked = json.loads(await socket.recv())
        sound = base64.b64encode(b"\x01\x01" * 2400).decode()
        of = {"external_request_id": asked.get("request_id", "")}
        await socket.send(json.dumps({"status": "chunk", "data": {"audio": sound}, **of}))
        await socket.send(json.dumps({"status": "complete", **of}))

    async def main() -> None:
        clock = Clock()
        async with serve(once, "127.0.0.1", 0) as server:
            service = section(f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/").announce.service
            assert service is not None
            account = Account(clock)
            line = await dial_service(service, set(), {}, account)
            await line.send('{"request_id": "1"}')
            assert "complete" in [json.loads(await line.receive())["status"] for _ in range(2)]
            clock.now += 2
            with pytest.raises(VoiceFailed):
                async with asyncio.timeout(5):
                    while True:  # until its goodbye is here
                        await line.send("{}")
                        await asyncio.sleep(0)
            clock.now += 100
            assert account.readings()["announce"].session_s == 2

    asyncio.run(main())


def test_a_spent_budget_leaves_the_local_voice() -> None:
    async def main() -> None:
        account = Account()
        config = section("wss://voice.example.org/", key=SecretRef(env="KEY"))
        renderer = open_renderer(config, set(), ENV, account, barred=lambda: "enough for today")
        rendered = await renderer.render("Good morning.")
        assert rendered.by == "local" and rendered.problem.endswith("enough for today")
        assert account.readings() == {}, "nobody was called"

    asyncio.run(main())


def test_it_has_a_price_and_a_limit_of_its_own() -> None:
    config = Config(
        service=(Endpoint(dialect="hydra"),), announce=Announce(service=AnnounceService(url="wss://voice.example.org/"))
    )
    names = metered(config)
    assert names == {"hydra-1": False, "announce": False}
    used = Tally(session_s=600, usage={"characters": 2000})
    assert cost(Budget(price_per_minute=1.0), "announce", used, names) == 0, "a minute of talk is another thing"
    own = ServiceBudget(service="announce", price_per_1000_characters=0.5, day=Limits(cost=1.0))
    budget = Budget(price_per_minute=1.0, when_spent="refuse", services=(own,))
    assert cost(budget, "announce", used, names) == 1.0
    verdict = judge(budget, {}, {"announce": used}, names)
    assert verdict.level is Level.SPENT and list(verdict.restricted) == ["announce"]
    here = dataclasses.replace(config.announce, service=AnnounceService(url="ws://127.0.0.1:8715/"))
    assert metered(dataclasses.replace(config, announce=here))["announce"] is True


def test_the_way_to_it_is_straight_or_as_the_environment_or_the_file_says(caplog: pytest.LogCaptureFixture) -> None:
    """And the proxy learns no key, and nothing tells of its password."""
    caplog.set_level(logging.DEBUG)
    heads: list[bytes] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 407 No\r\n\r\n")
        writer.close()

    async def sentence(service: AnnounceService, env: Any, seen: set[str]) -> str:
        with pytest.raises(VoiceFailed) as caught:
            await dial_service(service, seen, env, Account())
        return str(caught.value)

    async def main() -> list[str]:
        async with await asyncio.start_server(proxy, "127.0.0.1", 0) as server:
            address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            service = AnnounceService(url="wss://voice.example.org/", key=SecretRef(env="KEY"))
            given = ServiceProxy(url=address, user="kiosk", password=SecretRef(env="PASSWORD"))
            seen: set[str] = set()
            told = [await sentence(service, {**ENV, "HTTPS_PROXY": address}, seen)]
            told.append(await sentence(dataclasses.replace(service, proxy=given), ENV, seen))
            assert {KEY, PASSWORD} <= seen, "no log will hold them"
            assert len(heads) == 2 and all(head.startswith(b"CONNECT voice.example.org:443 ") for head in heads)
            assert b"Proxy-Authorization: Basic " in heads[1] and KEY.encode() not in b"".join(heads)
            near = dataclasses.replace(service, url="ws://127.0.0.1:9/")
            assert "nothing listens" in await sentence(near, {**ENV, "HTTPS_PROXY": address}, seen)
            straight = services.proxy_reader(ServiceProxy(url="none"), service.url, {"HTTPS_PROXY": address}, seen)
            assert straight() is None
            told.append(await sentence(service, {**ENV, "HTTPS_PROXY": "socks5://proxy.example"}, seen))
            return told

    wants, refuses, socks = asyncio.run(main())
    assert "wants user and password" in wants and "does not accept user and password" in refuses
    assert "announce.service" in wants or "proxy.user" in wants
    assert "SOCKS" in socks
    for secret in (KEY, PASSWORD, base64.b64encode(f"kiosk:{PASSWORD}".encode()).decode()):
        assert secret not in caplog.text + wants + refuses + socks
