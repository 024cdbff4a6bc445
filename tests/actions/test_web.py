"""A request cannot run away: over real sockets, with peers that do what they like."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, Callable

import pytest

from kioskd.actions import web
from kioskd.actions.web import WebError, Wish, ask, is_private, unsafe


def refused(wish: Wish) -> WebError:
    with pytest.raises(WebError) as caught:
        ask(wish)
    return caught.value


def test_an_answer_is_had_whole(peer: Any) -> None:
    peer.script = [peer.answer(203, b"hello", X_Lift="3")]
    reply = ask(Wish(peer.url + "?a=b", 5.0, method="PUT", body=b"[1]", headers={"X-Kiosk": "lobby"}))
    assert (reply.status, reply.body, reply.headers["x-lift"], reply.cut) == (203, b"hello", "3", "")
    ((path, headers, body),) = peer.requests
    assert peer.methods == ["PUT"] and path == "/call?a=b" and body == [1]
    assert headers["X-Kiosk"] == "lobby" and headers["User-Agent"] == "kioskd"


def test_an_answer_that_is_too_long_is_said_to_be(peer: Any) -> None:
    peer.script = [peer.answer(200, b"x" * 5000)]
    reply = ask(Wish(peer.url, 5.0, most_bytes=4999))
    assert reply.body == b"" and reply.cut == "its answer is longer than 4999 bytes."


def test_an_answer_that_breaks_off_is_not_taken_for_whole(peer: Any) -> None:
    peer.script = [peer.answer(200, b"half", Content_Length="8")]
    assert "broke off" in ask(Wish(peer.url, 5.0)).cut


def trickle(peer: Any, start: bytes) -> Callable[[BaseHTTPRequestHandler], None]:
    """An answer that begins so, and goes on by the byte for as long as anybody listens."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(b"HTTP/1.1 200 OK\r\n" + start)
        while not peer.closing.wait(0.05):
            try:
                request.wfile.write(b"x")
            except OSError:
                return

    return answer


def test_a_peer_that_trickles_does_not_outlive_the_deadline(peer: Any) -> None:
    peer.script = [trickle(peer, b"X-Slow: ")]
    began = time.monotonic()
    error = refused(Wish(peer.url, 0.4))
    assert str(error) == "the service did not answer in time." and error.again
    assert time.monotonic() - began < 3.0


def test_an_answer_that_trickles_and_ends_the_connection_does_not_outlive_the_deadline(peer: Any) -> None:
    # Such an answer is read when the connection has forgotten its socket.
    peer.script = [trickle(peer, b"Connection: close\r\n\r\n")]
    began = time.monotonic()
    assert ask(Wish(peer.url, 0.4)).cut == "its answer broke off."
    assert time.monotonic() - began < 3.0


def test_a_peer_that_is_slow_to_begin_tls_is_asked_nothing_after_the_deadline(
    certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    key, cert = certificate
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            line, _ = server.accept()
            time.sleep(0.6)  # beyond the deadline
            try:
                with context.wrap_socket(line, server_side=True) as tls:
                    heard.append(tls.recv(100))
            except OSError:
                pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        error = refused(Wish(f"https://localhost:{server.getsockname()[1]}/", 0.4, method="POST", body=b"open"))
        thread.join(10)
    assert str(error) == "the service did not answer in time." and heard in ([], [b""])


def test_a_name_with_many_dead_addresses_does_not_outlive_the_deadline(
    peer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = socket.create_server(("127.0.0.1", 0), backlog=0)
    waiting = [socket.socket() for _ in range(3)]
    for one in waiting:  # nobody accepts: what dials it from here on is not answered at all
        one.setblocking(False)
        one.connect_ex(full.getsockname())
    dead = (socket.AF_INET, socket.SOCK_STREAM, 6, "", full.getsockname())
    alive = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", peer.server.server_address[1]))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [dead, dead, dead, dead])
    began = time.monotonic()
    assert "in time" in str(refused(Wish("http://localhost/", 0.4)))
    assert time.monotonic() - began < 1.0
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [dead, alive])
    assert ask(Wish("http://localhost/", 4.0)).status == 200, "the second one has a share of the time"
    for one in (full, *waiting):
        one.close()


def test_an_address_in_numbers_is_dialled_at_the_port_of_its_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda *where, **_: asked.append(where) or [])
    refused(Wish("http://[::1]/x", 1.0))
    refused(Wish("https://[fd00::5]/x", 1.0))
    assert asked == [("::1", 80), ("fd00::5", 443)]


