"""Short-lived tokens: a real HTTP server mints them, and services that check them are called with them."""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Iterator, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kioskd.core.words import Link
from kioskd.link.failures import Cause, Failure, LinkError
from kioskd.link.proxy import Proxy
from kioskd.link.tokens import Mint, Tokens, _read, boottime, minted
from kioskd.voice.options import Options
from kioskd.voice.server import serve
from kioskd.wire.profile import Trouble

SECRET = "canary-secret-of-this-box-0123456789"


class Desk:
    """What the minting server does, and what it was asked.

    Attributes:
        answers: one for each request, the last one for all that follow: status, headers, and the body; None: a token.
    """

    def __init__(self, *answers: tuple[int, Mapping[str, str], bytes] | None, pause_s: float = 0.0) -> None:
        self.answers = list(answers) or [None]
        self.pause_s = pause_s
        self.asked: list[tuple[str, Mapping[str, str], Any]] = []
        self.given: list[str] = []
        self.port = 0

    def url(self, path: str = "/mint?kiosk=1") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def answer(self) -> tuple[int, Mapping[str, str], bytes]:
        number = len(self.asked)
        answer = self.answers[min(number, len(self.answers)) - 1]
        if answer is not None:
            return answer
        token = f"at_canary_{number:08d}_0123456789"
        self.given.append(token)
        return 200, {}, json.dumps({"access_token": token, "token_type": "bearer"}).encode()


@contextmanager
def running(desk: Desk, context: ssl.SSLContext | None = None) -> Iterator[Desk]:
    class Clerk(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            desk.asked.append((self.path, dict(self.headers.items()), json.loads(body)))
            time.sleep(desk.pause_s)
            status, headers, said = desk.answer()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, format: str, *args: object) -> None:
            """The test's own output stays readable."""

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            """Clients that hang up are part of the tests."""

    server = Quiet(("127.0.0.1", 0), Clerk)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    server.daemon_threads = True
    desk.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield desk
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def mint_at(url: str, **changes: Any) -> Mint:
    return Mint(**{"url": url, "read_secret": lambda: SECRET, "timeout_s": 2.0, **changes})


def failure_of(mint: Mint) -> Failure:
    with pytest.raises(LinkError) as caught:
        asyncio.run(minted(mint))
    assert SECRET not in caught.value.failure.sentence
    failure: Failure = caught.value.failure
    return failure


def test_a_token_is_asked_for_once_and_used_until_shortly_before_its_end() -> None:
    """300 s of life: fresh for 270."""
    seen: set[str] = set()
    now = [1000.0]

    async def main(desk: Desk) -> None:
        tokens = Tokens(mint_at(desk.url(), ttl_s=300), seen, lambda: now[0])
        first = await tokens.token()
        now[0] += 269.0
        assert await tokens.token() == first == desk.given[0]
        now[0] += 2.0
        second = await tokens.token()
        assert second == desk.given[1] != first and tokens.minted == 2
        assert seen == {second}  # what has expired needs no redaction, and the list must not grow for years

    with running(Desk()) as desk:
        asyncio.run(main(desk))
        path, headers, body = desk.asked[0]
        assert (path, body) == ("/mint?kiosk=1", {"ttl_seconds": 300})
        assert headers["Authorization"] == f"Bearer {SECRET}"


def test_many_who_want_one_at_a_time_share_one_question() -> None:
    async def main(desk: Desk) -> None:
        tokens = Tokens(mint_at(desk.url()), set())
        assert set(await asyncio.gather(*[tokens.token() for _ in range(5)])) == {desk.given[0]}
        assert len(desk.asked) == 1
        given_up = asyncio.create_task(Tokens(mint_at(desk.url()), set()).token())
        await asyncio.sleep(0)
        given_up.cancel()
        await asyncio.wait([given_up])

    with running(Desk(pause_s=0.05)) as desk:
        asyncio.run(main(desk))


def test_the_secret_may_ride_in_another_header_and_a_shorter_life_is_believed() -> None:
    with running(Desk((200, {}, b'{"access_token": "at_0123456789", "expires_in": 40}'))) as desk:
        token, life_s = asyncio.run(minted(mint_at(desk.url(), header="X-Kiosk-Secret")))
        assert (token, life_s) == ("at_0123456789", 40.0)
        headers = desk.asked[0][1]
        assert headers["X-Kiosk-Secret"] == SECRET and "Authorization" not in headers


@pytest.mark.parametrize(
    "status, headers, trouble, cause, words",
    [
        (401, {}, Trouble.FATAL, Cause.KEY, "does not accept the secret for minting tokens (HTTP 401)"),
        (403, {}, Trouble.FATAL, Cause.KEY, "check service.token.secret"),
        (429, {"Retry-After": "7"}, Trouble.CAPACITY, Cause.CAPACITY, "at capacity (HTTP 429)"),
        (503, {"Retry-After": "7"}, Trouble.CAPACITY, Cause.CAPACITY, "at capacity"),
        (500, {}, Trouble.TRANSPORT, Cause.SERVICE, "could not mint a token (HTTP 500)"),
        (404, {}, Trouble.FATAL, Cause.SERVICE, "refused to mint a token (HTTP 404)"),
        (302, {"Location": "http://127.0.0.1:9/x"}, Trouble.FATAL, Cause.SERVICE, "HTTP 302"),
    ],
)
def test_an_endpoint_that_mints_none_says_why(
    status: int, headers: Mapping[str, str], trouble: Trouble, cause: Cause, words: str
) -> None:
    with running(Desk((status, headers, SECRET.encode()))) as desk:
        failure = failure_of(mint_at(desk.url()))
        assert (failure.trouble, failure.cause) == (trouble, cause) and words in failure.sentence
        assert failure.retry_after_s == (7.0 if headers.get("Retry-After") else None)
        assert len(desk.asked) == 1


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b"{}", b'{"access_token": 7}', b'{"access_token": ""}', b'{"access_token": "a b"}']
    + [b'{"access_token": "' + b"x" * 9000 + b'"}', b"[" * 60_000, b"\xff", b'{"access_token": "a\\r\\nX: 1"}'],
)
def test_an_answer_without_a_token_is_told(body: bytes) -> None:
    with running(Desk((200, {}, body))) as desk:
        failure = failure_of(mint_at(desk.url()))
        assert failure.trouble is Trouble.FATAL and "gave no access token" in failure.sentence


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=100), st.sampled_from([b"", b'{"access_token": ', b'{"access_token": "x", "expires_in": ']))
def test_no_answer_raises_anything_else(rest: bytes, front: bytes) -> None:
    try:
        token, life_s = _read(front + rest, mint_at("http://127.0.0.1:9/"))
    except LinkError:
        return
    assert token and 0 < life_s <= 300.0


