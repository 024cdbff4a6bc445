"""The road to the services of a configuration."""

from __future__ import annotations

import asyncio
import dataclasses
import ssl
import threading
import time
from typing import Iterator

import pytest

from kioskd import ctl_road
from kioskd.checkup.road import Road, Walk
from kioskd.checkup.runner import LONGEST_S
from kioskd.config.road import ServiceProxy
from kioskd.config.sections import Config, Endpoint
from kioskd.core.finding import Finding, Grade
from kioskd.ctl_road import Explained, services
from kioskd.link.failures import LinkError, of_portal

OLD = b"HTTP/1.1 401 No\r\nDate: Sat, 21 Nov 2020 18:00:00 GMT\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture
def service() -> Iterator[int]:
    """A service on a free port of this machine, whose clock is wrong."""
    loop = asyncio.new_event_loop()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(OLD)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()

    server = loop.run_until_complete(asyncio.start_server(serve, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield server.sockets[0].getsockname()[1]
    loop.call_soon_threadsafe(server.close)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.run_until_complete(asyncio.sleep(0.01))
    loop.close()


def looked(*endpoints: Endpoint) -> dict[str, Finding]:
    return {one.name: one for one in services(dataclasses.replace(Config(), service=endpoints))}


def test_each_service_is_walked_to_several_times(service: int) -> None:
    url = f"ws://127.0.0.1:{service}/waves/v1/s2s"
    found = looked(Endpoint(dialect="hydra", url=url), Endpoint(dialect="local", url=url))
    assert found["way hydra-1"].grade is Grade.OK and found["way local-2"].grade is Grade.OK
    handshakes = found["way hydra-1"].data["handshakes_ms"]
    assert isinstance(handshakes, list) and len(handshakes) == ctl_road.WALKS
    assert "time of day" not in found, "this machine's own service is no judge of its clock"


def test_a_service_elsewhere_is_the_judge_of_the_clock(service: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctl_road, "is_loopback", lambda host: False)
    found = looked(Endpoint(dialect="hydra", url=f"ws://127.0.0.1:{service}/"))
    assert found["time of day"].grade is Grade.FAIL


def test_nobody_there_is_a_sentence_of_the_links() -> None:
    found = looked(Endpoint(dialect="local", url="ws://127.0.0.1:9/"))
    assert found["way local-1"].grade is Grade.FAIL and "nothing listens there" in found["way local-1"].sentence


def test_a_proxy_that_is_none_is_a_sentence() -> None:
    proxy = ServiceProxy(url="socks5://user:secret@proxy.example.org")
    found = looked(Endpoint(dialect="hydra", url="wss://service.example.org/", proxy=proxy))
    assert "SOCKS" in found["way hydra-1"].sentence and "secret" not in found["way hydra-1"].sentence


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (LinkError(of_portal("it leads to hotel.example")), "login page"),
        (TimeoutError(), "did not answer within"),
        (UnicodeError(), "not a name that a host can have"),
        (ConnectionRefusedError(111, "x"), "refused the connection"),
        (ssl.SSLError(1, "wrong version"), "TLS with"),
        (asyncio.IncompleteReadError(b"", 4), "what no service does"),
    ],
)
def test_every_fault_has_its_sentence(error: Exception, words: str) -> None:
    assert words in Explained("service.example.org")(error)


def test_services_that_swallow_everything_are_told_of_within_the_time_of_a_check(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A firewall that drops what it does not like: each hop has to be waited for."""
    walked_to: list[str] = []
    clock = [0.0]

    async def swallowed(road: Road, context: object, timeout_s: float) -> Walk:
        walked_to.append(road.host)
        clock[0] += timeout_s
        return Walk(failed="connect", error=TimeoutError())

    monkeypatch.setattr(ctl_road, "walk", swallowed)
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    found = looked(*(Endpoint(dialect="hydra", url=f"ws://s{number}.example.org/") for number in range(3)))
    assert len(walked_to) == 3 and all(one.grade is Grade.FAIL for one in found.values())
    # Where everything is slow and nothing is dead, one more walk of four hops may have begun.
    assert ctl_road.WALKS_S + 4 * ctl_road.HOP_S < LONGEST_S < 30.0


def test_what_comes_after_the_answer_does_not_make_the_clock_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    async def walked(setup: object) -> list[Walk]:
        return [Walk({"connect": 1.0}, date_s=1000.0, wall_s=1001.0, status=401)]

    monkeypatch.setattr(ctl_road, "walked", walked)
    found = looked(Endpoint(dialect="hydra", url="wss://service.example.org/"))
    assert found["time of day"].grade is Grade.OK, "it is held to what the clock showed then, not now"
