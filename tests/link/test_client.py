"""Every way in which a connection can fail, against real sockets; no sentence may hold the key."""

from __future__ import annotations

import asyncio
import base64
import logging
import math
import random
import socket
import ssl
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, AsyncIterator

import pytest
from websockets.asyncio.server import serve

from kioskd.link import sockets
from kioskd.link.client import Target, dial, preload, refuse_in_the_clear
from kioskd.link.failures import Failure, LinkError
from kioskd.link.probe import probe
from kioskd.link.redaction import Scrub
from kioskd.wire.dialects import HYDRA
from kioskd.wire.profile import Trouble


def target_for(kit: Any, url: str, **changes: Any) -> Target:
    values: dict[str, Any] = {
        "profile": HYDRA,
        "url": f"{url}?api_key={kit.key}",
        "headers": {},
        "scrub": Scrub(kit.key),
    }
    return Target(**{**values, "open_timeout_s": 1.0, "close_timeout_s": 0.3, **changes})


async def failure_of(target: Target) -> Failure:
    with pytest.raises(LinkError) as caught:
        await dial(target)
    return caught.value.failure


def test_an_upgrade_carries_url_and_headers_and_asks_for_no_compression(kit: Any) -> None:
    async def main() -> None:
        async with kit.Peer(lambda visit: visit.stay()) as peer:
            connection = await dial(target_for(kit, peer.url, headers={"Authorization": f"Bearer {kit.key}"}))
            visit = await peer.visited(1)
            assert visit.headers["Authorization"] == f"Bearer {kit.key}"
            assert "Sec-WebSocket-Extensions" not in visit.headers
            sock = connection._socket.transport.get_extra_info("socket")
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 20_000
            await visit.send("hello")
            assert "hello" in str(await connection.receive())
            await visit.socket.send(b"binary")
            assert await connection.receive() == b"binary"
            await connection.send(b'{"type": "up"}')
            await visit.until(lambda: visit.count("up"))
            await connection.close(1000)
            await visit.until(lambda: visit.close_code is not None)
            assert visit.close_code == 1000

    asyncio.run(main())


def on_the_wire(kit: Any, frames: list[bytes], compress: bool) -> int:
    """How many bytes a service receives for these frames, all of which arrive as they were sent."""
    came = 0

    async def main() -> None:
        heard: asyncio.Future[list[bytes]] = asyncio.get_running_loop().create_future()

        async def service(connection: Any) -> None:
            taken = connection.data_received

            def count(data: bytes) -> None:
                nonlocal came
                came += len(data)
                taken(data)

            connection.data_received = count
            heard.set_result([message async for message in connection])

        async with serve(service, "127.0.0.1", 0) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            connection = await dial(target_for(kit, f"ws://127.0.0.1:{port}", compress=compress))
            for frame in frames:
                await connection.send(frame)
            await connection.close(1000)
            assert [str(frame, "utf-8") if isinstance(frame, bytes) else frame for frame in await heard] == [
                frame.decode() for frame in frames
            ]

    asyncio.run(main())
    return came


def test_a_link_that_is_paid_by_the_byte_carries_much_less(kit: Any) -> None:
    """Sound as a microphone has it, in base64, and the zeros that follow each turn."""
    chance = random.Random(3)
    sound = [int(900 * math.sin(at / 9) + chance.gauss(0, 90)) for at in range(16_000)]
    chunks = [struct.pack("<320h", *sound[at : at + 320]) for at in range(0, 16_000, 320)] + [bytes(640)] * 50
    frames = [b'{"type":"input_audio_buffer.append","audio":"' + base64.b64encode(one) + b'"}' for one in chunks]
    plain, small = (on_the_wire(kit, frames, compress) for compress in (False, True))
    assert plain > sum(map(len, frames)) and small < 0.6 * plain


