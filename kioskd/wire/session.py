"""One session with a realtime voice service, without I/O: frames in, facts and frames out.

    AWAIT_CREATED --session.created, configure is sent--> AWAIT_READY --session.configured--> LIVE
          \\________________ error, or what no session survives ________________|____________/
                                                v
                                              FAILED

A dialect that configures on open begins in AWAIT_READY. One whose service may say nothing goes on after its patience.
Which frame is read in which state is ``Session._table``. What is not in it is counted and skipped:
services send more than they document (Hydra reference A3). No clocks here; the caller keeps the deadlines.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Callable, NamedTuple

import msgspec

from kioskd.wire import frames
from kioskd.wire import messages as m
from kioskd.wire.conversation import READINGS, Conversation
from kioskd.wire.counters import Counters
from kioskd.wire.errors import LocalError, ProtocolError
from kioskd.wire.facts import Complaint, Created, Fact, Ready, Warned
from kioskd.wire.frames import Setup
from kioskd.wire.profile import Profile
from kioskd.wire.ready import effective
from kioskd.wire.speaker import SessionState, Speaker
from kioskd.wire.text import Malformed, identifier, whole
from kioskd.wire.verdicts import error_class

__all__ = ["Counters", "LocalError", "ProtocolError", "Session", "SessionState", "Setup"]


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


class Session(Speaker):
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
        self.setup = setup
        self.session = ""
        self.counters = Counters()
        self._facts: list[Fact] = []
        self._outgoing: list[bytes] = []
        super().__init__(profile, Conversation(self.counters, self._facts, profile.takes_tools))
        self._left_out: list[str] = []
        self._named = False  # the Created fact was given
        self._configure = frames.configure(profile, setup, self._event_id(profile.configure_event))
        if profile.configure_on == "open":
            self.state = SessionState.AWAIT_READY
            self._outgoing.append(self._configure)
        self._readers = self._table()

    def _table(self) -> dict[str, Reader]:
        """Which frame is read how, and in which state. The handshake's names are the profile's."""
        conversation = {
            kind: Reader(reading.decode, partial(reading.read, self._conversation), _LIVE)
            for kind, reading in READINGS.items()
        }
        created = Reader(_created.decode, self._created, (SessionState.AWAIT_CREATED,))
        ready = Reader(_ready.decode, self._ready, (SessionState.AWAIT_READY,))
        if "session.updated" in self.profile.ready_events:
            # It comes again whenever the tools were changed.
            conversation["session.updated"] = Reader(_ready.decode, self._ready, (SessionState.AWAIT_READY, *_LIVE))
        return {
            **conversation,
            "warning": Reader(m.read_trouble, self._warning, _ANY),
            "error": Reader(m.read_trouble, self._error, _ANY),
            "ping": Reader(_ping.decode, self._ping, _ANY),
            **dict.fromkeys(self.profile.created_events, created),
            **{kind: ready for kind in self.profile.ready_events if kind not in conversation},
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

    def assume_done(self, response: str) -> None:
        """A cancelled response has ended, though the service did not say so (``profile.cancel_patience_s``)."""
        if self.state is SessionState.LIVE:
            self._conversation.assume_done(response)

    def hush(self, on: bool) -> None:
        """Take audio that names no response for that of one that was cut, until the next begins or this is undone."""
        self._conversation.hush(on)

    # -- a handshake without words ---------------------------------------------------------------

    @property
    def patience_s(self) -> float:
        """Call ``press_on`` when this state has lasted so long; infinity: never."""
        patience_s = {
            SessionState.AWAIT_CREATED: self.profile.created_patience_s,
            SessionState.AWAIT_READY: self.profile.ready_patience_s,
        }.get(self.state, 0.0)
        return patience_s or float("inf")

    def press_on(self) -> None:
        """Take the service's silence for the event that is awaited (dialects reference U4)."""
        if self.state is SessionState.AWAIT_CREATED:
            self._created(m.CreatedFrame())
        elif self.state is SessionState.AWAIT_READY:
            self._ready(m.ReadyFrame())

    # -- readers ---------------------------------------------------------------------------------

    def _created(self, frame: m.CreatedFrame) -> None:
        self._name(frame.session_id, frame.session)
        self.state = SessionState.AWAIT_READY
        self._outgoing.append(self._configure)

    def _name(self, session_id: str | None, session: object) -> None:
        told = session if isinstance(session, dict) else {}
        inner = told.get("id")
        self.session = identifier(session_id or (inner if isinstance(inner, str) else None))
        self._named = True
        self._facts.append(Created(self.session, whole(told.get("expires_at"))))

    def _ready(self, frame: m.ReadyFrame) -> None:
        if self.state is SessionState.LIVE:
            return  # the echo of a change
        if not self._named:
            self._name(frame.session_id, frame.session)
        really = effective(self.profile, self.setup, frame.session or {})
        self._conversation.out_rate_hz = really.out_rate_hz
        self.state = SessionState.LIVE
        mismatches = tuple(warning.message for warning in really.warnings)
        self._facts.append(Ready(self.session, really.out_rate_hz, really.config, mismatches))
        self._facts += really.warnings
        if self.setup.greet and self.profile.greet_by == "create":
            self._outgoing.append(self.create_response())

    def _ping(self, frame: m.Empty) -> None:
        """Legal at any time (dialects reference 8.2); the WebSocket layer answers its own pings."""

    def _warning(self, words: m.Words) -> None:
        self._facts.append(Warned(words.code, words.message))

    def _error(self, words: m.Words) -> None:
        trouble = error_class(self.profile, words.code, words.message)
        before_ready = self.state is not SessionState.LIVE
        if self.state is SessionState.AWAIT_READY and self._configure_without(words):
            return
        about = self._kind_of(words.event_id)
        self._facts.append(Complaint(trouble, words.code, words.message, words.param, before_ready, about))
        if before_ready:
            # Whether a configure may be repeated after this is unknown (Hydra reference A5): it is not.
            self.state = SessionState.FAILED

    def _configure_without(self, words: m.Words) -> bool:
        """Configure once more without a field that the service complains of (dialects reference U3)."""
        blamed = [name for name in self.profile.droppable if name in words.param or name in words.message]
        fresh = [name for name in blamed if name not in self._left_out]
        if not fresh:
            return False
        self._left_out += fresh
        event_id = self._event_id(self.profile.configure_event)
        self._outgoing.append(frames.configure(self.profile, self.setup, event_id, self._left_out))
        self._facts.append(Warned(words.code, f"The service does not take {', '.join(fresh)}; it is left out."))
        return True
