"""What the machine tells the session that is there; what is meant for another one is dropped and counted."""

from __future__ import annotations

from kioskd.core.words import CallKey
from kioskd.link.attempt import Attempt
from kioskd.link.conversation import Conversation
from kioskd.link.record import Record


class Outlet:
    """The half of the supervisor that speaks into a live session. Loop only; no method blocks."""

    _attempt: Attempt | None
    _record: Record

    def send_output(self, key: CallKey, output: str) -> None:
        """The output of a tool call; dropped and counted when its session is gone."""
        if (conversation := self._of(key.session, key.endpoint)) is not None:
            conversation.send_output(key.call_id, output)

    def send_text(self, session: str, text: str) -> None:
        """A text item; dropped and counted when the session is gone."""
        if (conversation := self._of(session)) is not None:
            conversation.send_text(text)

    def ask_response(self, session: str) -> None:
        """Let the model speak about the outputs sent: once for all of them, when it is quiet."""
        if (conversation := self._of(session)) is not None:
            conversation.ask_response()

    def cancel_response(self, session: str, response: str) -> None:
        """Stop generating."""
        if (conversation := self._of(session)) is not None:
            conversation.cancel_response(response)

    def truncate(self, session: str, response: str, heard_ms: int) -> None:
        """The visitor heard only so much of an answer."""
        if (conversation := self._of(session)) is not None:
            conversation.truncate(response, heard_ms)

    @property
    def _conversation(self) -> Conversation | None:
        """The conversation that is there, whatever became of it."""
        return None if self._attempt is None else self._attempt.conversation

    @property
    def _live(self) -> Conversation | None:
        """The conversation that is there, as long as it takes anything."""
        conversation = self._conversation
        if conversation is not None and conversation.ready and not conversation.over.done():
            return conversation
        return None

    def _of(self, session: str, endpoint: str | None = None) -> Conversation | None:
        """The conversation of that session, if it is the one that is there."""
        conversation = self._live
        if conversation is not None and conversation.id == session and endpoint in (None, conversation.endpoint):
            return conversation
        self._record.totals.late_outputs += 1
        return None

    def _rung(self) -> None:
        """The uplink lane rang."""
        if (conversation := self._conversation) is not None:
            conversation.wake()
