"""What the house asks of one session (outputs, text, answers, cuts, greetings, tools), and what it may know of it."""

from __future__ import annotations

import dataclasses
import logging
from typing import Mapping, Sequence

from kioskd.link.barge import Barge
from kioskd.link.client import Connection
from kioskd.link.downlink import Downlink
from kioskd.link.patience import Patience
from kioskd.link.ports import Ports
from kioskd.link.reader import Heard, Reader
from kioskd.link.replies import Replies
from kioskd.link.term import Term
from kioskd.link.writer import NEVER, Sent, Writer
from kioskd.wire.session import Session

log = logging.getLogger(__name__)


class Orders:
    """The half of a conversation that faces the house. Loop only; no method blocks.

    Attributes:
        endpoint: the name of whose session it is.
    """

    endpoint: str
    _session: Session
    _writer: Writer
    _replies: Replies
    _barge: Barge
    _patience: Patience
    _ports: Ports
    _connection: Connection
    _reader: Reader
    _downlink: Downlink
    _asked: dict[str, str]
    _ready_at: float
    id: str
    ready: bool
    config: Mapping[str, object]
    mismatches: Sequence[str]
    term: Term

    def wake(self) -> None:
        """The uplink lane rang."""
        self._writer.wake()

    def send_output(self, call_id: str, output: str) -> None:
        """The output of a tool call."""
        self._writer.queue(self._session.tool_output(call_id, output))
        self._replies.answered(call_id, self._ports.clock())
        if self._ports.memory is not None:
            self._ports.memory.called(self._asked.pop(call_id, "a tool"), output, self._ports.clock())

    def send_text(self, text: str) -> None:
        """A text item."""
        self._writer.queue(self._session.text(text))

    def ask_response(self) -> None:
        """Let the model speak, once all calls are answered and it is quiet."""
        self._replies.want(self._ports.clock())
        self._writer.wake()

    def greet(self) -> None:
        """Let the model speak first, in a session that was there before anybody came."""
        self._writer.queue(self._session.create_response())

    def update_tools(self, tools: Sequence[Mapping[str, object]]) -> bool:
        """Replace the tools of this session; False: the dialect takes them only in a new one.

        Raises:
            LocalError: they are too large.
        """
        if "tools" not in self._session.profile.update_keys:
            log.info("= %s takes the new tools with the next session", self.endpoint)
            return False
        self._writer.queue(self._session.update_tools(tools))
        return True

    def cancel_response(self, response: str, spoken_over: bool = False) -> None:
        """Stop generating. ``spoken_over``: the visitor's speech is the reason."""
        if self._barge.cancel(response, spoken_over):
            self._writer.queue(self._session.cancel(response))
            self._patience.cancelled(response)

    def truncate(self, response: str, heard_ms: int) -> None:
        """Only so much of it was heard; told where the dialect has a word for it (Hydra: none, reference A7)."""
        for frame in self._session.truncate(response, heard_ms):
            self._writer.queue(frame)

    # -- what others may know --------------------------------------------------------------------

    @property
    def quiet(self) -> bool:
        """Nothing is on its way in either direction: who ends the session now loses nothing."""
        idle = not (self._writer.engaged or self._barge.generating)
        return idle and not self._writer.expecting and self._replies.due_at() == NEVER

    def traffic(self) -> tuple[float, Sent, Heard]:
        """Seconds in session, and what went up and came down so far."""
        session_s = self._ports.clock() - self._ready_at if self.ready else 0.0
        return session_s, self._writer.sent, self._reader.heard

    def snapshot(self) -> dict[str, object]:
        """For status."""
        _, sent, heard = self.traffic()
        return {
            "session": self.id,
            "config": dict(self.config),
            "mismatches": list(self.mismatches),
            "replaced_in_s": round(max(0.0, self.term.due_at - self._ports.clock()), 1) if self.id else None,
            **sent.shown(),
            **heard.shown(),
            "overlong_s": round(self._downlink.overlong_s, 3),
            "rtt_ms": None if self._connection.rtt_s is None else round(self._connection.rtt_s * 1000, 1),
            "wire": dataclasses.asdict(self._session.counters),
        }
