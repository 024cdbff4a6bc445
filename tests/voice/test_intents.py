"""What a sentence asks for."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kioskd.core.phrases import describe
from kioskd.voice.grammar import HAILS, MANNERS, TAILS, build
from kioskd.voice.intents import Kind, expected_tool, interpret, understand

TOOLS: list[dict[str, Any]] = [
    {"name": "unlock_door", "description": describe("", ["please unlock the front door", "open the door"])},
    {"name": "call_staff", "description": describe("", ["call staff", "I need a person"])},
    {"name": "quiet", "description": describe("", ["do not disturb", "salt and pepper"])},
]


@pytest.mark.parametrize(
    ("text", "tools"),
    [
        ("Please unlock the front door", ["unlock_door"]),
        ("unlock front door", ["unlock_door"]),
        ("Hello, could you please open the door? Thank you very much.", ["unlock_door"]),
        ("I'd like to open the door", ["unlock_door"]),
        ("unlock the front door and call staff", ["unlock_door", "call_staff"]),
        ("call staff, then please open the door", ["call_staff", "unlock_door"]),
        ("call staff and then open the door and salt and pepper", ["call_staff", "unlock_door", "quiet"]),
        ("salt and pepper", ["quiet"]),
        ("do not disturb", ["quiet"]),
    ],
)
def test_requests_are_understood(text: str, tools: list[str]) -> None:
    intent = understand(text, TOOLS)
    assert (intent.kind, [call.tool for call in intent.calls]) == (Kind.CALLS, tools)
    assert expected_tool(text, TOOLS) == tools[0]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Do not unlock the front door", Kind.NEGATED),
        ("Do not unlock the door", Kind.NEGATED),
        ("please don't open the door", Kind.NEGATED),
        ("never open the door", Kind.NEGATED),
        ("could you not open the door", Kind.NEGATED),
        ("open the door and do not call staff", Kind.NEGATED),
        ("lock the front door", Kind.CONTRARY),
        ("close the door please", Kind.CONTRARY),
        ("is the door open", Kind.CONTRARY),
        ("the front door is locked", Kind.CONTRARY),
        ("what time is it", Kind.TIME),
        ("could you tell me the time please", Kind.TIME),
        ("what can you do?", Kind.HELP),
        ("Hello!", Kind.GREETING),
        ("good morning", Kind.GREETING),
        ("thank you", Kind.THANKS),
        ("hello, thanks", Kind.THANKS),
        ("", Kind.UNKNOWN),
        ("please", Kind.UNKNOWN),
        ("open", Kind.UNKNOWN),
        ("the front door", Kind.UNKNOWN),
        ("open the door or call staff", Kind.UNKNOWN),
        ("she said open the door", Kind.UNKNOWN),
        ("open the door and", Kind.UNKNOWN),
    ],
)
def test_what_is_no_request_calls_nothing(text: str, kind: Kind) -> None:
    intent = understand(text, TOOLS)
    assert (intent.kind, intent.calls) == (kind, ())
    assert expected_tool(text, TOOLS) is None


def test_without_tools_the_service_still_tells_the_time() -> None:
    assert understand("what time is it", []).kind is Kind.TIME
    assert understand("open the door", []).kind is Kind.UNKNOWN


GRAMMAR = build(TOOLS)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(GRAMMAR.requests),
    st.lists(st.sampled_from(HAILS + MANNERS), max_size=2),
    st.lists(st.sampled_from(TAILS), max_size=2),
)
def test_manners_never_change_what_is_asked(request: Any, leads: list[str], tails: list[str]) -> None:
    text = " ".join([*leads, *request.words, *tails])
    assert interpret(text, GRAMMAR).calls == (request,)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(sorted({w for r in GRAMMAR.requests for w in r.words} | {"not", "and", "never"}))))
def test_a_negative_word_never_calls_a_tool_but_one_that_says_so(words: list[str]) -> None:
    intent = interpret(" ".join(words), GRAMMAR)
    if {"not", "never"} & set(words):
        assert all(call.tool == "quiet" for call in intent.calls) or "disturb" in words
