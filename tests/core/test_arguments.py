"""What the model sends as arguments is read strictly, and refused with a sentence that it can act on."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kioskd.core.arguments import MOST_BYTES, MOST_PATTERN_TEXT, check, is_tame

FLOOR = {
    "type": "object",
    "properties": {
        "floor": {"type": "integer", "minimum": 0, "maximum": 5},
        "name": {"type": "string", "minLength": 2, "maxLength": 10, "pattern": "^[a-z]+$"},
        "door": {"enum": ["front", "back", 1, None]},
        "level": {"type": "number"},
        "wide": {"type": "boolean"},
        "guests": {"type": "array", "items": {"type": "object", "properties": {"age": {"type": "integer"}}}},
    },
    "required": ["floor"],
}


def problem(raw: str, schema: dict[str, Any] = FLOOR) -> str:
    checked = check(schema, raw)
    assert (checked.values is None) == bool(checked.problem)
    return checked.problem


def of(**schema: Any) -> dict[str, Any]:
    return {"properties": {"x": schema}}


def test_good_arguments_come_back_as_values() -> None:
    raw = '{"floor": 3.0, "name": "ada", "door": null, "level": 2, "wide": false, "guests": [{"age": 3}]}'
    values = check(FLOOR, raw).values
    assert values == json.loads(raw)
    assert values is not None and type(values["floor"]) is int


@pytest.mark.parametrize("raw", ["", "  \n", "{}"])
def test_nothing_counts_as_no_arguments(raw: str) -> None:
    assert check({}, raw).values == {}
    assert problem(raw) == "argument 'floor' is missing"


@pytest.mark.parametrize(
    ("given_", "sentence"),
    [
        ('"floor": 7', "argument 'floor' must be at most 5, got 7"),
        ('"floor": -1', "argument 'floor' must be at least 0, got -1"),
        ('"floor": true', "argument 'floor' must be an integer, got true"),
        ('"floor": "3"', "argument 'floor' must be an integer, got \"3\""),
        ('"floor": 2.5', "argument 'floor' must be an integer, got 2.5"),
        ('"floor": null', "argument 'floor' must be an integer, got null"),
        ('"floor": 1, "wide": 1', "argument 'wide' must be a boolean, got 1"),
        ('"floor": 1, "level": false', "argument 'level' must be a number, got false"),
        ('"floor": 1, "name": "a"', "argument 'name' must have at least 2 characters, got 1"),
        ('"floor": 1, "name": "abcdefghijk"', "argument 'name' must have at most 10 characters, got 11"),
        ('"floor": 1, "name": "A1"', "argument 'name' must match the pattern ^[a-z]+$, got \"A1\""),
        ('"floor": 1, "door": "side"', 'argument \'door\' must be one of "front", "back", 1, null, got "side"'),
        ('"floor": 1, "door": true', 'argument \'door\' must be one of "front", "back", 1, null, got true'),
        ('"floor": 1, "lift": 2', "argument 'lift' is unknown; known are floor, name, door, level, wide, guests"),
        ('"floor": 1, "guests": [{}, {"age": "x"}]', "argument 'guests[1].age' must be an integer, got \"x\""),
        ('"floor": 1, "guests": [{"size": 1}]', "argument 'guests[0].size' is unknown; known are age"),
        ('"floor": 1, "floor": 2', "argument 'floor' is given twice"),
        ('"floor": 1, "guests": [{"age": 1, "age": 2}]', "argument 'age' is given twice"),
        ('"floor": NaN', "the arguments hold NaN, which is no number"),
        ('"level": -Infinity', "the arguments hold -Infinity, which is no number"),
        ('"level": 1e999', "the number 1e999 is too large"),
        ('"level": 9007199254740992', "the number 9007199254740992 is too large"),
        ('"name": "\\ud83d"', "argument 'name' holds half a character (a lone surrogate)"),
        ('"floor" 1', "the arguments are not valid JSON at character 9"),
    ],
)
def test_each_mistake_has_its_sentence(given_: str, sentence: str) -> None:
    assert problem("{" + given_ + "}") == sentence


@pytest.mark.parametrize("raw", ["[]", "3", "null", '"x"', "true"])
def test_arguments_are_an_object(raw: str) -> None:
    assert problem(raw) == f"the arguments must be a JSON object, got {raw}"


def test_size_and_depth_are_bounded() -> None:
    schema = {"additionalProperties": True}
    assert problem('{"x": "' + "a" * MOST_BYTES + '"}', schema) == "the arguments are larger than 16 KiB"
    assert problem('{"x": "' + "é" * (MOST_BYTES // 2) + '"}', schema) == "the arguments are larger than 16 KiB"
    assert problem('{"x":' + "[" * 7 + "]" * 7 + "}", schema) == ""
    deep = "the arguments are nested more than 8 levels deep"
    assert problem('{"x":' + "[" * 8 + "]" * 8 + "}", schema) == deep
    assert problem('{"x":' + "[" * 8000 + "]" * 8000 + "}", schema) == deep


def test_a_number_with_thousands_of_digits_costs_nothing() -> None:
    assert problem('{"floor": ' + "9" * 16000 + "}").startswith("the number 999")


def test_unknown_arguments_pass_only_when_the_schema_says_so() -> None:
    assert problem('{"x": {"y": [1]}}', {"additionalProperties": True}) == ""
    assert problem('{"x": 1}', {}) == "argument 'x' is unknown; this tool takes none there"
    assert "half a character" in problem('{"\\ud83d": 1}', {"additionalProperties": True})
    assert "half a character" in problem('{"x": [{"y": "\\udc00"}]}', {"additionalProperties": True})


def test_a_default_fills_in_and_is_held_to_its_own_schema() -> None:
    assert check(of(type="integer", default=2), "").values == {"x": 2}
    assert check(of(type="integer", default=2), '{"x": 3}').values == {"x": 3}
    assert problem("", of(type="integer", default=9, maximum=5)) == "argument 'x' must be at most 5, got 9"


def test_one_is_not_true() -> None:
    assert problem('{"x": 1}', of(enum=[True])) != ""
    assert problem('{"x": true}', of(enum=[1])) != ""
    assert problem('{"x": 1.0}', of(enum=[1])) == ""
    assert problem('{"x": [1, {"y": true}]}', of(enum=[[1, {"y": 1}]])) != ""
    assert problem('{"x": [1, {"y": true}]}', of(enum=[[1, {"y": True}]])) == ""


def test_a_sentence_stays_short_and_printable() -> None:
    said = problem(json.dumps({"floor": "x" * 5000}))
    assert len(said) < 150
    said = problem(json.dumps({"a\nb\x1b[31m" * 500: 1}))
    assert len(said) < 200 and said.isprintable()


@pytest.mark.parametrize(
    "pattern",
    [r"^[a-z]+ [a-z]+$", r"^\+?\d{1,3}[ -]?\d{3,12}$", r"^(\d{3}-){2}\d{4}$", r"(?i)^(north|south)\b", r"[^]+]{3}"],
)
def test_ordinary_patterns_are_tame(pattern: str) -> None:
    assert is_tame(pattern)


@pytest.mark.parametrize(
    "pattern", ["(a+)+b", "(a|a)*b", "(a?){30}b", ".*.*.*b", "(a)+(a)+(a)+(a)+b", "a?" * 30 + "b", "("]
)
def test_wild_patterns_refuse_instead_of_holding_the_loop(pattern: str) -> None:
    assert not is_tame(pattern)
    began = time.perf_counter()
    assert "could take too long" in problem(json.dumps({"x": "a" * 100}), of(type="string", pattern=pattern))
    assert time.perf_counter() - began < 1.0


pieces = st.sampled_from(["a", "b", "[ab]", ".", "a+", "a*", "b?", "a{1,3}", "(ab)", "(a|b)", "(a+)", ")+", "(", "{2}"])


@settings(max_examples=150, deadline=None)
@given(st.lists(pieces, min_size=1, max_size=12).map("".join))
def test_every_tame_pattern_is_quick(pattern: str) -> None:
    if is_tame(pattern):
        began = time.perf_counter()
        re.search(pattern + "!", "a" * MOST_PATTERN_TEXT)
        assert time.perf_counter() - began < 2.0


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from([*FLOOR["properties"], "other"]), json_values, max_size=4) | json_values)
def test_what_passes_holds_to_the_schema(sent: Any) -> None:
    values = check(FLOOR, json.dumps(sent)).values
    if values is None:
        return
    assert type(values["floor"]) is int and 0 <= values["floor"] <= 5
    assert set(values) <= set(FLOOR["properties"])
    json.dumps(values, allow_nan=False).encode()


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=40) | st.text(alphabet='{}[]":,0123456789eE-.\\utrnfalsx', max_size=40))
def test_no_text_makes_it_raise(raw: str) -> None:
    checked = check(FLOOR, raw)
    assert (checked.values is None) == bool(checked.problem)
