"""JSON pointers (RFC 6901): one value out of an answer. Pure."""

from __future__ import annotations

import re


class Missing(LookupError):
    """There is nothing at that place; the text is a sentence."""


def problem(pointer: str) -> str:
    """What is wrong with a pointer as such; empty when it is one."""
    if pointer and not pointer.startswith("/"):
        return "is no JSON pointer: it begins with '/', as /air/temperature"
    if re.search(r"~(?![01])", pointer):
        return "is no JSON pointer: '~' is written ~0, and '/' within a name ~1"
    return ""


def look_up(value: object, pointer: str) -> object:
    """The value at ``pointer``; all of it for an empty one.

    Raises:
        Missing: there is none.
    """
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and name in value:
            value = value[name]
        elif isinstance(value, list) and re.fullmatch(r"0|[1-9][0-9]{0,8}", name) and int(name) < len(value):
            value = value[int(name)]
        else:
            raise Missing(f"there is nothing at {pointer}")
    return value
