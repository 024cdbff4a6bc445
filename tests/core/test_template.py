"""What the model says can never become more than a value."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kioskd.core.template import Unfilled, address, body, command, names

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


def test_every_place_is_named() -> None:
    template = {"a": "{x} and {y}", "b": ["{z}", 3, {"c": "{x}"}], "d": "{not a name} {}"}
    assert sorted(names(template)) == ["x", "x", "y", "z"]
    assert list(names(("/bin/echo", "--", "{text}"))) == ["text"]


def test_an_argument_of_an_address_is_encoded() -> None:
    filled = address("https://h/call/{who}?floor={n}&up={up}", {"who": "a/b?c#d e\r\nX: y", "n": -2, "up": True})
    assert filled == "https://h/call/a%2Fb%3Fc%23d%20e%0D%0AX%3A%20y?floor=-2&up=true"


@given(who=TEXT, what=TEXT)
@settings(max_examples=200, deadline=None)
def test_whatever_is_said_the_host_and_the_shape_of_an_address_stay(who: str, what: str) -> None:
    try:
        filled = address("https://door.example.org:8443/a/{who}/b?x={what}", {"who": who, "what": what})
    except Unfilled:
        assert {"", ".", ".."} & set(re.split(r"[/\\\\]", who))
        return
    parts = urlsplit(filled)
    assert (parts.scheme, parts.netloc) == ("https", "door.example.org:8443")
    assert unquote(parts.path.split("/")[2]) == who and unquote(parts.query[2:]) == what
    assert parts.path.count("/") == 3 and "#" not in filled


@pytest.mark.parametrize("values", [{"a": "..", "b": ""}, {"a": ".", "b": "."}, {"a": ".", "b": ""}])
def test_no_argument_leads_to_another_path(values: dict[str, object]) -> None:
    with pytest.raises(Unfilled, match="may not be"):
        address("https://h/x/{a}{b}/y", values)
    assert address("https://h/x?p={a}{b}", values)


@pytest.mark.parametrize(("values", "why"), [({}, "'a' is missing"), ({"a": [1]}, "must be a text or a number")])
def test_what_cannot_be_filled_in_is_a_sentence(values: dict[str, object], why: str) -> None:
    for fill in (lambda: address("https://h/{a}", values), lambda: command(["/bin/x", "{a}"], values)):
        with pytest.raises(Unfilled, match=why):
            fill()


def test_a_body_keeps_types_and_leaves_out_what_is_not_given() -> None:
    template = {"n": "{n}", "list": ["{n}", "{gone}"], "text": "room {n}", "gone": "{gone}", "fixed": True}
    assert body(template, {"n": 4}) == {"n": 4, "list": [4], "text": "room 4", "fixed": True}
    with pytest.raises(Unfilled):
        body({"text": "to {gone}"}, {})


def test_an_argument_of_a_program_is_one_whole_item() -> None:
    said = "x; rm -rf / $(reboot) `id` 'a' \"b\"\n*"
    assert command(["/bin/x", "{a}", "{n}", "a{a}"], {"a": said, "n": 3}) == ["/bin/x", said, "3", "a{a}"]


def test_an_argument_is_never_an_option() -> None:
    with pytest.raises(Unfilled, match="may not begin"):
        command(["/bin/x", "{a}"], {"a": "--exec=sh"})
    with pytest.raises(Unfilled, match="may not begin"):
        command(["/bin/x", "{a}", "--"], {"a": -1})
    assert command(["/bin/x", "--", "{a}"], {"a": "--exec=sh"}) == ["/bin/x", "--", "--exec=sh"]
    with pytest.raises(Unfilled, match="no program takes"):
        command(["/bin/x", "{a}"], {"a": "a\0b"})


@pytest.mark.parametrize("said", ["", ".", "..", "../../doors/2", "a/../..", "..\\x", "a/", "/a", "a//b"])
def test_an_argument_leads_to_no_other_path_even_where_a_server_takes_an_encoded_slash_for_one(said: str) -> None:
    with pytest.raises(Unfilled):
        address("https://h/doors/{door}/open", {"door": said})
    assert address("https://h/doors?is={door}", {"door": said}).startswith("https://h/doors?is=")
