"""Only a signed yes to this very question counts."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kioskd.actions.acknowledgement import MOST_ANSWER_BYTES, Answer, Question, call_of, sign

KEY = b"the key of this device"
QUESTION = Question("front-door", "Lobby", "unlock_door", call_of("e", "s1", "c1"), "a1" * 16, 1_790_000_000)


def answer(question: Question = QUESTION, ok: Any = True, by: Any = "Anna", key: bytes = KEY, **more: Any) -> bytes:
    mac = sign(key, question.answer_text(ok is True, str(by)))
    return json.dumps({"ask": question.ask, "ok": ok, "by": by, "mac": mac, **more}).encode()


def test_a_signed_yes_and_a_signed_no_are_read() -> None:
    assert QUESTION.read(KEY, answer()) == Answer(True, "Anna")
    assert QUESTION.read(KEY, answer(ok=False)) == Answer(False, "Anna")
    assert QUESTION.read(KEY, answer(by="", note="other keys do not matter")) == Answer(True, "")


def test_a_question_is_signed_too_and_names_no_session() -> None:
    told = json.loads(QUESTION.message(KEY))
    assert told["mac"] == sign(KEY, QUESTION.asked_text())
    assert {"s1", "c1"}.isdisjoint(str(value) for value in told.values())


@pytest.mark.parametrize(
    "other",
    [
        replace(QUESTION, device="back-door"),
        replace(QUESTION, call=call_of("e", "s1", "c2")),
        replace(QUESTION, ask="b2" * 16),
        replace(QUESTION, expires_at=QUESTION.expires_at + 1),
    ],
    ids=["another device", "another call", "another question", "another end"],
)
def test_an_answer_to_something_else_is_none(other: Question) -> None:
    assert QUESTION.read(KEY, answer(other)) is None
    forged = json.loads(answer(other)) | {"ask": QUESTION.ask}
    assert QUESTION.read(KEY, json.dumps(forged).encode()) is None


def test_another_key_signs_nothing() -> None:
    assert QUESTION.read(KEY, answer(key=b"the key of another device")) is None
    assert QUESTION.read(b"", answer()) is None


def test_a_no_cannot_be_made_a_yes_nor_another_name_put_in() -> None:
    told = json.loads(answer(ok=False))
    assert QUESTION.read(KEY, json.dumps(told | {"ok": True}).encode()) is None
    assert QUESTION.read(KEY, json.dumps(json.loads(answer()) | {"by": "Bob"}).encode()) is None


def test_the_question_itself_is_no_answer() -> None:
    assert QUESTION.read(KEY, QUESTION.message(KEY)) is None
    echoed = json.loads(QUESTION.message(KEY)) | {"ok": True}
    assert QUESTION.read(KEY, json.dumps(echoed).encode()) is None


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"[]", b"null", b"[" * 5000, b"\xff\xfe", b'{"ok": true}', b"x" * (MOST_ANSWER_BYTES + 1)],
)
def test_rubbish_is_none(raw: bytes) -> None:
    assert QUESTION.read(KEY, raw) is None


@pytest.mark.parametrize(("name", "value"), [("ok", 1), ("ok", "true"), ("mac", 7), ("mac", "\ud800"), ("by", None)])
def test_values_of_another_kind_are_none(name: str, value: Any) -> None:
    told = json.loads(answer()) | {name: value}
    assert QUESTION.read(KEY, json.dumps(told).encode()) is None


def test_a_name_that_would_steer_a_terminal_is_none() -> None:
    assert QUESTION.read(KEY, answer(by="\x1b[2J")) is None and QUESTION.read(KEY, answer(by="a" * 65)) is None


@settings(max_examples=150, deadline=None)
@given(st.lists(st.text(), min_size=4, max_size=4), st.lists(st.text(), min_size=4, max_size=4))
def test_no_two_questions_make_the_same_text(one: list[str], other: list[str]) -> None:
    first = Question(one[0], "", "", one[1], one[2], 1).answer_text(True, one[3])
    second = Question(other[0], "", "", other[1], other[2], 1).answer_text(True, other[3])
    assert (first == second) == (one == other)


def test_the_mac_is_what_others_make_of_the_documented_lines() -> None:
    """As docs/confirming.md shows it, written by hand."""
    parts = ["kioskd-confirm-1", "answer", "front-door", QUESTION.call, QUESTION.ask, "1790000000", "yes", "Anna"]
    text = "".join(f"{len(part)}:{part}\n" for part in parts)
    assert sign(KEY, QUESTION.answer_text(True, "Anna")) == hmac.new(KEY, text.encode(), hashlib.sha256).hexdigest()