@pytest.mark.parametrize(
    "status, trouble, words",
    [
        (401, Trouble.FATAL, "check service.key"),
        (403, Trouble.FATAL, "check the plan"),
        (404, Trouble.FATAL, "check service.url"),
        (429, Trouble.CAPACITY, "at capacity"),
        (503, Trouble.CAPACITY, "at capacity"),
        (500, Trouble.TRANSPORT, "HTTP 500"),
        (511, Trouble.FATAL, "a login page answers instead of the service (hotel Wi-Fi?): it says HTTP 511;"),
        (200, Trouble.FATAL, "a login page answers instead of the service"),
        (302, Trouble.FATAL, "it says HTTP 302, and leads to example.org"),
    ],
)
def test_a_refused_upgrade_says_what_to_do(kit: Any, status: int, trouble: Trouble, words: str) -> None:
    async def main() -> None:
        headers = {"Retry-After": "7", "Location": f"wss://example.org/?api_key={kit.key}"}
        async with kit.Peer(http=[(status, headers)]) as peer:
            failure = await failure_of(target_for(kit, peer.url))
            assert (failure.trouble, failure.http_status, failure.retry_after_s) == (
                trouble,
                status,
                None if "login" in failure.sentence else 7.0,
            )
            assert words in failure.sentence and kit.key not in failure.sentence
            assert len(peer.attempts) == 1  # a redirect is not followed: it could carry the key away

    asyncio.run(main())


def test_nobody_listens_or_nobody_knows_the_name(kit: Any) -> None:
    async def main() -> None:
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            refused = await failure_of(target_for(kit, f"ws://127.0.0.1:{closed.getsockname()[1]}/"))
        assert refused.trouble is Trouble.TRANSPORT and "nothing listens there" in refused.sentence
        # RFC 6761: .invalid never resolves; without any name server that is another of its errors.
        unknown = await failure_of(target_for(kit, "wss://kiosk.invalid/", open_timeout_s=20.0))
        assert unknown.trouble is Trouble.TRANSPORT and "kiosk.invalid" in unknown.sentence

    asyncio.run(main())


def test_a_server_that_says_nothing_hangs_up_or_speaks_another_language(kit: Any) -> None:
    async def main() -> None:
        for answer, words in (
            (None, "did not answer within 0.2 s"),
            (b"", "not as a WebSocket"),
            (b"SSH-2.0\r\n", "not as"),
        ):

            async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                await reader.readuntil(b"\r\n\r\n")
                if answer is None:
                    await reader.read()
                else:
                    writer.write(answer)
                writer.close()

            async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
                port = server.sockets[0].getsockname()[1]
                failure = await failure_of(target_for(kit, f"ws://127.0.0.1:{port}/", open_timeout_s=0.2))
                assert failure.trouble is Trouble.TRANSPORT and words in failure.sentence

    asyncio.run(main())


def test_plain_ws_is_for_this_machine_only(kit: Any) -> None:
    for url in ("ws://127.0.0.1/", "ws://localhost:1/", "ws://[::1]/", "wss://example.org/"):
        refuse_in_the_clear(url)
    for url in (
        "ws://example.org/",
        "ws://10.0.0.1/",
        "ws://localhost.example.org/",
        "http://example.org/",
        "wss:///x",
        "",
    ):
        with pytest.raises(LinkError) as caught:
            refuse_in_the_clear(url)
        assert caught.value.failure.trouble is Trouble.FATAL
    failure = asyncio.run(failure_of(target_for(kit, "ws://example.org/")))
    assert "in the clear" in failure.sentence and kit.key not in failure.sentence


# -- the end of a connection -----------------------------------------------------------------------


async def end_of(kit: Any, script: Any, before_ready: bool = False, **profile: Any) -> Failure:
    async with kit.Peer(script) as peer:
        target = target_for(kit, peer.url, profile=kit.replace(HYDRA, **profile))
        connection = await dial(target)
        connection.before_ready = before_ready
        with pytest.raises(LinkError) as caught:
            while True:
                await connection.receive()
        with pytest.raises(LinkError):
            await connection.send(b"{}")
        await connection.close(1000)
        failure: Failure = caught.value.failure
        return failure