def test_an_endpoint_that_does_not_answer_costs_its_time_and_no_more() -> None:
    """timeout_s, here 0.3 s; the thread that waited is back, too."""
    before = threading.active_count()
    with running(Desk(pause_s=1.0)) as desk:
        began = time.monotonic()
        failure = failure_of(mint_at(desk.url(), timeout_s=0.3))
        assert time.monotonic() - began < 0.9
        assert "(service.token.url) did not answer within 0.3 s" in failure.sentence
    failure = failure_of(mint_at(desk.url()))
    assert failure.sentence.startswith("no access token: 127.0.0.1 refused the connection")
    assert threading.active_count() <= before + 1


def test_what_is_no_address_a_secret_that_is_missing_and_tls_that_fails(kit: Any, tmp_path: Path) -> None:
    def missing() -> str:
        raise ValueError("the file /etc/x is empty; put the secret into it")

    assert "a header cannot carry" in failure_of(mint_at("http://127.0.0.1:9/", read_secret=lambda: "s\u00e4")).sentence
    assert "of the form https://" in failure_of(mint_at("http://mint.example.org/")).sentence
    assert failure_of(mint_at("http://127.0.0.1:9/", read_secret=missing)).sentence.startswith("the file /etc/x")
    through = mint_at("https://mint.example.org/", read_proxy=lambda: Proxy("127.0.0.1", 9))
    assert "the proxy 127.0.0.1 refused" in failure_of(through).sentence
    key, cert = kit.certificate(tmp_path, "20200101000000Z", "21200101000000Z")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    with running(Desk(), context) as desk:
        failure = failure_of(mint_at(f"https://localhost:{desk.port}/"))
        assert failure.cause is Cause.TLS and "is not trusted" in failure.sentence and desk.asked == []


# -- with services ---------------------------------------------------------------------------------


def test_the_local_voice_service_takes_the_token_that_was_minted(kit: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def main(desk: Desk) -> None:
        server = await serve("127.0.0.1", 0, Options(token="at_canary_00000001_0123456789"))
        try:
            seen: set[str] = set()
            setup = kit.setup_for(
                f"ws://127.0.0.1:{server.port}/waves/v1/s2s",
                tokens=Tokens(mint_at(desk.url()), seen),
                handshake_timeout_s=10.0,
            )
            async with kit.Bench(setup) as bench:
                bench.link.open("a press", greet=False)
                await bench.state(Link.READY)
                shown = str(bench.rows) + str(bench.events) + str(bench.link.snapshot()) + repr(setup)
            assert seen == {desk.given[0]} and desk.given[0] not in shown and SECRET not in shown
        finally:
            await server.aclose()

    with running(Desk()) as desk:
        asyncio.run(main(desk))
        assert desk.given[0] not in caplog.text and SECRET not in caplog.text


def test_a_token_that_is_refused_is_minted_anew_once(kit: Any) -> None:
    """A used one that was withdrawn: one more, and a session. A fresh one that is refused: a refusal, and no more."""

    async def main(desk: Desk) -> None:
        http = [None, (401, {}), None, (403, {}), (403, {}), None]
        async with kit.Peer(http=http) as peer:
            tokens = Tokens(mint_at(desk.url()), set())
            async with kit.Bench(kit.setup_for(peer.url, tokens=tokens)) as bench:
                bench.link.open("first", greet=False)
                await bench.state(Link.READY)
                for expected in (2, 3):
                    bench.link.close("next")
                    await bench.state(Link.ASLEEP, len(bench.events))
                    before = len(bench.events)
                    bench.link.open("again", greet=False)
                    if expected == 2:
                        await bench.state(Link.READY, before)
                    else:
                        refused = await bench.state(Link.REFUSED, before)
                        assert "a token of service.token.url, minted just now" in refused.reason
                    assert tokens.minted == expected
            tokens_sent = [visit.path.partition("api_key=")[2] for visit in peer.visits]
            assert tokens_sent == desk.given[:2] and len(peer.attempts) == 5

    with running(Desk()) as desk:
        asyncio.run(main(desk))


def test_the_clock_of_tokens_goes_on_in_a_sleep() -> None:
    assert boottime() >= time.monotonic() - 0.001


def test_certificates_are_not_read_on_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tens of milliseconds on a small board."""
    readers: list[threading.Thread] = []

    def made(*_: object) -> ssl.SSLContext:
        readers.append(threading.current_thread())
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    monkeypatch.setattr(ssl, "create_default_context", made)
    failure_of(mint_at("https://127.0.0.1:9/"))
    assert readers and threading.main_thread() not in readers
