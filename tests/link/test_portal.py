"""Login pages: real servers stand between the kiosk and the service."""

from __future__ import annotations

import asyncio
import ssl
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, AsyncIterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.asyncio.server import serve

from kioskd.core.words import Link
from kioskd.link import failures, portal
from kioskd.link.client import Target, dial
from kioskd.link.failures import Cause, LinkError, Sign
from kioskd.link.probe import probe
from kioskd.link.redaction import Scrub
from kioskd.wire.dialects import HYDRA
from kioskd.wire.profile import Trouble

NOON = 1_772_366_400.0  # 2026-03-01 12:00 UTC
LOGIN = "HTTP/1.1 302 Found\r\nLocation: http://login.hotel.example/?from=x\r\nDate: {}\r\nContent-Length: 0\r\n\r\n"
TODAY = "Sun, 01 Mar 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    "head, sign",
    [
        ("HTTP/1.1 302 Found\r\nLocation: http://login.hotel.example/x", Sign(True, "login.hotel.example")),
        ("HTTP/1.0 200 OK\r\nServer: x", Sign(True)),
        ("HTTP/1.1 511 Network Authentication Required", Sign(True)),
        ("HTTP/1.1 301 Moved\r\nlocation: https://api.example.org/", Sign(False)),
        ("HTTP/1.1 301 Moved\r\nLocation: https://API.example.org/", Sign(False)),
        ("HTTP/1.1 302 Found\r\nLocation: http://api.example.org/login", Sign(True, "api.example.org")),
        ("HTTP/1.1 302 Found\r\nLocation: //[", Sign(True)),
        ("HTTP/1.1 302 Found\r\nLocation: http://b\u00e4d/", Sign(True)),
        ("HTTP/1.1 404 Not Found\r\nDate: " + TODAY, Sign(False, "", NOON)),
        ("SSH-2.0-OpenSSH", None),
        ("", None),
    ],
)
def test_what_answers_plain_http_is_read(head: str, sign: Sign | None) -> None:
    assert portal.read(head, "api.example.org") == sign


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200), st.sampled_from([b"", b"HTTP/1.1 302 x\r\nLocation: ", b"HTTP/1.1 200\r\nDate: "]))
def test_no_answer_raises(rest: bytes, front: bytes) -> None:
    portal.read((front + rest).decode("latin-1"), "api.example.org")


@asynccontextmanager
async def web(monkeypatch: pytest.MonkeyPatch, answer: str) -> AsyncIterator[list[bytes]]:
    """A server of plain HTTP where port 80 would be; what it was sent. An empty answer: none."""
    heard: list[bytes] = []

    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            heard.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(answer.encode())
            await reader.read()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()

    async with await asyncio.start_server(visit, "127.0.0.1", 0) as server:
        monkeypatch.setattr(portal, "HTTP_PORT", server.sockets[0].getsockname()[1])
        yield heard


def target_for(kit: Any, url: str, **changes: Any) -> Target:
    values: dict[str, Any] = {"profile": HYDRA, "url": f"{url}?api_key={kit.key}", "headers": {}}
    return Target(**{**values, "scrub": Scrub(kit.key), "open_timeout_s": 2.0, **changes})


@pytest.mark.fault("a login page in between", noticed_s=1, lost="nothing that waits; it learns no key")
def test_a_login_page_behind_a_failed_tls_is_told_and_learns_no_key(
    kit: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stated: Any
) -> None:
    """A hotel answers for every name, with its own certificate. Told within a second of the failed handshake."""
    key, cert = kit.certificate(tmp_path, "20200101000000Z", "21200101000000Z")

    async def main() -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        async with (
            serve(lambda connection: connection.wait_closed(), "localhost", 0, ssl=context) as hotel,
            web(monkeypatch, LOGIN.format(TODAY)) as heard,
        ):
            url = f"wss://localhost:{next(iter(hotel.sockets)).getsockname()[1]}/path"
            began = time.monotonic()
            with pytest.raises(LinkError) as caught:
                await dial(target_for(kit, url, wall=lambda: NOON))
            failure = caught.value.failure
            assert time.monotonic() - began < stated.noticed_s
            assert (failure.cause, failure.trouble) == (Cause.PORTAL, Trouble.FATAL)
            assert "(hotel Wi-Fi?): it leads to login.hotel.example" in failure.sentence
            found = await probe(url, 2.0, lambda: NOON)
            assert found is not None and found.cause is Cause.PORTAL
            assert len(heard) == 2 and kit.key.encode() not in b"".join(heard)
            assert heard[0].startswith(b"GET / HTTP/1.1\r\nHost: localhost\r\n")

    asyncio.run(main())


def test_a_certificate_out_of_its_time_and_another_clock_on_the_way_tell_of_the_clock(
    kit: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, cert = kit.certificate(tmp_path, "20200101000000Z", "20210101000000Z")
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))

    async def main() -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        async with (
            serve(lambda connection: connection.wait_closed(), "localhost", 0, ssl=context) as server,
            web(monkeypatch, "HTTP/1.1 404 x\r\nDate: Sun, 01 Mar 2026 12:00:00 GMT\r\n\r\n"),
        ):
            url = f"wss://localhost:{next(iter(server.sockets)).getsockname()[1]}/"
            for wall_s, cause in (
                (NOON, Cause.TLS),
                (NOON + 90_000.0, Cause.CLOCK),
                (NOON - 5 * 365 * 86_400.0, Cause.CLOCK),
            ):
                found = await probe(url, 2.0, lambda wall_s=wall_s: wall_s)
                assert found is not None and found.cause is cause, found

    asyncio.run(main())


def test_who_does_not_answer_costs_no_more_than_the_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """2 s for the look, here 0.2: a server that takes the connection and says nothing, or never comes to an end."""
    monkeypatch.setattr(portal, "LOOK_S", 0.2)

    async def main() -> None:
        for answer in ("", "HTTP/1.1 200 OK\r\nX: 1\r\n", "x" * 40_000):
            async with web(monkeypatch, answer):
                began = time.monotonic()
                assert await portal.look("127.0.0.1") is None
                assert time.monotonic() - began < 0.6
        assert await portal.look("127.0.0.1") is None  # nobody is there any more
        assert await portal.look("h..x") is None

    asyncio.run(main())


def test_a_login_page_is_asked_slowly_and_is_no_refusal(kit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each 60 s, here each 0.3: at most three attempts in one, and back within one pause."""
    monkeypatch.setattr(failures, "PASSING_S", 0.3)

    async def main() -> None:
        async with kit.Peer(http=[(511, {}), (511, {}), None]) as peer, kit.Bench(kit.setup_for(peer.url)) as bench:
            bench.link.open("a press", greet=False)
            offline = await bench.state(Link.OFFLINE)
            assert "a login page answers instead of the service" in offline.reason
            await bench.state(Link.READY)
            assert Link.REFUSED not in bench.states
            gaps = [later - sooner for sooner, later in zip(peer.attempts, peer.attempts[1:])]
            assert len(gaps) == 2 and all(0.28 <= gap < 1.0 for gap in gaps)

    asyncio.run(main())