@pytest.mark.parametrize(
    "code, trouble",
    [(1000, Trouble.NORMAL), (1001, Trouble.EXPIRY), (1011, Trouble.TRANSPORT), (1013, Trouble.CAPACITY)],
)
def test_a_close_is_sorted_and_its_reason_shown_while_it_cannot_quote_anybody(
    kit: Any, code: int, trouble: Trouble
) -> None:
    async def script(visit: Any) -> None:
        await visit.socket.close(code, f"a\x00reason {kit.key}")

    failure = asyncio.run(end_of(kit, script))
    assert (failure.trouble, failure.close_code) == (trouble, code)
    assert failure.sentence == f"127.0.0.1 closed the session ({code})"
    failure = asyncio.run(end_of(kit, script, before_ready=True))
    assert failure.sentence == f"127.0.0.1 closed the session ({code}: a reason ***)"


def test_policy_before_the_session_is_a_refusal(kit: Any) -> None:
    async def script(visit: Any) -> None:
        await visit.socket.close(1008)

    assert asyncio.run(end_of(kit, script, before_ready=True)).trouble is Trouble.FATAL
    assert asyncio.run(end_of(kit, script)).trouble is Trouble.TRANSPORT


def test_a_broken_connection_is_a_matter_of_transport(kit: Any) -> None:
    async def script(visit: Any) -> None:
        visit.socket.transport.abort()

    failure = asyncio.run(end_of(kit, script))
    assert (failure.trouble, failure.close_code) == (Trouble.TRANSPORT, 1006)


def test_a_frame_that_is_too_large_ends_the_connection(kit: Any) -> None:
    async def script(visit: Any) -> None:
        await visit.socket.send("x" * 5000)
        await visit.stay()

    failure = asyncio.run(end_of(kit, script, max_frame_bytes=4096))
    assert failure.close_code == 1009 and "larger than" in failure.sentence


def test_a_message_in_pieces_is_one_frame(kit: Any) -> None:
    async def script(visit: Any) -> None:
        await visit.socket.send(["{", '"type": "gr', "\u00fc", '\u00dfe"}'])
        await visit.socket.send([b"a", b"b"])
        await visit.stay()

    async def main() -> None:
        async with kit.Peer(script) as peer:
            connection = await dial(target_for(kit, peer.url))
            assert await connection.receive() == '{"type": "gr\u00fc\u00dfe"}'
            assert await connection.receive() == b"ab"
            connection.abort()

    asyncio.run(main())


def test_a_frame_in_endless_pieces_ends_the_connection(kit: Any) -> None:
    """Empty ones: no bound of size ever meets them."""

    async def script(visit: Any) -> None:
        async def pieces() -> AsyncIterator[str]:
            while True:
                await asyncio.sleep(0)  # both ends share one loop
                yield ""

        await visit.socket.send(pieces())

    async def main() -> None:
        async with kit.Peer(script) as peer:
            connection = await dial(target_for(kit, peer.url))
            with pytest.raises(LinkError, match="in more than 4096 pieces") as caught:
                await connection.receive()
            assert caught.value.failure.close_code == 1008
            connection.abort()

    asyncio.run(main())


def test_text_that_is_no_utf8_ends_the_connection(kit: Any) -> None:
    async def script(visit: Any) -> None:
        await visit.socket.send(b"\xff\xfe", text=True)
        await visit.stay()

    assert "broke the WebSocket protocol" in asyncio.run(end_of(kit, script)).sentence


def test_a_peer_that_does_not_answer_pings_is_noticed(kit: Any) -> None:
    async def script(visit: Any) -> None:
        visit.socket.transport.pause_reading()
        await visit.stay()

    failure = asyncio.run(end_of(kit, script, ping_interval_s=0.1, ping_timeout_s=0.2))
    assert failure.trouble is Trouble.TRANSPORT and "did not answer a ping within 0.2 s" in failure.sentence


# -- TLS -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "dates, trusted, words",
    [
        (("20200101000000Z", "21200101000000Z"), True, ""),
        (("20200101000000Z", "21200101000000Z"), False, "is not trusted"),
        (("21000101000000Z", "21200101000000Z"), True, "is not valid yet; this kiosk's clock says"),
        (("20200101000000Z", "20210101000000Z"), True, "has expired"),
    ],
)
def test_certificates_are_verified_and_a_wrong_clock_is_suspected(
    kit: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    dates: tuple[str, str],
    trusted: bool,
    words: str,
) -> None:
    key, cert = kit.certificate(tmp_path, *dates)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(cert))  # where the default context looks

    async def main() -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        async with serve(lambda connection: connection.wait_closed(), "localhost", 0, ssl=context) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            target = target_for(kit, f"wss://localhost:{port}/")
            if not words:
                await (await dial(target)).close(1000)
                return
            failure = await failure_of(target)
            assert failure.trouble is Trouble.TRANSPORT
            assert words in failure.sentence and kit.key not in failure.sentence

    asyncio.run(main())


