"""How an action ended."""

from __future__ import annotations

import json
from typing import NamedTuple


class Outcome(NamedTuple):
    """What an action says when it has ended.

    Attributes:
        ok: it did what it is for.
        result: JSON text for the model, or empty.
        say: a sentence for the visitor; empty: the tool's own ``say_done`` or ``say_failed``.
        reason: a sentence for the owner; empty when all is well.
    """

    ok: bool
    result: str = ""
    say: str = ""
    reason: str = ""


def failed(reason: str) -> Outcome:
    """It did not work, and why. The model is told the same: it must not invent a reason."""
    return Outcome(False, json.dumps({"error": reason}, ensure_ascii=False), "", reason)
