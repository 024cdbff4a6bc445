"""A call for a person: what is sent by every way, and what comes back."""

from __future__ import annotations

import json
import re
import time
from typing import Mapping, NamedTuple

from kioskd.core.words import CallKey

LONGEST_SAY = 200
LONGEST_NAME = 60


class Summons(NamedTuple):
    """One call.

    Attributes:
        answer_id: known to those only who got the call; whoever answers it names it.
        at: seconds since 1970.
    """

    kiosk: str
    tool: str
    key: CallKey
    answer_id: str
    arguments: Mapping[str, object]
    at: float

    def body(self) -> bytes:
        """As JSON."""
        fields = {"kiosk": self.kiosk, "call_id": self.key.call_id, "answer_id": self.answer_id, "tool": self.tool}
        return json.dumps({**fields, "arguments": dict(self.arguments), "at": self.stamp}).encode()

    @property
    def stamp(self) -> str:
        """When, as ISO 8601."""
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.at))

    def text(self) -> str:
        """For people."""
        lines = [f"The kiosk {self.kiosk} asks for help ({self.tool}), {self.stamp}.", ""]
        lines += [f"{name}: {plain(value, 500)}" for name, value in self.arguments.items()]
        return "\n".join(lines).rstrip() + "\n"


class Taken(NamedTuple):
    """How one way went.

    Attributes:
        trouble: a sentence; empty when the call was taken.
        say: what the visitor shall hear, from whoever took it.
        answered_by: who comes, if that is known already.
    """

    trouble: str
    say: str = ""
    answered_by: str = ""


def read_answer(body: bytes) -> Taken:
    """``{"say": "Somebody is on the way.", "answered_by": "Anna"}``; both may be missing, and it need not be JSON."""
    try:
        reply = json.loads(body)
    except (ValueError, RecursionError):
        return Taken("")  # most webhooks answer "ok" or nothing
    if not isinstance(reply, dict):
        return Taken("")
    return Taken("", line(reply.get("say"), LONGEST_SAY), line(reply.get("answered_by"), LONGEST_NAME))


def line(value: object, most: int) -> str:
    """Text on one line; empty for what is no text."""
    return plain(value, most) if isinstance(value, str) else ""


def plain(value: object, most: int) -> str:
    """One line of printable text; empty for what is neither text nor a number."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return ""
    clean = "".join(character if character.isprintable() else " " for character in str(value))
    return re.sub(r" +", " ", clean).strip()[:most]
