"""A call for a person, in JSON and in words."""

from __future__ import annotations

import json

import pytest

from kioskd.actions.summons import Summons, Taken, line, plain, read_answer
from kioskd.core.words import CallKey

CALL = Summons("lobby", "call_staff", CallKey("hydra", "s", "call_1"), "a1", {"why": "a\nb", "floor": 3}, 0.0)


def test_a_call_says_where_who_and_why() -> None:
    assert json.loads(CALL.body()) == {
        "kiosk": "lobby",
        "call_id": "call_1",
        "answer_id": "a1",
        "tool": "call_staff",
        "arguments": {"why": "a\nb", "floor": 3},
        "at": "1970-01-01T00:00:00Z",
    }
    assert CALL.text() == ("The kiosk lobby asks for help (call_staff), 1970-01-01T00:00:00Z.\n\nwhy: a b\nfloor: 3\n")


def test_an_answer_may_say_who_comes() -> None:
    assert read_answer(b'{"say": "I am\\non my way.", "answered_by": "Anna"}') == Taken("", "I am on my way.", "Anna")


@pytest.mark.parametrize("body", [b"", b"ok", b"[1]", b'{"say": 3, "answered_by": ["x"]}', b"\xff", b"[" * 9000])
def test_most_answers_say_nothing(body: bytes) -> None:
    assert read_answer(body) == Taken("")


def test_what_is_said_is_one_bounded_line() -> None:
    assert line("a\r\n\x1b[1m  b" + "x" * 300, 10) == "a [1m bxxx" and line(3, 10) == ""
    assert plain(3.5, 10) == "3.5" and plain(True, 10) == "" and plain({"a": 1}, 10) == ""
