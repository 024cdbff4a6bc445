"""Staff are called over a real socket; what the peer does is written in a script."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable, Iterator

import pytest

from kioskd.actions.staff import Staff, unsafe
from kioskd.config.sections import StaffAction
from kioskd.core.words import CallKey

KEY = CallKey("hydra", "sess_1", "call_1")
TOKEN = "s3cr3t-t0ken"
Reply = Callable[[BaseHTTPRequestHandler], None]


def answer(code: int, body: bytes = b"", **headers: str) -> Reply:
    def reply(request: BaseHTTPRequestHandler) -> None:
        request.send_response(code)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        request.wfile.write(body)

    return reply


class Peer:
    """A webhook that follows a script and keeps what it was sent."""

    def __init__(self, scheme: str = "http") -> None:
        self.script: list[Reply] = []
        self.requests: list[tuple[str, dict[str, str], Any]] = []
        self.closing = threading.Event()
        peer = self

        class Web(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                peer.requests.append((self.path, dict(self.headers), json.loads(body)))
                peer.script.pop(0)(self)

            def do_GET(self) -> None:
                peer.requests.append((self.path, dict(self.headers), None))
                answer(200)(self)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Web)
        self.server.daemon_threads = True
        self.url = f"{scheme}://127.0.0.1:{self.server.server_address[1]}/call"
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()
        self._thread.join(10)


@pytest.fixture
def peer() -> Iterator[Peer]:
    peer = Peer()
    yield peer
    peer.close()


def staff(url: str, attempts: int = 3, timeout_s: float = 5.0, **more: Any) -> Staff:
    action = StaffAction(url=url, attempts=attempts, timeout_s=timeout_s)
    settings: dict[str, Any] = {"token": lambda: TOKEN, "wait": lambda s: False, "wall": lambda: 0.0} | more
    return Staff("call_staff", action, "lobby", **settings)


def test_the_call_says_who_asks_and_for_what(peer: Peer) -> None:
    peer.script = [answer(204)]
    outcome = staff(peer.url).call(KEY, {"why": "ein Päckchen"})
    assert outcome.ok and outcome.say == ""
    ((path, headers, body),) = peer.requests
    assert path == "/call" and headers["Authorization"] == f"Bearer {TOKEN}"
    assert headers["Content-Type"] == "application/json" and headers["Idempotency-Key"] == '"hydra/sess_1/call_1"'
    arguments = {"why": "ein Päckchen"}
    wanted = {"kiosk": "lobby", "call_id": "call_1", "tool": "call_staff", "arguments": arguments}
    assert body == wanted | {"at": "1970-01-01T00:00:00Z"}


def test_without_a_token_none_is_sent(peer: Peer) -> None:
    peer.script = [answer(200, b"ok")]
    assert staff(peer.url, token=None).call(KEY, {}).ok
    assert "Authorization" not in peer.requests[0][1]


def test_the_reply_may_hold_a_sentence_for_the_visitor(peer: Peer) -> None:
    said = "Anna is\non her \x1b[1mway. " + "x" * 300
    peer.script = [answer(200, json.dumps({"say": said}).encode())]
    outcome = staff(peer.url).call(KEY, {})
    assert outcome.say.startswith("Anna is on her [1mway. xxx") and len(outcome.say) == 200
    assert json.loads(outcome.result) == {"called": True, "say": outcome.say}


@pytest.mark.parametrize("body", [b"", b"ok", b"[1]", b'{"say": 3}', b"\xff\xfe", b"[" * 9000])
def test_a_reply_without_a_sentence_is_as_good(peer: Peer, body: bytes) -> None:
    peer.script = [answer(200, body)]
    assert staff(peer.url).call(KEY, {}) == (True, '{"called": true, "say": ""}', "", "")


def test_a_huge_reply_is_not_read_to_its_end(peer: Peer) -> None:
    sent = []
    hung_up = threading.Event()

    def huge(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        try:
            while not peer.closing.is_set():
                sent.append(request.wfile.write(b" " * 65536))
        except OSError:
            hung_up.set()  # the kiosk, as it should

    peer.script = [huge]
    assert staff(peer.url).call(KEY, {}).ok
    assert hung_up.wait(10)
    assert sum(sent) < 64 * 1024 * 1024, "what the sockets hold, and no more"
    assert len(peer.requests) == 1, "it was taken: no second call"


def test_a_reply_that_breaks_off_was_taken_all_the_same(peer: Peer) -> None:
    peer.script = [answer(200, b'{"say"', Content_Length="100")]
    assert staff(peer.url, timeout_s=0.5).call(KEY, {}).ok
    assert len(peer.requests) == 1


def test_a_server_in_trouble_is_asked_again_with_growing_pauses(peer: Peer) -> None:
    pauses: list[float] = []
    peer.script = [answer(500), answer(503), answer(200)]
    kiosk = staff(peer.url, wait=lambda s: bool(pauses.append(s)), chance=lambda: 0.5, pause_s=1.0)
    assert kiosk.call(KEY, {}).ok
    assert pauses == [1.0, 2.0]
    assert len({request[1]["Idempotency-Key"] for request in peer.requests}) == 1


def test_the_jitter_stays_within_a_fifth(peer: Peer) -> None:
    for chance, wanted in ((0.0, 0.8), (1.0, 1.2)):
        pauses: list[float] = []
        peer.script = [answer(500), answer(200)]
        staff(peer.url, wait=lambda s: bool(pauses.append(s)), chance=lambda: chance).call(KEY, {})
        assert pauses == [pytest.approx(wanted)]


def test_after_the_last_attempt_the_owner_is_told_what_it_said(peer: Peer) -> None:
    peer.script = [answer(500)] * 3
    outcome = staff(peer.url).call(KEY, {})
    assert not outcome.ok and outcome.reason == "call_staff: the webhook answered HTTP 500."
    assert len(peer.requests) == 3


@pytest.mark.parametrize(("code", "tries"), [(400, 1), (401, 1), (404, 1), (408, 3), (429, 3), (502, 3)])
def test_only_what_can_heal_is_tried_again(peer: Peer, code: int, tries: int) -> None:
    peer.script = [answer(code)] * 3
    outcome = staff(peer.url).call(KEY, {})
    assert str(code) in outcome.reason and len(peer.requests) == tries


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(peer: Peer, code: int) -> None:
    other = Peer()
    try:
        peer.script = [answer(code, Location=other.url)]
        outcome = staff(peer.url).call(KEY, {})
        assert f"redirects (HTTP {code})" in outcome.reason
        assert other.requests == [] and len(peer.requests) == 1
    finally:
        other.close()


def test_a_slow_peer_runs_into_the_timeout(peer: Peer) -> None:
    peer.script = [lambda request: bool(peer.closing.wait(20)) and None] * 2
    began = time.monotonic()
    outcome = staff(peer.url, attempts=2, timeout_s=0.2).call(KEY, {})
    assert outcome.reason == "call_staff: the webhook did not answer in time."
    assert 0.4 <= time.monotonic() - began < 5.0


def test_nobody_there_is_a_sentence(peer: Peer) -> None:
    peer.close()
    assert "cannot be reached: Connection refused" in staff(peer.url, attempts=1).call(KEY, {}).reason


def test_a_peer_that_speaks_no_http_is_a_sentence(peer: Peer) -> None:
    peer.script = [lambda request: request.wfile.write(b"SSH-2.0-OpenSSH\r\n\r\n") and None]
    assert "cannot be reached" in staff(peer.url, attempts=1).call(KEY, {}).reason


def test_a_peer_without_tls_is_not_spoken_to_in_the_clear() -> None:
    peer = Peer("https")
    try:
        assert "cannot be reached" in staff(peer.url, attempts=1, timeout_s=2.0).call(KEY, {}).reason
        assert peer.requests == []
    finally:
        peer.close()


def test_the_end_of_the_process_ends_the_pauses(peer: Peer) -> None:
    peer.script = [answer(500)]
    outcome = staff(peer.url, wait=lambda s: True).call(KEY, {})
    assert "kioskd is ending" in outcome.reason and len(peer.requests) == 1


def test_proxies_of_the_environment_are_ignored(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    peer.script = [answer(200)]
    assert staff(peer.url, attempts=1).call(KEY, {}).ok


def test_the_token_is_in_no_sentence(peer: Peer, caplog: pytest.LogCaptureFixture) -> None:
    def unreadable() -> str:
        raise ValueError(f"cannot take {TOKEN}")

    said = [staff(peer.url, token=unreadable).call(KEY, {}), staff(peer.url, token=lambda: TOKEN + "\n").call(KEY, {})]
    assert [outcome.ok for outcome in said] == [False, False] and peer.requests == []
    peer.script = [answer(401), answer(200, json.dumps({"say": f"I got {TOKEN}"}).encode())]
    said += [staff(peer.url).call(KEY, {}), staff(peer.url).call(KEY, {})]
    assert said[2].reason == "call_staff: the webhook refuses the token (HTTP 401); see action.staff.token."
    assert said[3].say == "I got ***"
    assert TOKEN not in repr(said) + caplog.text


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
    ]
    + ["https://user:word@hooks.example/", "http://10.0.0.1/", ""],
)
def test_unsafe_addresses_make_no_staff(url: str) -> None:
    assert unsafe(url)
    with pytest.raises(ValueError):
        staff(url)
