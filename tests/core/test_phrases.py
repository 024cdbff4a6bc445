"""The convention that carries a tool's example phrases inside its description."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from kioskd.core.phrases import MAX_PHRASE_CHARS, describe, phrases_in, tidy


def test_the_convention_as_it_stands_on_the_wire() -> None:
    described = describe("Unlock the front door.", ["please unlock the front door", "open the door"])
    assert described == 'Unlock the front door. For example: "please unlock the front door"; "open the door".'
    assert phrases_in(described) == ("please unlock the front door", "open the door")


def test_without_phrases_a_description_stays_as_it_is() -> None:
    assert describe("Call a person.", []) == "Call a person."
    assert describe("Call a person.", ["", '  "" ']) == "Call a person."
    assert phrases_in("Call a person.") == ()


def test_an_empty_description_can_still_carry_examples() -> None:
    assert describe("", ["call staff"]) == 'For example: "call staff".'
    assert phrases_in('For example: "call staff".') == ("call staff",)


def test_a_quote_or_a_line_break_in_a_phrase_does_not_break_the_list() -> None:
    assert phrases_in(describe("x", ['say "open"\nnow', "two"])) == ("say open now", "two")


def test_other_ways_of_writing_examples_are_understood() -> None:
    assert phrases_in("Opens it. Examples: “open it”, “let me in”.") == ("open it", "let me in")
    assert phrases_in('Opens it, e.g. "open it" or "let me in"') == ("open it", "let me in")
    assert phrases_in('FOR EXAMPLE "open it"') == ("open it",)


def test_a_quoted_word_that_is_no_example_is_not_taken() -> None:
    assert phrases_in('Opens the "blue" door.') == ()
    assert phrases_in('Opens the "blue" door. For example: "open up".') == ("open up",)


def test_a_phrase_that_stands_twice_is_given_once() -> None:
    assert phrases_in(describe("", ["open", "open", "shut"])) == ("open", "shut")


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet=st.characters(exclude_characters='"“”')), st.lists(st.text(max_size=200), max_size=6))
def test_what_is_described_is_found_again(description: str, phrases: list[str]) -> None:
    expected = tuple(dict.fromkeys(phrase for phrase in map(tidy, phrases) if phrase))
    found = phrases_in(describe(description, phrases))
    assert found == expected
    assert all(len(phrase) <= MAX_PHRASE_CHARS for phrase in found)