def test_a_server_without_tls_is_told_apart(kit: Any) -> None:
    async def main() -> None:
        async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            await reader.read()
            writer.close()

        async with await asyncio.start_server(plain, "127.0.0.1", 0) as server:
            failure = await failure_of(target_for(kit, f"wss://127.0.0.1:{server.sockets[0].getsockname()[1]}/"))
            assert failure.trouble is Trouble.TRANSPORT and "TLS with 127.0.0.1 failed" in failure.sentence
        async with kit.Peer() as peer:
            failure = await failure_of(target_for(kit, peer.url.replace("ws://", "wss://")))
            assert "broke the connection off" in failure.sentence

    asyncio.run(main())


def test_the_library_is_imported_at_the_first_dial_and_never_logs_requests() -> None:
    code = "import sys, kioskd.link.supervisor as s; sys.exit('websockets' in sys.modules or 'ssl' not in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    preload()
    assert logging.getLogger("kioskd.link.websockets").level == logging.INFO


def test_a_target_does_not_show_its_key(kit: Any) -> None:
    target = target_for(kit, "wss://example.org/", headers={"Authorization": kit.key})
    assert kit.key not in repr(target)


# -- addresses, and connections that die without a word ----------------------------------------------


def deaf(family: socket.AddressFamily, host: str) -> tuple[socket.socket, list[socket.socket]]:
    """An address that takes no connection and refuses none, as one behind a firewall: its queue is full."""
    listening = socket.socket(family)
    listening.bind((host, 0))
    listening.listen(0)
    full = []
    for _ in range(4):
        waiting = socket.socket(family)
        waiting.setblocking(False)
        waiting.connect_ex(listening.getsockname())
        full.append(waiting)
    return listening, full


@pytest.mark.fault("the first of two addresses is a black hole", back_s=1, attempts=1, lost="nothing")
@pytest.mark.parametrize("first", ["127.0.0.2", "::1"])
def test_an_address_that_does_not_answer_costs_a_quarter_of_a_second(
    kit: Any, monkeypatch: pytest.MonkeyPatch, stated: Any, first: str
) -> None:
    """The name has two addresses, of one family or of two; the first is a black hole: 0.25 s of 10 are lost."""

    async def main() -> None:
        family = socket.AF_INET6 if ":" in first else socket.AF_INET
        listening, full = deaf(family, first)
        try:
            peer = kit.Peer()
            peer.port = listening.getsockname()[1]
            async with peer:

                async def resolve(self: object, host: str, port: int, **_: object) -> list[Any]:
                    assert host == "localhost"
                    return [
                        (family, socket.SOCK_STREAM, 6, "", (first, port)),
                        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)),
                    ]

                monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", resolve)
                url = f"ws://localhost:{peer.port}/"
                for work in (lambda: dial(target_for(kit, url, open_timeout_s=10.0)), lambda: probe(url, 10.0)):
                    began = time.monotonic()
                    result = await work()
                    assert 0.2 < time.monotonic() - began < stated.back_s
                    if result is not None:
                        await result.close(1000)
                        assert len(peer.attempts) == stated.attempts
        finally:
            for sock in (listening, *full):
                sock.close()

    asyncio.run(main())


def test_a_service_that_is_reached_by_ipv6_alone(kit: Any) -> None:
    async def main() -> None:
        async with serve(lambda connection: connection.wait_closed(), "::1", 0) as server:
            url = f"ws://[::1]:{next(iter(server.sockets)).getsockname()[1]}/"
            await (await dial(target_for(kit, url))).close(1000)
            assert await probe(url, 1.0) is None

    asyncio.run(main())


def test_all_addresses_that_fail_in_different_ways_are_one_sentence(kit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def resolve(self: object, host: str, port: int, **_: object) -> list[Any]:
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", port)),
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)),
        ]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", resolve)
    failure = asyncio.run(failure_of(target_for(kit, "wss://kiosk.example.org:9/")))
    assert failure.sentence == "kiosk.example.org refused the connection: nothing listens there"


