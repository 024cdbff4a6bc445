"""Changes of the network: the kernel's own, in a namespace of the test, and messages that no kernel would send."""

from __future__ import annotations

import asyncio
import socket
import struct
import subprocess
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kioskd.link import network
from kioskd.link.network import Burst, Fact, Network, facts, routes_now


def message(kind: int, body: bytes) -> bytes:
    whole = struct.pack("=IHHII", 16 + len(body), kind, 0, 0, 0) + body
    return whole + bytes(-len(whole) % 4)


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def link(index: int, flags: int, kind: int = network.RTM_NEWLINK) -> bytes:
    return message(kind, struct.pack("=BxHiII", 0, 1, index, flags, 0))


def address(text: str, flags: int = 0, kind: int = network.RTM_NEWADDR) -> bytes:
    body = struct.pack("=BBBBI", socket.AF_INET6, 64, flags, 0, 2)
    return message(kind, body + attribute(1, socket.inet_pton(socket.AF_INET6, text)))


def route(length: int, kind: int = network.RTM_NEWROUTE, table: int = 254) -> bytes:
    body = struct.pack("=BBBBBBBBI", socket.AF_INET, length, 0, 0, table, 0, 0, 1, 0)
    return message(kind, body + attribute(4, struct.pack("=I", 2)) + attribute(5, bytes([192, 0, 2, 1])))


def test_links_addresses_and_default_routes_are_read_and_nothing_else() -> None:
    read = list(facts(link(2, 0x1 | 0x1000) + address("2001:db8::1", 0x40) + route(0) + route(24) + message(3, b"")))
    assert read == [
        Fact(("link", 2), 0x1),
        Fact(("address", 2, socket.AF_INET6, 64, socket.inet_pton(socket.AF_INET6, "2001:db8::1")), 0x40),
        Fact(("route", socket.AF_INET, struct.pack("=I", 2), bytes([192, 0, 2, 1]), None), True),
    ]
    assert list(facts(route(0, table=255))) == []
    gone = list(facts(route(0, network.RTM_DELROUTE) + link(2, 0x1, network.RTM_DELLINK)))
    assert [fact.state for fact in gone] == [None, None]


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), st.sampled_from([16, 17, 20, 21, 24, 25]), st.binary(max_size=40))
def test_no_bytes_raise(garbage: bytes, kind: int, body: bytes) -> None:
    list(facts(garbage))
    list(facts(message(kind, body) + garbage))
    list(facts((route(0) + link(1, 1))[: len(garbage)]))


def test_what_was_told_before_is_no_news() -> None:
    """A Wi-Fi driver tells of every scan, a router tells every address again and again."""

    async def main() -> None:
        heard = Network(lambda: None)
        for datagram, news in (
            (link(2, 0x10041), True),
            (link(2, 0x10041 | 0x1000), False),
            (link(2, 0x1), True),
            (address("2001:db8::1", 0x40), True),
            (address("2001:db8::1", 0x40), False),
            (address("2001:db8::1"), True),
            (address("2001:db8::1"), False),
            (route(0), True),
            (route(0), False),
            (route(0, network.RTM_DELROUTE), True),
            (route(0), True),
        ):
            assert any([heard._is_news(fact) for fact in facts(datagram)]) is news
        for index in range(3 * network.MOST_KNOWN):
            heard._is_news(Fact(("link", index), 1))
            assert len(heard._known) <= network.MOST_KNOWN

    asyncio.run(main())


def test_a_burst_is_one_change_and_an_endless_one_is_told_all_the_same(swift: Any) -> None:
    async def main() -> None:
        told: list[float] = []
        loop = asyncio.get_running_loop()
        burst = Burst(lambda: told.append(loop.time()), quiet_s=0.05, latest_s=0.2)
        for _ in range(5):
            burst.news()
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        assert len(told) == 1
        began = loop.time()
        while loop.time() - began < 0.3:
            burst.news()
            await asyncio.sleep(0.01)
        assert len(told) == 2 and told[1] - began < 0.27
        burst.news()
        burst.stop()
        await asyncio.sleep(0.1)
        assert len(told) == 2

    swift(main())


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@pytest.mark.fault("cable pulled or plugged, another address, another route", noticed_s=1, lost="nothing")
def test_the_kernel_tells_of_addresses_routes_and_links(kit: Any, stated: Any) -> None:
    """Within a second of the last of a burst (half a second of quiet), once for each burst."""

    async def main() -> None:
        news = asyncio.Event()
        heard = Network(news.set)
        heard.start()
        assert heard.how == "the kernel tells of changes"

        async def told(*commands: str) -> None:
            before = heard.changes
            news.clear()
            for command in commands:
                await asyncio.to_thread(ip, *command.split())
            last = time.monotonic()
            await asyncio.wait_for(news.wait(), kit.patience_s)
            assert time.monotonic() - last < stated.noticed_s
            await asyncio.sleep(0.6)
            assert heard.changes == before + 1, commands

        await told(*[f"addr add 192.0.2.{number}/24 dev lo" for number in range(1, 6)])
        await told("route add default via 192.0.2.1 dev lo")
        await told("route del default", "addr add 2001:db8::7/64 dev lo")
        await told("link set lo down")
        before = heard.changes
        await asyncio.to_thread(ip, "route", "show")  # a question changes nothing
        await asyncio.sleep(0.6)
        assert heard.changes == before
        heard.stop()

    able = kit.in_namespace(main)
    assert able or stated.noticed_s  # else there was a warning that nothing was looked at


def test_where_the_kernel_does_not_tell_the_routes_are_looked_at(
    kit: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Each 2 s, and then half a second of quiet: 2.5 s."""

    async def main() -> None:
        news = asyncio.Event()
        heard = Network(news.set, quiet_s=0.01)
        heard.start(family=socket.AF_UNIX)
        assert heard.how.startswith("the table of routes is looked at each 2 s")
        assert "RestrictAddressFamilies" in caplog.text
        heard.tick(100.0)
        await asyncio.to_thread(ip, "addr", "add", "192.0.2.1/24", "dev", "lo")
        await asyncio.to_thread(ip, "route", "add", "default", "via", "192.0.2.1", "dev", "lo")
        heard.tick(101.9)
        await asyncio.sleep(0.05)
        assert heard.changes == 0
        heard.tick(102.0)
        await asyncio.wait_for(news.wait(), kit.patience_s)
        heard.tick(104.0)
        await asyncio.sleep(0.05)
        assert heard.changes == 1
        heard.stop()

    kit.in_namespace(main)


def test_a_family_that_is_forbidden_is_a_sentence_and_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        heard = Network(lambda: None)
        heard.start(family=12345)
        assert "no news from the kernel: " in heard.how
        heard.stop()

    asyncio.run(main())
    assert len(routes_now()) == 2
    monkeypatch.setattr(network, "ROUTES", ("/nowhere/route", "/nowhere/ipv6_route"))
    assert routes_now() == (b"", b"")
