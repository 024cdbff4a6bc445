"""Walks along real roads on this machine: plain, through TLS, and to where they end."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from typing import Any, Awaitable, Callable

import pytest

from kioskd.checkup import road
from kioskd.checkup.road import Apart, Road, Streams, Walk, walk

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
ANSWER = b"HTTP/1.1 401 Unauthorized\r\nDate: Sat, 21 Nov 2026 18:00:00 GMT\r\nContent-Length: 0\r\n\r\n"
DATE_S = 1795284000.0


class Service:
    """Answers one request, and remembers it."""

    def __init__(self, answer: bytes = ANSWER) -> None:
        self.answer = answer
        self.asked: list[bytes] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.asked.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(self.answer)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def go(service: Serve, tls: tuple[str, str] | None = None, trusted: bool = True, **road: Any) -> Walk:
    """Serve on a free port and walk there once."""

    async def main() -> Walk:
        server_tls = client_tls = None
        if tls is not None:
            server_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            server_tls.load_cert_chain(tls[1], tls[0])
            client_tls = ssl.create_default_context(cafile=tls[1] if trusted else None)
        server = await asyncio.start_server(service, "127.0.0.1", 0, ssl=server_tls)
        port = server.sockets[0].getsockname()[1]
        asked = Road(**{"host": "localhost", "port": port, "encrypted": tls is not None, **road})
        try:
            return await walk(asked, client_tls, 5.0)
        finally:
            server.close()

    return asyncio.run(main())


def test_a_plain_road_is_walked_to_its_end() -> None:
    service = Service()
    done = go(service, path="/waves/v1/s2s")
    assert done.failed == "" and list(done.took_ms) == ["dns", "connect", "answer"]
    assert done.status == 401 and done.date_s == DATE_S and "127.0.0.1" in done.addresses
    assert 0 < done.total_ms < sum(done.took_ms.values())


def test_nothing_is_upgraded_and_no_key_is_sent() -> None:
    service = Service()
    go(service, path="/waves/v1/s2s")
    (asked,) = service.asked
    assert asked.startswith(b"GET /waves/v1/s2s HTTP/1.1\r\n")
    assert b"upgrade" not in asked.lower() and b"authorization" not in asked.lower() and b"?" not in asked


def test_tls_tells_its_certificate(certificate: tuple[str, str]) -> None:
    done = go(Service(), certificate)
    assert list(done.took_ms) == ["dns", "connect", "tls", "answer"]
    assert "notAfter" in done.certificate and done.tls.startswith("TLSv1.")


def test_a_certificate_that_nobody_trusts_ends_the_walk_at_tls(certificate: tuple[str, str]) -> None:
    done = go(Service(), certificate, trusted=False)
    assert done.failed == "tls" and isinstance(done.error, ssl.SSLCertVerificationError)
    assert done.certificate == {} and done.status == 0


@pytest.mark.parametrize("answer", [b"220 mail.example.org ESMTP\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"", b"x" * 40_000])
def test_what_answers_otherwise_ends_the_walk_there(answer: bytes) -> None:
    assert go(Service(answer)).failed == "answer"


def test_an_answer_without_a_time_is_one_all_the_same() -> None:
    done = go(Service(b"HTTP/1.1 404 Not Found\r\nDate: yesterday\r\n\r\n"))
    assert done.failed == "" and done.status == 404 and done.date_s is None


def test_a_port_where_nobody_listens_ends_at_the_connection() -> None:
    done = asyncio.run(walk(Road("127.0.0.1", 9, False), None, 5.0))
    assert done.failed == "connect" and isinstance(done.error, ConnectionRefusedError)


def test_a_name_that_is_none_ends_at_the_name() -> None:
    done = asyncio.run(walk(Road("no-such-host.invalid", 443, True), None, 5.0))
    assert done.failed == "dns" and isinstance(done.error, OSError)
    assert asyncio.run(walk(Road("x" * 70 + ".example", 443, True), None, 5.0)).failed == "dns"


def test_silence_ends_at_the_answer() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async def main() -> Walk:
        server = await asyncio.start_server(silent, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        try:
            return await walk(Road("127.0.0.1", port, False), None, 0.05)
        finally:
            server.close()

    done = asyncio.run(main())
    assert done.failed == "answer" and isinstance(done.error, TimeoutError)


def test_a_proxys_tunnel_takes_the_place_of_name_and_connection() -> None:
    async def main() -> Walk:
        server = await asyncio.start_server(Service(), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        road = Road("far.invalid", 80, False, "/", lambda: asyncio.open_connection("127.0.0.1", port), "the proxy p")
        try:
            return await walk(road, None, 5.0)
        finally:
            server.close()

    done = asyncio.run(main())
    assert done.failed == "" and list(done.took_ms) == ["proxy", "answer"]


def test_a_proxy_that_refuses_ends_there() -> None:
    async def refuse() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        raise ConnectionRefusedError(111, "refused")

    assert asyncio.run(walk(Road("far.invalid", 80, False, "/", refuse), None, 5.0)).failed == "proxy"


def test_a_dead_resolver_ends_the_walk_in_time_and_keeps_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """The resolver's own patience is half a minute, and neither a loop's end nor an interpreter's cuts it short."""
    over, looked = threading.Event(), threading.Event()

    def dead(*name: object, **kind: object) -> list[object]:
        looked.set()
        over.wait(30)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    async def main() -> Walk:
        asyncio.get_running_loop().set_default_executor(Apart())
        return await walk(Road("service.example.org", 443, True), None, 0.1)

    monkeypatch.setattr(socket, "getaddrinfo", dead)
    done = asyncio.run(main())
    assert done.failed == "dns" and isinstance(done.error, TimeoutError) and looked.is_set() and not over.is_set()
    assert all(thread.daemon for thread in threading.enumerate() if thread.name == "lookup")
    over.set()


def test_what_was_looked_up_apart_comes_back_and_so_does_what_went_wrong() -> None:
    async def main() -> tuple[int, bool]:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(Apart())
        try:
            await loop.run_in_executor(None, int, "x")
        except ValueError:
            return await loop.run_in_executor(None, int, "7"), True
        return 0, False

    assert asyncio.run(main()) == (7, True)


def test_all_addresses_of_a_name_share_the_time_of_one_hop(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[float] = []

    async def nobody(address: str, port: int, **limit: object) -> Streams:
        began = asyncio.get_running_loop().time()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            given.append(asyncio.get_running_loop().time() - began)
        raise AssertionError

    async def four(host: str, port: int) -> tuple[str, ...]:
        return ("192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4")

    monkeypatch.setattr(asyncio, "open_connection", nobody)
    monkeypatch.setattr(road, "_resolve", four)
    done = asyncio.run(walk(Road("service.example.org", 443, False), None, 0.4))
    assert done.failed == "connect" and len(given) == 4 and given[0] < 0.35, "the first does not take it all"
