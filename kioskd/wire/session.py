"""One session with a realtime voice service, without I/O: frames in, facts and frames out.

    AWAIT_CREATED --session.created, configure is sent--> AWAIT_READY --session.configured--> LIVE
          \\________________ error, or what no session survives ________________|____________/
                                                v
                                              FAILED

Which frame is read in which state is ``Session._table``. What is not in it is counted and skipped:
services send more than they document (Hydra reference A3). No clocks here; the caller keeps the deadlines.
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from functools import partial
from typing import Any, Callable, NamedTuple

import msgspec

from kioskd.wire import frames
from kioskd.wire import messages as m
from kioskd.wire.answers import UNNAMED
from kioskd.wire.conversation import READINGS, Conversation
from kioskd.wire.counters import Counters
from kioskd.wire.errors import LocalError, ProtocolError
from kioskd.wire.facts import Complaint, Created, Fact, Ready, Warned
from kioskd.wire.frames import Setup
from kioskd.wire.profile import Profile, error_class
from kioskd.wire.ready import effective
from kioskd.wire.text import Malformed, identifier

__all__ = ["Counters", "LocalError", "ProtocolError", "Session", "SessionState", "Setup"]

# Errors name the frame that caused them soon or never; only the last few of ours are remembered.
REMEMBERED_FRAMES = 64


class SessionState(Enum):
    """Where the session stands."""

    AWAIT_CREATED = "await_created"
    AWAIT_READY = "await_ready"
    LIVE = "live"
    FAILED = "failed"


class Reader(NamedTuple):
    """How frames of one type are decoded and read, and in which states they belong."""

    decode: Callable[[bytes], Any]
    read: Callable[[Any], None]
    states: tuple[SessionState, ...]


_kind = msgspec.json.Decoder(m.Kind)
_ping = msgspec.json.Decoder(m.Empty)
_created = msgspec.json.Decoder(m.CreatedFrame)
_ready = msgspec.json.Decoder(m.ReadyFrame)
_ANY = (SessionState.AWAIT_CREATED, SessionState.AWAIT_READY, SessionState.LIVE)
_LIVE = (SessionState.LIVE,)


class Session:
    """One WebSocket connection's worth of conversation. One thread at a time; nothing blocks.

    Args:
        profile: the dialect.
        setup: what the session is to be.

    Attributes:
        state: see the module's diagram.
        session: the service's id of this session, empty before it was created or when it named none.
        counters: what was tolerated.

    Raises:
        LocalError: the service could not work with this setup (too large, no JSON).
    """

    def __init__(self, profile: Profile, setup: Setup) -> None:
        self.profile = profile
        self.setup = setup
        self.state = SessionState.AWAIT_CREATED
        self.session = ""
        self.counters = Counters()
        self._facts: list[Fact] = []
        self._outgoing: list[bytes] = []
        self._conversation = Conversation(self.counters, self._facts)
        self._event_count = 0
        self._asked: deque[tuple[str, str]] = deque(maxlen=REMEMBERED_FRAMES)
        self._configure = frames.configure(profile, setup, self._event_id(profile.configure_event))
        self._readers = self._table()

    def _table(self) -> dict[str, Reader]:
        """Which frame is read how, and in which state. The handshake's names are the profile's."""
        conversation = {
            kind: Reader(reading.decode, partial(reading.read, self._conversation), _LIVE)
            for kind, reading in READINGS.items()
        }
        ready = Reader(_ready.decode, self._ready, (SessionState.AWAIT_READY,))
        return {
            **conversation,
            "warning": Reader(m.read_trouble, self._warning, _ANY),
            "error": Reader(m.read_trouble, self._error, _ANY),
            "ping": Reader(_ping.decode, self._ping, _ANY),
            self.profile.created_event: Reader(_created.decode, self._created, (SessionState.AWAIT_CREATED,)),
            **dict.fromkeys(self.profile.ready_events, ready),
        }

    # -- in --------------------------------------------------------------------------------------

    def receive(self, frame: str | bytes, *, binary: bool = False) -> None:
        """Take one frame: text as ``str`` or as its UTF-8 ``bytes``; ``binary`` for a binary frame.

        Raises:
            ProtocolError: the session cannot go on; close with its code. The state is FAILED then. Nothing else
                that a service can send raises.
        """
        self.counters.frames += 1
        if self.state is SessionState.FAILED:
            self.counters.after_failure += 1
        elif binary:
            self.counters.binary += 1
        else:
            try:
                self._take(frame)
            except ProtocolError:
                self.state = SessionState.FAILED
                raise

    def _take(self, frame: str | bytes) -> None:
        try:
            data = frame.encode("utf-8") if isinstance(frame, str) else frame
            if len(data) > self.profile.max_frame_bytes:
                raise ProtocolError(1009, f"The service sent a frame of {len(data)} bytes, too large to take.")
            kind = _kind.decode(data).type
        except msgspec.ValidationError:
            self.counters.malformed += 1
            return
        except m.UNREADABLE:
            self.counters.not_json += 1
            return
        reader = self._readers.get(kind)
        if reader is None:
            self.counters.saw_unknown(kind)
        elif self.state not in reader.states:
            self.counters.out_of_order += 1
        elif len(data) > self.profile.max_control_bytes and reader.decode is not m.read_audio:
            self.counters.oversize += 1
        else:
            self._read(reader, data)

    def _read(self, reader: Reader, data: bytes) -> None:
        try:
            message = reader.decode(data)
        except m.BadAudio:
            self.counters.bad_base64 += 1
            return
        except m.UNREADABLE:
            self.counters.malformed += 1
            return
        try:
            reader.read(message)
        except Malformed:
            self.counters.malformed += 1

    def facts(self) -> list[Fact]:
        """What was understood since the last call, in order."""
        drained = self._facts[:]
        self._facts.clear()  # the list itself is shared with the answers
        return drained

    # -- out -------------------------------------------------------------------------------------

    def outgoing(self) -> list[bytes]:
        """Frames that the session itself wants sent now, in order; each one once."""
        drained, self._outgoing = self._outgoing, []
        return drained

    def append(self, pcm: bytes) -> bytes:
        """A chunk of the visitor's voice: S16_LE mono at ``profile.in_rate_hz``.

        Raises:
            LocalError: not LIVE (the service would drop it without a word), too short, or half a sample.
        """
        self._must_be_live("audio")
        if len(pcm) < self.profile.min_chunk_bytes or len(pcm) % 2:
            raise LocalError(
                f"{len(pcm)} bytes are no chunk: {self.profile.name} takes whole samples, "
                f"at least {self.profile.min_chunk_bytes} bytes."
            )
        return frames.append(pcm)

    def tool_output(self, call_id: str, output: str) -> bytes:
        """The output of a tool call. Let the model speak about it by ``create_response``, once for several."""
        self._must_be_live("the output of a tool")
        return frames.tool_output(self.profile, call_id, output, self._event_id("conversation.item.create"))

    def text(self, text: str) -> bytes:
        """A text item, as ``profile.text_role``. On Hydra undocumented: the schema allows it (reference A3.1)."""
        self._must_be_live("text")
        return frames.text(self.profile, text, self._event_id("conversation.item.create"))

    def create_response(self) -> bytes:
        """Let the model speak."""
        self._must_be_live("response.create")
        return frames.create_response(self.profile, self._event_id("response.create"))

    def cancel(self, response: str) -> bytes:
        """Stop generating ``response``; empty, or without an id of the service's: what is in flight."""
        self._must_be_live("response.cancel")
        named = "" if response.startswith(UNNAMED) else response
        return frames.cancel(self.profile, named, self._event_id("response.cancel"))

    def update_tools(self, tools: frames.Tools) -> bytes:
        """Replace the tools of the running session. The service need not answer (Hydra reference A3.2).

        Raises:
            LocalError: not LIVE, too large, or the profile allows it only in a new session.
        """
        self._must_be_live("tools")
        return frames.update_tools(self.profile, tools, self._event_id(self.profile.update_event))

    def _must_be_live(self, what: str) -> None:
        if self.state is not SessionState.LIVE:
            raise LocalError(f"The session takes no {what} while it is {self.state.value}.")

    def _event_id(self, kind: str) -> str:
        self._event_count += 1
        event_id = frames.EVENT_ID % self._event_count
        self._asked.append((event_id, kind))
        return event_id

    # -- readers ---------------------------------------------------------------------------------

    def _created(self, frame: m.CreatedFrame) -> None:
        inner = frame.session.get("id") if isinstance(frame.session, dict) else None
        self.session = identifier(frame.session_id or (inner if isinstance(inner, str) else None))
        self.state = SessionState.AWAIT_READY
        self._facts.append(Created(self.session))
        self._outgoing.append(self._configure)

    def _ready(self, frame: m.ReadyFrame) -> None:
        really = effective(self.profile, self.setup, frame.session or {})
        self._conversation.out_rate_hz = really.out_rate_hz
        self.state = SessionState.LIVE
        self._facts.append(Ready(self.session, really.out_rate_hz, really.config))
        self._facts += really.warnings

    def _ping(self, frame: m.Empty) -> None:
        """Legal at any time (dialects reference 8.2); the WebSocket layer answers its own pings."""

    def _warning(self, words: m.Words) -> None:
        self._facts.append(Warned(words.code, words.message))

    def _error(self, words: m.Words) -> None:
        trouble = error_class(self.profile, words.code, words.message)
        before_ready = self.state is not SessionState.LIVE
        about = next((kind for event_id, kind in self._asked if event_id == words.event_id), "")
        self._facts.append(Complaint(trouble, words.code, words.message, words.param, before_ready, about))
        if before_ready:
            # Whether a configure may be repeated after this is unknown (Hydra reference A5): it is not.
            self.state = SessionState.FAILED
