"""A webhook is called over a real socket; what the peer does is written in a script."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler
from typing import Any, Callable

import pytest

from kioskd.actions.summons import Summons, Taken
from kioskd.actions.webhook import Webhook
from kioskd.config.sections import StaffAction
from kioskd.core.words import CallKey

KEY = CallKey("hydra", "sess_1", "call_1")
TOKEN = "s3cr3t-t0ken"


def webhook(url: str, attempts: int = 3, timeout_s: float = 5.0, **more: Any) -> Webhook:
    action = StaffAction(url=url, attempts=attempts, timeout_s=timeout_s)
    settings: dict[str, Any] = {"token": lambda: TOKEN, "wait": lambda s: False} | more
    return Webhook("call_staff", action, **settings)


def summons(**arguments: object) -> Summons:
    return Summons("lobby", "call_staff", KEY, "a1", arguments, 0.0)


def test_the_call_says_who_asks_and_for_what(peer: Any) -> None:
    peer.script = [peer.answer(204)]
    taken = webhook(peer.url).call(summons(why="ein Päckchen"))
    assert taken == Taken("")
    ((path, headers, body),) = peer.requests
    assert path == "/call" and headers["Authorization"] == f"Bearer {TOKEN}"
    assert headers["Content-Type"] == "application/json" and headers["Idempotency-Key"] == '"hydra/sess_1/call_1"'
    arguments = {"why": "ein Päckchen"}
    wanted = {"kiosk": "lobby", "call_id": "call_1", "tool": "call_staff", "arguments": arguments}
    assert body == wanted | {"answer_id": "a1", "at": "1970-01-01T00:00:00Z"}


def test_without_a_token_none_is_sent(peer: Any) -> None:
    peer.script = [peer.answer(200, b"ok")]
    assert not webhook(peer.url, token=None).call(summons()).trouble
    assert "Authorization" not in peer.requests[0][1]


def test_the_reply_may_hold_a_sentence_for_the_visitor(peer: Any) -> None:
    said = "Anna is\non her \x1b[1mway. " + "x" * 300
    peer.script = [peer.answer(200, json.dumps({"say": said}).encode())]
    taken = webhook(peer.url).call(summons())
    assert taken.say.startswith("Anna is on her [1mway. xxx") and len(taken.say) == 200


@pytest.mark.parametrize("body", [b"", b"ok", b"[1]", b'{"say": 3}', b"\xff\xfe", b"[" * 9000])
def test_a_reply_without_a_sentence_is_as_good(peer: Any, body: bytes) -> None:
    peer.script = [peer.answer(200, body)]
    assert webhook(peer.url).call(summons()) == Taken("")


def test_a_huge_reply_is_not_read_to_its_end(peer: Any) -> None:
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
    assert not webhook(peer.url).call(summons()).trouble
    assert hung_up.wait(10)
    assert sum(sent) < 64 * 1024 * 1024, "what the sockets hold, and no more"
    assert len(peer.requests) == 1, "it was taken: no second call"


def test_a_reply_that_breaks_off_was_taken_all_the_same(peer: Any) -> None:
    peer.script = [peer.answer(200, b'{"say"', Content_Length="100")]
    assert not webhook(peer.url, timeout_s=0.5).call(summons()).trouble
    assert len(peer.requests) == 1


def test_a_server_in_trouble_is_asked_again_with_growing_pauses(peer: Any) -> None:
    pauses: list[float] = []
    peer.script = [peer.answer(500), peer.answer(503), peer.answer(200)]
    kiosk = webhook(peer.url, wait=lambda s: bool(pauses.append(s)), chance=lambda: 0.5, pause_s=1.0)
    assert not kiosk.call(summons()).trouble
    assert pauses == [1.0, 2.0]
    assert len({request[1]["Idempotency-Key"] for request in peer.requests}) == 1


def test_the_jitter_stays_within_a_fifth(peer: Any) -> None:
    for chance, wanted in ((0.0, 0.8), (1.0, 1.2)):
        pauses: list[float] = []
        peer.script = [peer.answer(500), peer.answer(200)]
        webhook(peer.url, wait=lambda s: bool(pauses.append(s)), chance=lambda: chance).call(summons())
        assert pauses == [pytest.approx(wanted)]


def test_after_the_last_attempt_the_owner_is_told_what_it_said(peer: Any) -> None:
    peer.script = [peer.answer(500)] * 3
    taken = webhook(peer.url).call(summons())
    assert taken.trouble == "the webhook answered HTTP 500."
    assert len(peer.requests) == 3


@pytest.mark.parametrize(("code", "tries"), [(400, 1), (401, 1), (404, 1), (408, 3), (429, 3), (502, 3)])
def test_only_what_can_heal_is_tried_again(peer: Any, code: int, tries: int) -> None:
    peer.script = [peer.answer(code)] * 3
    taken = webhook(peer.url).call(summons())
    assert str(code) in taken.trouble and len(peer.requests) == tries


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(peer: Any, make_peer: Callable[..., Any], code: int) -> None:
    other = make_peer()
    peer.script = [peer.answer(code, Location=other.url)]
    taken = webhook(peer.url).call(summons())
    assert f"redirects (HTTP {code})" in taken.trouble
    assert other.requests == [] and len(peer.requests) == 1


def test_a_slow_peer_runs_into_the_timeout(peer: Any) -> None:
    peer.script = [lambda request: bool(peer.closing.wait(20)) and None] * 2
    began = time.monotonic()
    taken = webhook(peer.url, attempts=2, timeout_s=0.2).call(summons())
    assert taken.trouble == "the webhook did not answer in time."
    assert 0.4 <= time.monotonic() - began < 5.0


def test_nobody_there_is_a_sentence(peer: Any) -> None:
    peer.close()
    assert "cannot be reached: Connection refused" in webhook(peer.url, attempts=1).call(summons()).trouble


def test_a_peer_that_speaks_no_http_is_a_sentence(peer: Any) -> None:
    peer.script = [lambda request: request.wfile.write(b"SSH-2.0-OpenSSH\r\n\r\n") and None]
    assert "cannot be reached" in webhook(peer.url, attempts=1).call(summons()).trouble


def test_a_peer_without_tls_is_not_spoken_to_in_the_clear(make_peer: Callable[..., Any]) -> None:
    peer = make_peer("https")
    assert "cannot be reached" in webhook(peer.url, attempts=1, timeout_s=2.0).call(summons()).trouble
    assert peer.requests == []


def test_the_end_of_the_process_ends_the_pauses(peer: Any) -> None:
    peer.script = [peer.answer(500)]
    taken = webhook(peer.url, wait=lambda s: True).call(summons())
    assert "kioskd is ending" in taken.trouble and len(peer.requests) == 1


def test_proxies_of_the_environment_are_ignored(peer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    peer.script = [peer.answer(200)]
    assert not webhook(peer.url, attempts=1).call(summons()).trouble


def test_the_token_is_in_no_sentence(peer: Any, caplog: pytest.LogCaptureFixture) -> None:
    def unreadable() -> str:
        raise ValueError(f"cannot take {TOKEN}")

    said = [
        webhook(peer.url, token=unreadable).call(summons()),
        webhook(peer.url, token=lambda: TOKEN + "\n").call(summons()),
    ]
    assert all(taken.trouble for taken in said) and peer.requests == []
    peer.script = [peer.answer(401), peer.answer(200, json.dumps({"say": f"I got {TOKEN}"}).encode())]
    said += [webhook(peer.url).call(summons()), webhook(peer.url).call(summons())]
    assert said[2].trouble == "the webhook refuses the token (HTTP 401); see action.staff.token."
    assert said[3].say == "I got ***"
    assert TOKEN not in repr(said) + caplog.text


@pytest.mark.parametrize("url", ["http://hooks.example/", "https://user:word@hooks.example/", ""])
def test_unsafe_addresses_make_no_webhook(url: str) -> None:
    with pytest.raises(ValueError):
        webhook(url)
