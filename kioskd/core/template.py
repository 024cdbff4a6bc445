"""Places in an address, a body or a command that the arguments of a call fill: ``{NAME}``. Pure.

What is filled in comes from the model. It can never become more than a value: in an address it is percent-encoded, in a
body it is one JSON value or part of one text, in a command it is one whole item.
"""

from __future__ import annotations

import json
import re
from typing import Iterator, Mapping, Sequence

Values = Mapping[str, object]

PLACE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]{0,63})\}")
# RFC 3986 section 2.3; everything else is encoded, the slash too.
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


class Unfilled(ValueError):
    """A place that cannot be filled; the text is a sentence that the model can act on."""


def names(template: object) -> Iterator[str]:
    """Every name that a text, or any text within a body or a list, wants filled in."""
    if isinstance(template, str):
        yield from PLACE.findall(template)
    elif isinstance(template, Mapping):
        for inner in template.values():
            yield from names(inner)
    elif isinstance(template, (list, tuple)):
        for inner in template:
            yield from names(inner)


def address(template: str, values: Values) -> str:
    """The address.

    Raises:
        Unfilled: an argument is missing, is a list or an object, or would lead to another path.
    """
    path_ends = min((at for at in map(template.find, "?#") if at >= 0), default=len(template))
    for part in template[:path_ends].split("/"):
        # Many servers take %2F for a slash, and two slashes for one.
        steps = re.split(r"[/\\]", PLACE.sub(lambda place: _text(place[1], values), part))
        if PLACE.search(part) and any(step in ("", ".", "..") for step in steps):
            raise Unfilled("an argument may not be empty, '.' or '..' here, and hold no such part between slashes")
    return PLACE.sub(lambda place: _encoded(_text(place[1], values)), template)


def body(template: object, values: Values) -> object:
    """The body: a text that is one place becomes the argument as it is; keys whose argument is not given are left out.

    Raises:
        Unfilled: an argument within a longer text is missing, or is a list or an object.
    """
    if isinstance(template, str):
        whole = PLACE.fullmatch(template)
        if whole:
            return values.get(whole[1])
        return PLACE.sub(lambda place: _text(place[1], values), template)
    if isinstance(template, Mapping):
        return {key: body(inner, values) for key, inner in template.items() if not _absent(inner, values)}
    if isinstance(template, (list, tuple)):
        return [body(inner, values) for inner in template if not _absent(inner, values)]
    return template


def command(template: Sequence[str], values: Values) -> list[str]:
    """Program and arguments. Behind an item ``--`` an argument may begin with a dash, before it it may not: a program
    would take it for an option.

    Raises:
        Unfilled: an argument is missing, cannot be an item, or looks like an option.
    """
    items: list[str] = []
    for item in template:
        place = PLACE.fullmatch(item)
        if place is None:
            items.append(item)
            continue
        text = _text(place[1], values)
        if "\0" in text:
            raise Unfilled(f"argument '{place[1]}' holds a character that no program takes")
        if text.startswith("-") and "--" not in items:
            raise Unfilled(f"argument '{place[1]}' may not begin with '-'")
        items.append(text)
    return items


def _absent(template: object, values: Values) -> bool:
    place = PLACE.fullmatch(template) if isinstance(template, str) else None
    return place is not None and place[1] not in values


def _text(name: str, values: Values) -> str:
    if name not in values:
        raise Unfilled(f"argument '{name}' is missing")
    value = values[name]
    if isinstance(value, str):
        return value
    if isinstance(value, (dict, list)):
        raise Unfilled(f"argument '{name}' must be a text or a number here")
    return json.dumps(value)


def _encoded(text: str) -> str:
    # Surrogates cannot be sent; JSON can hold them.
    data = text.encode("utf-8", "replace")
    return "".join(chr(byte) if byte in _UNRESERVED else f"%{byte:02X}" for byte in data)
