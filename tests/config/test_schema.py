from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kioskd.config.schema import KEYWORDS, check_schema


def found(schema: Any) -> list[str]:
    return [f"{one.key}: {one.sentence}" for one in check_schema("p", schema)]


def only(schema: Any) -> str:
    sentences = found(schema)
    assert len(sentences) == 1, sentences
    return sentences[0]


def of(schema: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"a": schema}}


def test_no_arguments_need_no_schema() -> None:
    assert found({}) == []


def test_every_supported_keyword_passes() -> None:
    schema = {
        "type": "object",
        "description": "all of them",
        "additionalProperties": False,
        "required": ["a"],
        "properties": {
            "a": {
                "type": "string",
                "enum": ["x", "y"],
                "default": "x",
                "minLength": 1,
                "maxLength": 5,
                "pattern": "x|y",
            },
            "b": {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 9}},
            "c": {},
        },
    }
    assert found(schema) == []


@pytest.mark.parametrize("schema", [{"type": "string"}, {"properties": {}}, {"type": ["object"]}])
def test_arguments_are_an_object(schema: Any) -> None:
    assert "p: must have 'type: object'" in found(schema)[0]


def test_a_keyword_that_nobody_would_check_is_an_error() -> None:
    assert only(of({"oneOf": []})).startswith("p.properties.a.oneOf: this keyword is not supported")


def test_a_misspelt_keyword_gets_the_nearest_one() -> None:
    assert only(of({"maxlength": 3})).endswith("did you mean 'maxLength'?")


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "text"}, "p.properties.a.type: must be object, array, string"),
        ({"enum": []}, "p.properties.a.enum: must be a list with at least one value"),
        ({"enum": "x"}, "p.properties.a.enum: must be a list"),
        ({"minimum": "1"}, "p.properties.a.minimum: must be a number"),
        ({"minimum": True}, "p.properties.a.minimum: must be a number"),
        ({"minLength": -1}, "p.properties.a.minLength: must be a whole number"),
        ({"maxLength": 1.5}, "p.properties.a.maxLength: must be a whole number"),
        ({"description": 5}, "p.properties.a.description: must be text"),
        ({"additionalProperties": "no"}, "p.properties.a.additionalProperties: must be true or false"),
        ({"items": "string"}, "p.properties.a.items: must be a schema"),
        ({"pattern": "("}, "p.properties.a.pattern: is not a regular expression"),
        ({"pattern": "a" * 201}, "p.properties.a.pattern: must be text of at most 200 characters"),
        ({"pattern": "a{99999999999999999999}"}, "p.properties.a.pattern: is not a regular expression"),
        ({"properties": []}, "p.properties.a.properties: must be a group"),
        ({"required": "x"}, "p.properties.a.required: must be a list of names"),
        ({"required": ["x"], "properties": {}}, "p.properties.a.required: names x, which properties does not have"),
        ({"minimum": 5, "maximum": 4}, "p.properties.a.minimum: is above maximum"),
        ({"minLength": 5, "maxLength": 4}, "p.properties.a.minLength: is above maxLength"),
        ({"enum": ["a"], "default": "b"}, "p.properties.a.default: is not one of enum"),
        ("string", "p.properties.a: must be a schema"),
        ({"properties": {"bad name": {}}}, "names of arguments are 1 to 64 letters"),
    ],
)
def test_each_keyword_is_held_to_its_shape(schema: Any, said: str) -> None:
    assert said in only(of(schema))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(KEYWORDS) | st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(KEYWORDS), JSON, max_size=5))
def test_no_schema_raises(schema: Any) -> None:
    for sentence in found(schema):
        assert sentence.startswith("p")
