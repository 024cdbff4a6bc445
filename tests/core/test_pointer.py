"""One value out of an answer."""

from __future__ import annotations

import pytest

from kioskd.core.pointer import Missing, look_up, problem

# The examples of RFC 6901 section 5, in words of our own.
DOCUMENT = {"rooms": ["hall", "lift"], "": 0, "a/b": 1, "m~n": 8, "deep": {"er": {"0": "nought"}}}


@pytest.mark.parametrize(
    ("pointer", "value"),
    [("", DOCUMENT), ("/rooms/1", "lift"), ("/", 0), ("/a~1b", 1), ("/m~0n", 8), ("/deep/er/0", "nought")],
)
def test_a_pointer_leads_to_its_value(pointer: str, value: object) -> None:
    assert problem(pointer) == "" and look_up(DOCUMENT, pointer) == value


@pytest.mark.parametrize("pointer", ["/nobody", "/rooms/2", "/rooms/-1", "/rooms/01", "/rooms/-", "/rooms/1/x", "/a/b"])
def test_what_is_not_there_is_named(pointer: str) -> None:
    with pytest.raises(Missing, match=pointer):
        look_up(DOCUMENT, pointer)


@pytest.mark.parametrize("pointer", ["rooms", "/a~b", "/a~", "#/rooms"])
def test_what_is_no_pointer_is_a_sentence(pointer: str) -> None:
    assert "JSON pointer" in problem(pointer)
