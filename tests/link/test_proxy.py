"""The way through a proxy that is a real one: it takes CONNECT, asks for a password, and relays bytes."""

from __future__ import annotations

import asyncio
import base64
import ssl
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.asyncio.server import serve

from kioskd.link.client import Target, dial
from kioskd.link.failures import Cause, Failure, LinkError
from kioskd.link.probe import probe
from kioskd.link.proxy import Proxy, excepts, from_environment, parsed
from kioskd.link.redaction import Scrub
from kioskd.wire.dialects import HYDRA
from kioskd.wire.profile import Trouble

PASSWORD = "canary:pass/word@2"


class Relay:
    """A proxy. ``answer``: what it says instead of doing its work; "": nothing at all, for ever."""

    def __init__(self, password: str = "", answer: str | None = None) -> None:
        self._wanted = base64.b64encode(f"kiosk:{password}".encode()).decode() if password else ""
        self._answer = answer
        self.asked: list[str] = []
        self.relayed = b""
        self.port = 0

    async def __aenter__(self) -> Relay:
        self._server = await asyncio.start_server(self._visit, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _visit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.asked.append(head)
            if self._answer is not None:
                writer.write(self._answer.encode())
                await (reader.read() if self._answer == "" else writer.drain())
            elif self._wanted and f"Proxy-Authorization: Basic {self._wanted}\r\n" not in head:
                writer.write(b"HTTP/1.1 407 Who?\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n")
            else:
                host, _, port = head.split()[1].rpartition(":")
                there, beyond = await asyncio.open_connection(host.strip("[]"), int(port))
                writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
                await asyncio.gather(self._pump(reader, beyond), self._pump(there, writer))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while piece := await source.read(65536):
            self.relayed += piece
            sink.write(piece)
        sink.close()


def target_for(kit: Any, url: str, proxy: Proxy, open_timeout_s: float = 2.0) -> Target:
    return Target(
        profile=HYDRA,
        url=f"{url}?api_key={kit.key}",
        headers={},
        scrub=Scrub(kit.key),
        open_timeout_s=open_timeout_s,
        proxy=proxy,
    )


async def failures_of(kit: Any, url: str, proxy: Proxy, open_timeout_s: float = 2.0) -> list[Failure]:
    """What a dial and a probe say, the same way."""
    with pytest.raises(LinkError) as caught:
        await dial(target_for(kit, url, proxy, open_timeout_s))
    found = await probe(url, open_timeout_s, proxy=proxy)
    assert found is not None
    for failure in (caught.value.failure, found):
        assert PASSWORD not in failure.sentence and kit.key not in failure.sentence
    return [caught.value.failure, found]


def test_a_session_and_a_probe_go_through_and_the_proxy_sees_no_key(
    kit: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, cert = kit.certificate(tmp_path, "20200101000000Z", "21200101000000Z")
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))

    async def main() -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)

        async def echo(connection: Any) -> None:
            async for message in connection:
                await connection.send(message)

        async with serve(echo, "localhost", 0, ssl=context) as server, Relay(PASSWORD) as relay:
            port = next(iter(server.sockets)).getsockname()[1]
            proxy = Proxy("127.0.0.1", relay.port, user="kiosk", password=PASSWORD)
            connection = await dial(target_for(kit, f"wss://localhost:{port}/path", proxy))
            await connection.send("hello")
            assert await connection.receive() == "hello"
            assert await connection.alive(kit.patience_s)
            await connection.close(1000)
            assert await probe(f"wss://localhost:{port}/path", 2.0, proxy=proxy) is None
            assert [head.split("\r\n")[0] for head in relay.asked] == [f"CONNECT localhost:{port} HTTP/1.1"] * 2
            assert kit.key.encode() not in relay.relayed and len(relay.relayed) > 1000
            assert PASSWORD not in repr(proxy) + proxy.name

    asyncio.run(main())


@pytest.mark.parametrize(
    "answer, trouble, words",
    [
        ("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", Trouble.FATAL, "does not let this kiosk through to localhost"),
        (
            "HTTP/1.1 502 No\r\nContent-Length: 0\r\n\r\n",
            Trouble.TRANSPORT,
            "could not connect to localhost (HTTP 502)",
        ),
        ("SSH-2.0-OpenSSH\r\n\r\n", Trouble.TRANSPORT, "127.0.0.1"),
        ("HTTP/1.1 2", Trouble.TRANSPORT, "did not answer as a proxy does"),
    ],
)
def test_a_proxy_that_does_not_let_through_says_so(kit: Any, answer: str, trouble: Trouble, words: str) -> None:
    async def main() -> None:
        async with Relay(answer=answer) as relay:
            proxy = Proxy("127.0.0.1", relay.port)
            for failure in await failures_of(kit, "wss://localhost:9/", proxy):
                assert (failure.trouble, failure.cause) == (trouble, Cause.PROXY), failure
                assert words in failure.sentence and "the proxy 127.0.0.1" in failure.sentence

    asyncio.run(main())


