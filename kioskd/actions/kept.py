"""What is kept of a call's arguments: secrets masked, bounded."""

from __future__ import annotations

import json
import re

MOST_ARGUMENT_BYTES = 2 * 1024
# A name that holds one of these is a secret, or as good as one.
_SECRET = re.compile(r"pass|pin(?![a-z])|code|secret|token|key|otp", re.IGNORECASE)


def kept(arguments: str) -> str:
    """What is kept of a call's arguments: secrets masked, at most ``MOST_ARGUMENT_BYTES``."""
    try:
        values = json.loads(arguments) if arguments.strip() else {}
    except (ValueError, RecursionError):
        return f"<{len(arguments)} characters that are not JSON>"
    # ASCII: one byte a character, and lone surrogates stay writable.
    text = json.dumps(_masked(values))
    return text if len(text) <= MOST_ARGUMENT_BYTES else text[: MOST_ARGUMENT_BYTES - 3] + "..."


def _masked(value: object) -> object:
    if isinstance(value, dict):
        return {name: "***" if _SECRET.search(name) else _masked(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_masked(inner) for inner in value]
    return value
