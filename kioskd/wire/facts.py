"""What came out of the wire: frozen facts, in the order in which the service said them.

Every text in them is bounded and one line (kioskd/wire/text.py), except ``ToolCalled.arguments``, which is raw and
bounded by kioskd/wire/calls.py. Ids are what the service sent; an empty one was not sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Mapping

from kioskd.wire.profile import Trouble


@dataclass(frozen=True, slots=True)
class Fact:
    """Parent of all facts of the wire."""


@dataclass(frozen=True, slots=True)
class Created(Fact):
    """``session.created``: the service's id of this session, new on every connect. Empty: it named none.

    ``expires_at``: when the service will end it (seconds since 1970, by its clock), where it says so.
    """

    session: str
    expires_at: int | None = None


@dataclass(frozen=True, slots=True)
class Ready(Fact):
    """The session is configured; audio may flow.

    Attributes:
        out_rate_hz: rate of all audio of this session.
        config: what the service says it runs with, for status: plain values, and the names of its tools.
        mismatches: what of it is not what was asked for, in sentences.
    """

    session: str
    out_rate_hz: int
    config: Mapping[str, object]
    mismatches: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UserStarted(Fact):
    """The service heard the visitor begin. ``at_ms``: offset from the start of the session, if it was said."""

    item: str
    at_ms: int | None


@dataclass(frozen=True, slots=True)
class UserStopped(Fact):
    """The service heard the visitor end. May come after the answer has begun (Hydra reference A4)."""

    item: str
    at_ms: int | None


@dataclass(frozen=True, slots=True)
class TurnRejected(Fact):
    """What was heard was no turn: a user item that ended ``incomplete`` (Hydra reference A3.2)."""

    item: str


@dataclass(frozen=True, slots=True)
class Began(Fact):
    """A response began. ``response`` is made up when the service sent no id; it then never goes back to it."""

    response: str


@dataclass(frozen=True, slots=True)
class Audio(Fact):
    """A piece of an answer: S16_LE mono, whole samples, never empty."""

    response: str
    pcm: bytes
    rate_hz: int


@dataclass(frozen=True, slots=True)
class AudioDone(Fact):
    """No more audio of this response will be generated."""

    response: str


@dataclass(frozen=True, slots=True)
class Ended(Fact):
    """The end of generating, not of playing.

    Attributes:
        status: completed, cancelled, incomplete or failed. A status nobody knows is "failed", with it as reason.
        reason: as the service gives it: interrupted, client_cancelled, max_output_tokens, content_filter, or empty.
        usage: numbers by name (tokens; seconds may have a fraction), or None.
        error_code: only where the status is failed.
    """

    response: str
    status: str
    reason: str
    usage: Mapping[str, float] | None
    error_code: str


@dataclass(frozen=True, slots=True)
class ToolCalled(Fact):
    """The model asks for a tool; at most once for each ``call_id`` of a session. Untrusted.

    ``arguments`` is raw text of at most 64 KiB that ought to be a JSON object; ``name`` may be empty.
    """

    response: str
    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Complaint(Fact):
    """An ``error`` frame.

    Attributes:
        param: what it is about, e.g. "session.configure.session.voice", or empty.
        before_ready: the handshake has failed; the session takes nothing any more.
        about: the type of our frame that caused it, when the service echoed its ``event_id``.
    """

    trouble: Trouble
    code: str
    message: str
    param: str
    before_ready: bool
    about: str = ""


@dataclass(frozen=True, slots=True)
class Warned(Fact):
    """A ``warning`` frame, or something in the ready frame that is not what was asked for."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Said(Fact):
    """A transcript, where a service sends one (Hydra documents none). ``role``: user or assistant.

    ``piece``: more follows, or the whole of it in one; pieces are joined with spaces. Not for logs at INFO.
    """

    role: str
    text: str
    piece: bool = False