def test_a_proxy_wants_another_password(kit: Any) -> None:
    async def main() -> None:
        async with Relay(PASSWORD) as relay:
            wrong = Proxy("127.0.0.1", relay.port, user="kiosk", password=f"{PASSWORD}x")
            for failure in await failures_of(kit, "wss://localhost:9/", wrong):
                assert "does not accept user and password (HTTP 407)" in failure.sentence
                assert failure.trouble is Trouble.FATAL
            for failure in await failures_of(kit, "wss://localhost:9/", Proxy("127.0.0.1", relay.port)):
                assert "wants user and password (HTTP 407)" in failure.sentence

    asyncio.run(main())


def test_a_proxy_that_is_silent_or_gone_is_named_within_the_time_of_an_attempt(kit: Any) -> None:
    """connect_timeout_s, here 0.3 s."""

    async def main() -> None:
        async with Relay(answer="") as relay:
            began = time.monotonic()
            for failure in await failures_of(kit, "wss://localhost:9/", Proxy("127.0.0.1", relay.port), 0.3):
                assert "localhost (through the proxy 127.0.0.1) did not answer within 0.3 s" in failure.sentence
            assert time.monotonic() - began < 1.2
        for failure in await failures_of(kit, "wss://localhost:9/", Proxy("127.0.0.1", relay.port)):
            assert "the proxy 127.0.0.1 refused the connection" in failure.sentence
        for failure in await failures_of(kit, "wss://localhost:9/", Proxy("kiosk.invalid", 9), 20.0):
            assert "the proxy kiosk.invalid" in failure.sentence and failure.cause is Cause.DNS

    asyncio.run(main())


def test_what_stands_behind_a_proxy_without_tls_is_told_apart(kit: Any) -> None:
    async def main() -> None:
        async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            await reader.read()
            writer.close()

        async with await asyncio.start_server(plain, "127.0.0.1", 0) as server, Relay() as relay:
            url = f"wss://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
            for failure in await failures_of(kit, url, Proxy("127.0.0.1", relay.port)):
                assert failure.cause is Cause.TLS and "TLS with 127.0.0.1 failed" in failure.sentence

    asyncio.run(main())


def test_addresses_of_proxies() -> None:
    assert parsed("http://proxy.example:3128") == Proxy("proxy.example", 3128)
    assert parsed("proxy.example:3128") == Proxy("proxy.example", 3128)
    assert parsed("http://proxy.example/") == Proxy("proxy.example", 80)
    assert parsed("http://[::1]:8080").address == "http://[::1]:8080"
    assert parsed("http://me:p%40ss@proxy.example:1") == Proxy("proxy.example", 1, "me", "p@ss")
    assert parsed("http://me:a@proxy.example:1", "you", "b") == Proxy("proxy.example", 1, "you", "b")
    whole = Proxy("proxy.example", 1, user="kiosk", password=PASSWORD)
    assert parsed(whole.address) == whole
    assert whole.secrets == (PASSWORD, base64.b64encode(f"kiosk:{PASSWORD}".encode()).decode())
    for address, words in (
        ("socks5://proxy.example:1080", "SOCKS proxy, which is not spoken here"),
        ("socks5h://me:secret@proxy.example:1080", "SOCKS proxy"),
        ("https://me:secret@proxy.example", "is spoken to by TLS"),
        ("ftp://proxy.example", "is not the address of a proxy"),
        ("http://", "is not the address"),
        ("http://me:secret@proxy.example:1/x", "is not the address"),
        ("http://me:secret@proxy.example:99999", "is not the address"),
        ("http://[me:secret", "is not the address"),
    ):
        with pytest.raises(ValueError, match=words) as caught:
            parsed(address)
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "entries, host, port, excepted",
    [
        ("", "api.example.org", 443, False),
        ("*", "api.example.org", 443, True),
        ("example.org", "api.example.org", 443, True),
        (".example.org", "api.example.org", 443, True),
        ("*.example.org", "api.example.org", 443, True),
        ("ample.org", "api.example.org", 443, False),
        ("localhost, API.example.org", "api.EXAMPLE.org.", 443, True),
        ("api.example.org:443", "api.example.org", 443, True),
        ("api.example.org:8443", "api.example.org", 443, False),
        ("10.0.0.0/8", "10.1.2.3", 443, True),
        ("10.0.0.0/8", "11.1.2.3", 443, False),
        ("fd00::/8", "fd00::1", 443, True),
        ("[fd00::1]:443", "fd00::1", 443, True),
        ("fd00::1", "fd00::1", 443, True),
        (",", "api.example.org", 443, False),
    ],
)
def test_no_proxy(entries: str, host: str, port: int, excepted: bool) -> None:
    assert excepts(entries, host, port) is excepted


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=30), st.text(max_size=30))
def test_no_text_upsets_the_reading_of_the_environment(address: str, entries: str) -> None:
    excepts(entries, "api.example.org", 443)
    try:
        parsed(address)
    except ValueError as error:
        assert "proxy" in str(error)


def test_the_environment_names_a_proxy_in_small_or_large_letters() -> None:
    both = {"HTTPS_PROXY": "http://large:1", "https_proxy": "http://small:1", "NO_PROXY": "intern"}
    assert from_environment("api.example.org", 443, both) == "http://small:1"
    assert from_environment("api.example.org", 443, {"HTTPS_PROXY": "http://large:1"}) == "http://large:1"
    assert from_environment("a.intern", 443, both) is None
    assert from_environment("api.example.org", 443, {"HTTP_PROXY": "http://other:1", "https_proxy": ""}) is None
