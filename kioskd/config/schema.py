"""Whether a tool's ``parameters`` are a JSON Schema that the policy can enforce: a small, closed set of keywords.

A keyword that nobody checks at call time would be a promise that the device does not keep, so it is an error.
"""

from __future__ import annotations

import difflib
import re
from typing import Any, Iterator, Mapping, TypeGuard

from kioskd.config.findings import Finding
from kioskd.config.keys import join, words

TYPES = ("object", "array", "string", "integer", "number", "boolean", "null")
KEYWORDS = (
    "type properties required enum minimum maximum minLength maxLength description additionalProperties items "
    "pattern default"
).split()

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_LONGEST_PATTERN = 200  # a guess; the arguments come from outside, and a long pattern is a slow one


def check_schema(path: str, schema: Mapping[str, object]) -> Iterator[Finding]:
    """Findings about the schema of a tool's arguments: an object schema, or empty for a tool without arguments."""
    if not schema:
        return
    if schema.get("type") != "object":
        yield Finding(path, "must have 'type: object': a tool's arguments have names")
    yield from _schema(path, schema)


def _schema(path: str, schema: object) -> Iterator[Finding]:
    if not isinstance(schema, Mapping):
        yield Finding(path, "must be a schema: a group of keys such as type and description")
        return
    for keyword, value in schema.items():
        at = join(path, keyword)
        check = _CHECKS.get(keyword)
        if check is None:
            close = difflib.get_close_matches(keyword, KEYWORDS, n=1)
            hint = f"did you mean '{close[0]}'?" if close else f"supported are {words(KEYWORDS, 'and')}"
            yield Finding(at, f"this keyword is not supported, nobody would check it; {hint}")
        else:
            yield from check(at, value)
    yield from _pairs(path, schema)


def _pairs(path: str, schema: Mapping[str, Any]) -> Iterator[Finding]:
    """What one keyword promises of another."""
    properties, required = schema.get("properties", {}), schema.get("required", [])
    if isinstance(required, list) and isinstance(properties, Mapping):
        unknown = [name for name in required if isinstance(name, str) and name not in properties]
        if unknown:
            yield Finding(f"{path}.required", f"names {words(unknown, 'and')}, which properties does not have")
    for low, high in (("minimum", "maximum"), ("minLength", "maxLength")):
        least, most = schema.get(low), schema.get(high)
        if _is_number(least) and _is_number(most) and least > most:
            yield Finding(f"{path}.{low}", f"is above {high}: no argument would pass")
    values = schema.get("enum")
    if "default" in schema and isinstance(values, list) and schema["default"] not in values:
        yield Finding(f"{path}.default", "is not one of enum")


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _type(path: str, value: object) -> Iterator[Finding]:
    if value not in TYPES:
        yield Finding(path, f"must be {words(TYPES)}")


def _properties(path: str, value: object) -> Iterator[Finding]:
    if not isinstance(value, Mapping):
        yield Finding(path, "must be a group: one key for each argument")
        return
    for name, schema in value.items():
        if not _NAME.fullmatch(name):
            yield Finding(path, "names of arguments are 1 to 64 letters, digits, '_' or '-'")
        else:
            yield from _schema(join(path, name), schema)


def _names(path: str, value: object) -> Iterator[Finding]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        yield Finding(path, "must be a list of names")


def _enum(path: str, value: object) -> Iterator[Finding]:
    if not isinstance(value, list) or not value:
        yield Finding(path, "must be a list with at least one value")


def _number(path: str, value: object) -> Iterator[Finding]:
    if not _is_number(value):
        yield Finding(path, "must be a number")


def _length(path: str, value: object) -> Iterator[Finding]:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        yield Finding(path, "must be a whole number, 0 or more")


def _text(path: str, value: object) -> Iterator[Finding]:
    if not isinstance(value, str):
        yield Finding(path, "must be text")


def _switch(path: str, value: object) -> Iterator[Finding]:
    if not isinstance(value, bool):
        yield Finding(path, "must be true or false")


def _pattern(path: str, value: object) -> Iterator[Finding]:
    if not isinstance(value, str) or len(value) > _LONGEST_PATTERN:
        yield Finding(path, f"must be text of at most {_LONGEST_PATTERN} characters")
        return
    try:
        re.compile(value)
    except (re.error, RecursionError, OverflowError):
        yield Finding(path, "is not a regular expression; is a bracket not closed?")


def _any(path: str, value: object) -> Iterator[Finding]:
    return iter(())


_CHECKS = {
    "type": _type,
    "properties": _properties,
    "required": _names,
    "enum": _enum,
    "minimum": _number,
    "maximum": _number,
    "minLength": _length,
    "maxLength": _length,
    "description": _text,
    "additionalProperties": _switch,
    "items": _schema,
    "pattern": _pattern,
    "default": _any,
}
