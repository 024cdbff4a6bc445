"""An answer names its call, serves once, and is waited for no longer than the owner said."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest

from kioskd.actions.answering import Answering
from kioskd.actions.summons import Summons, Taken
from kioskd.config.action import StaffAnswer
from kioskd.core.words import CallKey

CALL = Summons("lobby", "call_staff", CallKey("hydra", "s", "call_1"), "a1", {}, 0.0)


def answering(stopping: threading.Event | None = None, token: Any = None, **keys: Any) -> Answering:
    return Answering("call_staff", StaffAnswer(**keys), token, (stopping or threading.Event()).wait)


def said(**fields: object) -> bytes:
    return json.dumps(fields).encode()


def test_an_answer_that_came_before_it_was_waited_for_counts() -> None:
    waiting = answering(topic="a")
    waiting.expect("a1")
    waiting.put(said(answer_id="a1", answered_by="Anna", say="Coming."))
    assert waiting.wait_for(CALL) == Taken("", "Coming.", "Anna")


def test_the_first_answer_serves_and_no_other() -> None:
    waiting = answering(topic="a")
    waiting.expect("a1")
    waiting.put(said(answer_id="a1", answered_by="Anna"))
    waiting.put(said(answer_id="a1", answered_by="Ben"))
    assert waiting.wait_for(CALL).answered_by == "Anna" and waiting.strays == 1


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        said(answer_id="other", answered_by="Eve"),
        said(answer_id=["a1"], answered_by="Eve"),
        said(answer_id="a1"),
        said(answer_id="a1", answered_by=" "),
        said(answered_by="Eve"),
    ],
)
def test_what_names_no_call_or_nobody_is_no_answer(payload: bytes) -> None:
    waiting = answering(topic="a", within_s=0.05)
    waiting.expect("a1")
    waiting.put(payload)
    assert waiting.wait_for(CALL).trouble == "nobody answered within 0.05 s" and waiting.strays == 1


def test_a_call_that_is_forgotten_is_answered_no_more() -> None:
    waiting = answering(topic="a")
    waiting.expect("a1")
    waiting.forget("a1")
    waiting.put(said(answer_id="a1", answered_by="Anna"))
    assert waiting.strays == 1


def test_the_end_of_the_process_ends_the_wait() -> None:
    stopping = threading.Event()
    waiting = answering(stopping, topic="a", within_s=60)
    waiting.expect("a1")
    threading.Timer(0.05, stopping.set).start()
    began = time.monotonic()
    assert "kioskd is ending" in waiting.wait_for(CALL).trouble
    assert time.monotonic() - began < 10


def test_a_refused_token_ends_the_wait_at_once(peer: Any) -> None:
    peer.always = peer.answer(403)
    waiting = answering(url=peer.url, within_s=60, token=lambda: "s3cr3t")
    began = time.monotonic()
    found = waiting.wait_for(CALL)
    assert found.trouble == "the answer's address refuses the token (HTTP 403); see action.staff.token."
    assert time.monotonic() - began < 10 and len(peer.requests) == 1


def test_an_address_that_fails_is_asked_again_and_told_at_the_end(peer: Any) -> None:
    peer.always = peer.answer(500)
    waiting = answering(url=peer.url, every_s=0.02, within_s=0.2)
    found = waiting.wait_for(CALL)
    assert found.trouble == "nobody answered within 0.2 s (the answer's address answered HTTP 500.)"
    assert len(peer.requests) > 1


def test_a_refused_token_does_not_close_the_ear_for_the_broker(peer: Any) -> None:
    peer.always = peer.answer(401)
    waiting = answering(token=lambda: "t", url=peer.url + "/{answer_id}", topic="a", within_s=20.0)
    waiting.expect("a1")
    threading.Timer(0.2, waiting.put, (said(answer_id="a1", answered_by="Anna"),)).start()
    assert waiting.wait_for(CALL) == Taken("", "", "Anna")
