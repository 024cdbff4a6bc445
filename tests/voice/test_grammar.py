"""What a visitor may say, made from tools."""

from __future__ import annotations

from typing import Any

from kioskd.core.phrases import describe
from kioskd.voice.grammar import MAX_REQUESTS, Grammar, bare, build, strip_manners, words_of


def tool(name: str, *phrases: str, **more: Any) -> dict[str, Any]:
    return {"type": "function", "name": name, "description": describe("Does it.", phrases), **more}


def said(grammar: Grammar) -> list[str]:
    return [" ".join(request.words) for request in grammar.requests]


def test_phrases_become_requests_without_their_manners() -> None:
    grammar = build([tool("unlock_door", "please unlock the front door", "Could you open the door, please?")])
    assert said(grammar) == ["unlock the front door", "open the door"]
    assert {request.tool for request in grammar.requests} == {"unlock_door"}


def test_without_phrases_the_name_is_the_phrase() -> None:
    assert said(build([tool("unlock_door"), tool("callStaff"), {"name": "read_sensor_2"}])) == [
        "unlock door",
        "call staff",
        "read sensor",
    ]


def test_articles_do_not_make_another_request() -> None:
    grammar = build([tool("a", "open the door", "open door", "open a door")])
    assert said(grammar) == ["open the door"]


def test_of_two_tools_with_one_phrase_the_first_is_meant() -> None:
    grammar = build([tool("front", "open the door"), tool("back", "open door")])
    assert [request.tool for request in grammar.requests] == ["front"]


def test_opposites_and_questions_are_decoys() -> None:
    decoys = {" ".join(words) for words in build([tool("unlock_door", "unlock the front door")]).decoys}
    assert {"lock the front door", "is the front door open", "the front door is locked"} <= decoys
    assert "unlock the front door" not in decoys


def test_a_decoy_that_another_tool_asks_for_is_none() -> None:
    grammar = build([tool("on", "turn on the light"), tool("off", "turn off the light")])
    assert grammar.decoys == ()


def test_a_slot_is_filled_from_the_enumeration() -> None:
    parameters = {"properties": {"room": {"type": "string", "enum": ["kitchen", "meeting_room"]}}}
    grammar = build([tool("light", "turn on the light in the {room}", parameters=parameters)])
    assert said(grammar) == ["turn on the light in the kitchen", "turn on the light in the meeting room"]
    assert [request.arguments for request in grammar.requests] == [(("room", "kitchen"),), (("room", "meeting_room"),)]


def test_a_slot_without_a_list_is_refused() -> None:
    grammar = build([tool("light", "turn on the {lamp}", "lights on")])
    assert said(grammar) == ["lights on"]
    assert grammar.refused == ("turn on the {lamp} ({lamp} has no list of words to choose from)",)


def test_phrases_beyond_the_bound_are_refused_and_said() -> None:
    words = [f"{left}{right}" for left in "abcdefghij" for right in "abcdefghijklmnopqrstuvwxyz"]
    parameters = {"properties": {"x": {"enum": words}, "y": {"enum": words}}}
    grammar = build([tool("many", "do {x} to {y}", parameters=parameters), tool("one", "call staff")])
    assert len(grammar.requests) == MAX_REQUESTS
    assert len(grammar.refused) == 2 and "more than 200 phrases" in grammar.refused[0]


def test_two_long_enumerations_of_one_word_end() -> None:
    parameters = {"properties": {"x": {"enum": ["a b"] * 50_000}, "y": {"enum": ["c"] * 50_000}}}
    assert len(build([tool("many", "do {x} to {y}", parameters=parameters)]).requests) == 1


def test_tools_of_any_shape_do_no_harm() -> None:
    strange: list[Any] = [
        {},
        {"name": 5},
        {"name": "x", "description": 7, "parameters": []},
        {"name": "", "parameters": {"properties": {"a": 3, "b": {"enum": [1]}}}},
        tool("hello", "please", "!!!"),
    ]
    grammar = build(strange)
    assert said(grammar) == ["x", "please"]


def test_words_and_manners() -> None:
    assert words_of("Don’t — open 'it', NOW!") == ("don't", "open", "it", "now")
    assert strip_manners(words_of("Hello, could you please open the door, thank you")) == ("open", "the", "door")
    assert strip_manners(words_of("please")) == ()
    assert bare(("open", "the", "door")) == ("open", "door")