@pytest.mark.parametrize(("code", "again"), [(400, False), (404, False), (429, True), (500, True), (503, True)])
def test_a_bad_status_says_whether_to_ask_again(peer: Any, code: int, again: bool) -> None:
    peer.script = [peer.answer(code)]
    error = refused(Wish(peer.url, 5.0, what="the lift"))
    assert str(error) == f"the lift answered HTTP {code}." and error.again is again


def test_a_redirect_within_the_host_is_followed_for_a_get(peer: Any) -> None:
    peer.script = [peer.answer(302, Location="/there"), peer.answer(200, b"found")]
    assert ask(Wish(peer.url, 5.0)).body == b"found"
    assert [request[0] for request in peer.requests] == ["/call", "/there"]


def test_no_redirect_leads_to_another_host_or_port(peer: Any, make_peer: Callable[..., Any]) -> None:
    other = make_peer()
    for to in (other.url, "https://127.0.0.1/x", "file:///etc/passwd", "//example.org/", "http://[", ""):
        peer.script = [peer.answer(307, Location=to)]
        assert "redirects (HTTP 307), which is not followed" in str(refused(Wish(peer.url, 5.0))), to
    assert other.requests == []


def test_a_post_is_not_sent_twice_by_a_redirect(peer: Any) -> None:
    peer.script = [peer.answer(307, Location="/there")]
    assert "redirects" in str(refused(Wish(peer.url, 5.0, method="POST", body=b"1")))
    assert len(peer.requests) == 1


def test_redirects_in_circles_end(peer: Any) -> None:
    peer.always = peer.answer(302, Location="/call")
    assert str(refused(Wish(peer.url, 5.0))) == "the service redirects in circles."
    assert len(peer.requests) == 3


def test_a_header_cannot_carry_another_one(peer: Any) -> None:
    assert "cannot be reached: ValueError" in str(refused(Wish(peer.url, 5.0, headers={"X-A": "b\r\nX-C: d"})))
    assert "cannot be reached: InvalidURL" in str(refused(Wish(peer.url + "?a b", 5.0)))
    assert peer.requests == []


def test_in_the_clear_only_this_network_is_spoken_to(peer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # A name server that leads a name of the house to somewhere else: judged by who was really reached.
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", peer.server.server_address[1]))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    url = f"http://lift.lan:{peer.server.server_address[1]}/call"
    assert "is not encrypted" in str(refused(Wish(url, 5.0)))
    assert ask(Wish(url, 5.0, lan=True)).status == 200
    monkeypatch.setattr(web, "_is_loopback", lambda address: False)
    monkeypatch.setattr(web, "is_private", lambda address: False)
    assert "127.0.0.1, which is not of this network" in str(refused(Wish(url, 5.0, lan=True)))
    assert len(peer.requests) == 1


def test_a_certificate_is_verified(
    make_peer: Callable[..., Any], certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    key, cert = certificate
    peer = make_peer("https")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    peer.server.socket = context.wrap_socket(peer.server.socket, server_side=True)
    url = peer.url.replace("127.0.0.1", "localhost")
    error = refused(Wish(url, 5.0))
    assert "certificate cannot be verified" in str(error) and not error.again and peer.requests == []
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    assert ask(Wish(url, 5.0)).status == 200
    assert "certificate cannot be verified" in str(refused(Wish(peer.url, 5.0))), "it is for localhost"


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "::1", "10.1.2.3", "192.168.1.1", "172.16.0.9", "fe80::1%eth0", "fd00::1"]
)
def test_private_addresses(address: str) -> None:
    assert is_private(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "172.32.0.1", "2001:4860:4860::8888", "0.0.0.0", "::", "lift.lan", ""])
def test_public_addresses(address: str) -> None:
    assert not is_private(address)


def test_no_timer_stays_behind(peer: Any) -> None:
    for _ in range(3):
        ask(Wish(peer.url, 30.0))
    timers = [thread for thread in threading.enumerate() if thread.name == "kioskd-deadline"]
    for timer in timers:
        timer.join(10)
    assert not [timer for timer in timers if timer.is_alive()]


@pytest.mark.parametrize(
    "url", ["https://hooks.example/x", "http://127.0.0.1:8/x", "http://[::1]/x", "http://localhost/x"]
)
def test_safe_addresses(url: str) -> None:
    assert unsafe(url) == ""


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example/",
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "http:///x",
        "https://",
        "http://127.0.0.1.evil.example/",
        "https://user:word@hooks.example/",
        "http://10.0.0.1/",
        "",
    ],
)
def test_unsafe_addresses(url: str) -> None:
    assert unsafe(url)
