"""How a tool's example phrases travel inside its description.

A tool on the wire has a name, a description and a schema, and no place for what a visitor may say. Examples in the
description help a hosted model choose, and they are what the local voice service listens for: one convention for both.
"""

from __future__ import annotations

import re
from typing import Iterable

# One phrase is a short sentence; a longer one is a mistake in the configuration and no help to a model.
MAX_PHRASE_CHARS = 120

_EXAMPLES = re.compile(r"\b(?:for example|examples?|e\.g\.)\s*[:,]?\s*(?=[\"“])", re.IGNORECASE)
_QUOTED = re.compile(r"[\"“]([^\"“”]+)[\"”]")


def tidy(phrase: str) -> str:
    """One phrase as it may be quoted: a single line without double quotes, at most ``MAX_PHRASE_CHARS`` long."""
    words = re.sub(r"[\"“”\x00-\x1f\x7f]", " ", phrase).split()
    return " ".join(words)[:MAX_PHRASE_CHARS].strip()


def describe(description: str, phrases: Iterable[str]) -> str:
    """The description with its examples.

    ``describe("Opens the door.", ["open the door"])`` is ``'Opens the door. For example: "open the door".'``.
    """
    tidied = [tidy(phrase) for phrase in phrases]
    quoted = [f'"{phrase}"' for phrase in tidied if phrase]
    if not quoted:
        return description
    return f"{description.rstrip()} For example: {'; '.join(quoted)}.".lstrip()


def phrases_in(description: str) -> tuple[str, ...]:
    """The examples in a description, in their order, each once.

    Tolerant, because other clients write descriptions too: the words before the list may be "For example",
    "Examples" or "e.g."; quotes may be straight or curly. Without such a list there are no examples.
    """
    found: dict[str, None] = {}
    start = _EXAMPLES.search(description)
    if start is None:
        return ()
    for quoted in _QUOTED.finditer(description, start.end()):
        phrase = tidy(quoted.group(1))
        if phrase:
            found[phrase] = None
    return tuple(found)
