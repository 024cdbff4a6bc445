"""The arguments of a tool call, read and held to the tool's schema. What the model sends is untrusted text.

The schema is the subset of JSON Schema that config/schema.py admits; here unknown arguments are refused unless the
schema says ``additionalProperties: true``, and ``default`` fills in what is missing.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any, Callable, Iterator, Mapping, NamedTuple

MOST_BYTES = 16 * 1024  # a tool of a kiosk takes a handful of short values; a guess, and far above them
MOST_DEPTH = 8
# RFC 8259 section 6: integers within this are exact everywhere.
LARGEST_INTEGER = 2**53 - 1
# What a pattern is tried on, and in how many ways it may be matched there. Python's matcher backtracks, so the time
# grows with the product of the choices. Measured on x86: two unbounded repeats over 128 characters 0.7 ms, the worst
# that passes (fourteen times ``a?``, then fourteen ``a``) 77 ms; ``(a+)+b`` would take for ever.
MOST_PATTERN_TEXT = 128
MOST_CHOICES = MOST_PATTERN_TEXT**2
# How much of a wrong value is shown.
LONGEST_SHOWN = 60
LONGEST_PROBLEM = 400

_ESCAPE_OR_CLASS = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
_REPEATED_GROUP = re.compile(r"\)(?:[*+]|\{\d*,?\d*\})")
_REPEAT = re.compile(r"[*+?]|\{(\d*)(,?)(\d*)\}")


class Checked(NamedTuple):
    """Either the values, or the sentence that says what is wrong with them."""

    values: Mapping[str, object] | None
    problem: str


class _Wrong(ValueError):
    """Carries a sentence that the model can act on."""


def check(schema: Mapping[str, object], raw: str) -> Checked:
    """Read ``raw`` (JSON text; empty counts as ``{}``) and hold it to ``schema``. Never raises."""
    try:
        value = _parse(raw)
        if not isinstance(value, dict):
            raise _Wrong(f"the arguments must be a JSON object, got {_shown(value)}")
        if _deeper_than(value, MOST_DEPTH):
            raise _Wrong(f"the arguments are nested more than {MOST_DEPTH} levels deep")
        return Checked(_object("", schema, value), "")
    except _Wrong as wrong:
        return Checked(None, str(wrong)[:LONGEST_PROBLEM])


# -- reading -------------------------------------------------------------------------------------


def _parse(raw: str) -> object:
    if len(raw) > MOST_BYTES or len(raw.encode("utf-8", "surrogatepass")) > MOST_BYTES:
        raise _Wrong(f"the arguments are larger than {MOST_BYTES // 1024} KiB")
    try:
        return _DECODER.decode(raw) if raw.strip() else {}
    except _Wrong:
        raise
    except RecursionError:
        raise _Wrong(f"the arguments are nested more than {MOST_DEPTH} levels deep") from None
    except ValueError as error:
        where = f" at character {error.pos}" if isinstance(error, json.JSONDecodeError) else ""
        raise _Wrong(f"the arguments are not valid JSON{where}") from None


def _pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    # Two readers may take two different ones of a name that comes twice: what was judged must be what runs.
    values: dict[str, object] = {}
    for name, value in pairs:
        if name in values:
            raise _Wrong(f"argument '{_brief(name)}' is given twice")
        values[name] = value
    return values


def _constant(name: str) -> object:
    raise _Wrong(f"the arguments hold {name}, which is no number")


def _float(text: str) -> float:
    value = float(text)
    if not abs(value) < float("inf"):
        raise _Wrong(f"the number {_brief(text)} is too large")
    return value


def _int(text: str) -> int:
    if len(text) > 17 or abs(int(text)) > LARGEST_INTEGER:
        raise _Wrong(f"the number {_brief(text)} is too large")
    return int(text)


_DECODER = json.JSONDecoder(object_pairs_hook=_pairs, parse_constant=_constant, parse_float=_float, parse_int=_int)


def _deeper_than(value: object, levels: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    if inner is None:
        return False
    return levels == 0 or any(_deeper_than(item, levels - 1) for item in inner)


# -- the schema ----------------------------------------------------------------------------------


def _object(path: str, schema: Mapping[str, Any], given: dict[str, object]) -> dict[str, object]:
    properties: Mapping[str, Any] = schema.get("properties", {})
    values: dict[str, object] = {}
    for name, value in given.items():
        at = f"{path}.{name}" if path else name
        if name in properties:
            values[name] = _value(at, properties[name], value)
        elif schema.get("additionalProperties", False) is True:
            _text_is_clean(at, name)
            values[name] = _value(at, {}, value)
        else:
            raise _Wrong(f"argument '{_brief(at)}' is unknown; {_known(properties)}")
    for name, inner in properties.items():
        if name not in values and "default" in inner:
            values[name] = _value(f"{path}.{name}" if path else name, inner, inner["default"])
    for name in schema.get("required", ()):
        if name not in values:
            raise _Wrong(f"argument '{f'{path}.{name}' if path else name}' is missing")
    return values


def _known(properties: Mapping[str, object]) -> str:
    return f"known are {', '.join(properties)}" if properties else "this tool takes none there"


def _value(at: str, schema: Mapping[str, Any], value: object) -> object:
    kind = schema.get("type")
    if kind is not None:
        value = _typed(at, kind, value)
    values = schema.get("enum")
    if values is not None and not any(_same(value, allowed) for allowed in values):
        raise _Wrong(f"argument '{at}' must be one of {', '.join(map(_shown, values))}, got {_shown(value)}")
    if isinstance(value, str):
        _string(at, schema, value)
    elif isinstance(value, dict):
        # Without a schema of its own there is nothing to hold it to (additionalProperties: true above it).
        return _object(at, schema or {"additionalProperties": True}, value)
    elif isinstance(value, list):
        return [_value(f"{at}[{index}]", schema.get("items", {}), item) for index, item in enumerate(value)]
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        _number(at, schema, value)
    return value


def _typed(at: str, kind: str, value: object) -> object:
    if kind == "integer" and isinstance(value, float) and value.is_integer():
        return int(value)  # JSON has one kind of number: 3.0 is a whole one
    if not _TYPES[kind](value):
        article = "an" if kind[0] in "aeio" else "a"
        named = "null" if kind == "null" else f"{article} {kind}"
        raise _Wrong(f"argument '{at}' must be {named}, got {_shown(value)}")
    return value


_TYPES: Mapping[str, Callable[[object], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
}


def _number(at: str, schema: Mapping[str, Any], value: float) -> None:
    if "minimum" in schema and not value >= schema["minimum"]:
        raise _Wrong(f"argument '{at}' must be at least {_shown(schema['minimum'])}, got {_shown(value)}")
    if "maximum" in schema and not value <= schema["maximum"]:
        raise _Wrong(f"argument '{at}' must be at most {_shown(schema['maximum'])}, got {_shown(value)}")


def _string(at: str, schema: Mapping[str, Any], value: str) -> None:
    _text_is_clean(at, value)
    if len(value) < schema.get("minLength", 0):
        raise _Wrong(f"argument '{at}' must have at least {schema['minLength']} characters, got {len(value)}")
    if len(value) > schema.get("maxLength", MOST_BYTES):
        raise _Wrong(f"argument '{at}' must have at most {schema['maxLength']} characters, got {len(value)}")
    pattern = schema.get("pattern")
    if pattern is None:
        return
    if not is_tame(pattern):
        raise _Wrong(f"argument '{at}' cannot be checked: its pattern in the configuration could take too long")
    if len(value) > MOST_PATTERN_TEXT:
        raise _Wrong(f"argument '{at}' must have at most {MOST_PATTERN_TEXT} characters, got {len(value)}")
    if re.search(pattern, value) is None:
        raise _Wrong(f"argument '{at}' must match the pattern {pattern}, got {_shown(value)}")


def _text_is_clean(at: str, value: str) -> None:
    # Half of a surrogate pair cannot be written to a file, a database or a socket.
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise _Wrong(f"argument '{_brief(at)}' holds half a character (a lone surrogate)")


@lru_cache(maxsize=256)
def is_tame(pattern: str) -> bool:
    """Whether matching ``pattern`` takes a short time on any text of at most ``MOST_PATTERN_TEXT`` characters.

    An estimate from above: all choices multiplied stay within ``MOST_CHOICES``, and a repeated group
    stands alone, without any other choice.
    """
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError):
        return False
    bare = _ESCAPE_OR_CLASS.sub("x", pattern).replace("(?", "(")
    bare, repeated_groups = _REPEATED_GROUP.subn(")", bare)
    choices = 2 ** bare.count("|")
    for choice in _choices(bare):
        choices *= choice
        if choices > MOST_CHOICES:
            return False
    return repeated_groups == 0 or (repeated_groups == 1 and choices == 1)


def _choices(bare: str) -> Iterator[int]:
    for repeat in _REPEAT.finditer(bare):
        low, comma, high = repeat.groups()
        if low is None:
            yield 2 if repeat[0] == "?" else MOST_PATTERN_TEXT
        elif comma:
            yield max(1, min(int(high or MOST_PATTERN_TEXT), MOST_PATTERN_TEXT) - int(low or 0) + 1)


def _same(one: object, other: object) -> bool:
    """Equal as JSON means it: 1 is 1.0, but true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(value, other[name]) for name, value in one.items())
    return one == other


def _shown(value: object) -> str:
    return _brief(json.dumps(value, default=str))


def _brief(text: str) -> str:
    text = text if text.isprintable() else ascii(text)[1:-1]
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 3] + "..."