def test_a_name_that_cannot_be_one_is_a_sentence(kit: Any) -> None:
    for url in ("wss://h..x/", "wss://" + "x" * 64 + ".example.org/"):
        failure = asyncio.run(failure_of(target_for(kit, url)))
        assert failure.trouble is Trouble.FATAL and "is not a name that a host can have" in failure.sentence
        found = asyncio.run(probe(url, 1.0))
        assert found is not None and found.sentence == failure.sentence


def test_a_socket_has_the_bounds_that_are_stated(kit: Any) -> None:
    """25 s for packets that no longer come: 20 s behind the first byte, or 15 s of rest and keep-alives 5 s apart."""

    async def main() -> None:
        async with kit.Peer() as peer:
            connection = await dial(target_for(kit, peer.url))
            sock = connection._socket.transport.get_extra_info("socket")
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            tcp = [socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT, socket.TCP_USER_TIMEOUT]
            assert [sock.getsockopt(socket.IPPROTO_TCP, option) for option in tcp] == [15, 5, 3, 20_000]
            connection.abort()
        assert HYDRA.ping_interval_s + HYDRA.ping_timeout_s == 50

    asyncio.run(main())


@pytest.mark.parametrize("speaking", [True, False])
def test_a_peer_whose_packets_no_longer_come_is_noticed_by_the_kernel(
    kit: Any, monkeypatch: pytest.MonkeyPatch, speaking: bool
) -> None:
    """A cable is pulled while speech goes up, or while nothing does. 20 s and 25 s at most; here 1 s and 3 s."""
    monkeypatch.setattr(sockets, "TCP_USER_TIMEOUT_MS", 1000)
    monkeypatch.setattr(sockets, "KEEP_ALIVE_IDLE_S", 1)
    monkeypatch.setattr(sockets, "KEEP_ALIVE_INTERVAL_S", 1)

    async def main() -> None:
        async with kit.Peer(lambda visit: visit.stay()) as peer:
            connection = await dial(target_for(kit, peer.url))
            await peer.visited(1)
            assert await connection.alive(1.0)
            command = ["ip", "link", "set", "lo", "down"]
            await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True)
            began = time.monotonic()
            if speaking:
                await connection.send(b'{"type": "up"}')
            async with asyncio.timeout(8.0):
                with pytest.raises(LinkError) as caught:
                    await connection.receive()
            assert time.monotonic() - began < (3.0 if speaking else 5.0)
            failure = caught.value.failure
            assert (failure.trouble, failure.close_code) == (Trouble.TRANSPORT, 1006)
            assert not await connection.alive(0.5)

    kit.in_namespace(main)


def test_a_middle_that_forwards_no_more_is_noticed_by_the_ping(kit: Any) -> None:
    """It acknowledges every byte, so the kernel is content: ping_interval_s + ping_timeout_s, here 0.1 + 0.3 s."""

    async def main() -> None:
        stopped = asyncio.Event()

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while piece := await source.read(65536):
                if not stopped.is_set():
                    sink.write(piece)
            sink.close()  # or the other one would be read for ever, and Python 3.12 waits for it

        async with kit.Peer(lambda visit: visit.stay()) as peer:

            async def between(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                there, beyond = await asyncio.open_connection("127.0.0.1", peer.port)
                both = asyncio.gather(pump(reader, beyond), pump(there, writer), return_exceptions=True)
                await both

            async with await asyncio.start_server(between, "127.0.0.1", 0) as server:
                profile = kit.replace(HYDRA, ping_interval_s=0.1, ping_timeout_s=0.3)
                url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
                connection = await dial(target_for(kit, url, profile=profile))
                visit = await peer.visited(1)
                await visit.send("hello")
                await connection.receive()
                assert await connection.alive(1.0)
                stopped.set()
                began = time.monotonic()
                assert not await connection.alive(0.1)
                with pytest.raises(LinkError, match="did not answer a ping within 0.3 s"):
                    await connection.receive()
                assert time.monotonic() - began < 1.0

    asyncio.run(main())
