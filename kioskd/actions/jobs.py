"""What waits for the ledger's thread."""

from __future__ import annotations

import json
from typing import Callable, Mapping, NamedTuple

from kioskd.core.words import CallKey

# Of a header's value; an ordinary key has about 90. A guess: servers take 8 kB of headers.
MOST_ONCE = 300


class Intent(NamedTuple):
    """One intent, to be written and answered.

    Attributes:
        told: it is a line of the audit trail too.
        access: it gives access, and waits until the ledger's memory is beyond doubt.
    """

    key: CallKey
    tool: str
    arguments: str
    told: bool = True
    access: bool = False


class Ending(NamedTuple):
    """How a call ended, to be written. ``told``: it is a line of the audit trail too."""

    key: CallKey
    tool: str
    outcome: str
    reason: str
    told: bool = True


class Entry(NamedTuple):
    """A line for the audit trail."""

    what: str
    data: Mapping[str, object]


class Lock(NamedTuple):
    """A lock-out, to be remembered."""

    tool: str
    for_s: float


class Kept(NamedTuple):
    """``tell`` gets an empty text when every lock-out so far is on the disk, else why not; the ledger's thread."""

    tell: Callable[[str], None]


class Repair(NamedTuple):
    """Texts in the ledger that are none shall be made readable; the file as it was is kept aside."""


Job = Intent | Ending | Entry | Lock | Kept | Repair


def about(key: CallKey, tool: str) -> dict[str, object]:
    """Which call a line of the audit trail is about. All of it may come from the service: bounded."""
    texts = {"endpoint": key.endpoint, "session": key.session, "call": key.call_id, "tool": tool}
    return {name: text[:200] for name, text in texts.items()}


def once(key: CallKey) -> str:
    """By what a receiver knows that a call is repeated, as a header's value.

    Session and call id come from the service, so they are made safe; what is too long is told apart by its hash: two
    calls that looked the same would be done once.
    """
    text = json.dumps(str(key))
    if len(text) <= MOST_ONCE:
        return text
    import hashlib  # few services name a session by a novel

    return json.dumps(f"sha256/{hashlib.sha256(text.encode()).hexdigest()}")
