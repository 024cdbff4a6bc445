"""A request goes where the owner said, with what the model said in its place and nowhere else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kioskd.actions.request import MOST_TOLD, Request, told
from kioskd.config.action import HttpAction
from kioskd.core.words import CallKey

KEY = CallKey("hydra", "sess_1", 'call_1"\r\nX: y')
TOKEN = "s3cr3t-t0ken"


def request(url: str, token: Any = None, **keys: Any) -> Request:
    return Request("call_lift", HttpAction(url=url, **keys), "lobby", token)


def test_arguments_stand_in_path_query_and_body(peer: Any) -> None:
    peer.script = [peer.answer(200, b'{"arrives_in_s": 12}')]
    lift = request(
        peer.url + "/{shaft}?floor={floor}&by={kiosk}", method="POST", body={"to": "{floor}", "as": "f{floor}"}
    )
    outcome = lift.run(KEY, {"shaft": "a/b", "floor": 3})
    assert outcome == (True, '{"status": 200, "answer": {"arrives_in_s": 12}}', "", "")
    ((path, headers, body),) = peer.requests
    assert path == "/call/a%2Fb?floor=3&by=lobby" and body == {"to": 3, "as": "f3"}
    assert peer.methods == ["POST"] and headers["Content-Type"] == "application/json"
    assert headers["Idempotency-Key"] == json.dumps(str(KEY))


def test_the_kiosk_may_get_another_name(peer: Any) -> None:
    lift = request(peer.url + "?by={kiosk}")
    lift.rename("the gate")
    lift.run(KEY, {})
    assert peer.requests[0][0] == "/call?by=the%20gate"


def test_a_get_has_neither_body_nor_idempotency_key(peer: Any) -> None:
    request(peer.url, headers={"X-Kiosk": "lobby", "X-Number": 3}).run(KEY, {})
    ((_, headers, body),) = peer.requests
    assert body is None and "Idempotency-Key" not in headers and "Content-Type" not in headers
    assert headers["X-Kiosk"] == "lobby" and headers["X-Number"] == "3"


def test_the_model_may_be_told_a_part_of_the_answer(peer: Any) -> None:
    peer.always = peer.answer(200, b'{"lift": {"eta": 12}, "secret": 1}')
    assert json.loads(request(peer.url, pointer="/lift/eta").run(KEY, {}).result) == {"status": 200, "answer": 12}
    missing = request(peer.url, pointer="/stairs").run(KEY, {})
    assert missing.ok and json.loads(missing.result) == {"status": 200} and "nothing at /stairs" in missing.reason


def test_an_answer_may_hold_a_sentence_for_the_visitor(peer: Any) -> None:
    peer.script = [peer.answer(200, b'{"say": "The lift\\ncomes."}'), peer.answer(200, b"plain text"), peer.answer(204)]
    assert request(peer.url).run(KEY, {}).say == "The lift comes."
    assert json.loads(request(peer.url).run(KEY, {}).result)["answer"] == "plain text"
    assert json.loads(request(peer.url).run(KEY, {}).result)["answer"] is None


def test_an_argument_that_does_not_fit_is_a_sentence_and_nothing_is_sent(peer: Any) -> None:
    for url, values, why in (
        (peer.url + "/{x}", {}, "argument 'x' is missing"),
        (peer.url + "/{x}", {"x": [1]}, "must be a text or a number"),
        (peer.url + "/{x}/y", {"x": ".."}, "may not be"),
    ):
        outcome = request(url).run(KEY, values)
        assert not outcome.ok and why in outcome.reason and "call_lift" in outcome.reason
    assert peer.requests == []


def test_it_is_asked_once_only(peer: Any) -> None:
    peer.always = peer.answer(503)
    outcome = request(peer.url, method="POST").run(KEY, {})
    assert outcome.reason == "call_lift: the service answered HTTP 503." and len(peer.requests) == 1


def test_a_long_answer_was_an_answer_all_the_same(peer: Any) -> None:
    peer.script = [peer.answer(200, b"x" * 1025)]
    outcome = request(peer.url, most_kb=1).run(KEY, {})
    assert outcome.ok and "longer than 1024 bytes" in outcome.reason and json.loads(outcome.result) == {"status": 200}


def test_the_token_is_in_no_sentence(peer: Any) -> None:
    peer.script = [peer.answer(200, json.dumps({"echo": f"Bearer {TOKEN}"}).encode()), peer.answer(403)]
    lift = request(peer.url, lambda: TOKEN)
    assert "***" in lift.run(KEY, {}).result
    assert lift.run(KEY, {}).reason == "call_lift: the service refuses the token (HTTP 403); see action.http.token."
    assert all(headers["Authorization"] == f"Bearer {TOKEN}" for _, headers, _ in peer.requests)
    assert "holds characters" in request(peer.url, lambda: "a\nb").run(KEY, {}).reason


@pytest.mark.parametrize("url", ["http://lift.example/", "file:///etc/passwd", "https://u:p@lift.example/"])
def test_unsafe_addresses_make_no_request(url: str) -> None:
    with pytest.raises(ValueError):
        request(url)


def test_what_is_told_is_bounded() -> None:
    short = told({"status": 200}, "answer", {"a": 1})
    assert json.loads(short) == {"status": 200, "answer": {"a": 1}}
    long = json.loads(told({"status": 200}, "answer", ["x" * 5000]))
    assert long["cut"] and len(long["answer"]) == MOST_TOLD


def test_a_model_that_names_another_kiosk_is_not_believed(peer: Any) -> None:
    # With additionalProperties a tool takes arguments that its owner has not named.
    request(peer.url + "?by={kiosk}&call={call_id}").run(KEY, {"kiosk": "the vault", "call_id": "x"})
    assert peer.requests[0][0].startswith("/call?by=lobby&call=call_1")


def test_a_token_that_comes_back_in_other_characters_is_taken_out(peer: Any) -> None:
    peer.script = [peer.answer(200, b'{"you sent": ["Bearer s3cr3t\\u002dt0ken"], "s3cr3t\\u002dt0ken": 1}')]
    outcome = request(peer.url, lambda: TOKEN).run(KEY, {})
    assert json.loads(outcome.result)["answer"] == {"you sent": ["Bearer ***"], "***": 1}
