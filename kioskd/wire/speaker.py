"""What a live session can be told: every frame from the kiosk, made at the state that it belongs in."""

from __future__ import annotations

from collections import deque
from enum import Enum

from kioskd.wire import frames
from kioskd.wire.answers import UNNAMED
from kioskd.wire.conversation import Conversation
from kioskd.wire.errors import LocalError
from kioskd.wire.profile import Profile

# Errors name the frame that caused them soon or never; only the last few of ours are remembered.
REMEMBERED_FRAMES = 64


class SessionState(Enum):
    """Where the session stands."""

    AWAIT_CREATED = "await_created"
    AWAIT_READY = "await_ready"
    LIVE = "live"
    FAILED = "failed"


class Speaker:
    """The outgoing half of a session. One thread at a time; nothing blocks.

    Every method raises LocalError unless the session is LIVE: before that a service drops what it gets without a word.

    Attributes:
        state: see session.py.
    """

    def __init__(self, profile: Profile, conversation: Conversation) -> None:
        self.profile = profile
        self.state = SessionState.AWAIT_CREATED
        self._conversation = conversation
        self._event_count = 0
        self._asked: deque[tuple[str, str]] = deque(maxlen=REMEMBERED_FRAMES)

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

    def replayed(self, role: str, text: str) -> bytes:
        """What ``role`` (user, assistant) said in a session before this one; only where ``profile.replay_text`` is."""
        self._must_be_live("what was said before")
        return frames.replayed(self.profile, role, text, self._event_id("conversation.item.create"))

    def create_response(self) -> bytes:
        """Let the model speak."""
        self._must_be_live("response.create")
        return frames.create_response(self.profile, self._event_id("response.create"))

    def cancel(self, response: str) -> bytes:
        """Stop generating ``response``; empty, or without an id of the service's: what is in flight."""
        self._must_be_live("response.cancel")
        named = "" if response.startswith(UNNAMED) else response
        return frames.cancel(self.profile, named, self._event_id("response.cancel"))

    def truncate(self, response: str, heard_ms: int) -> list[bytes]:
        """Tell the service how much of a response was heard, item by item; nothing where the dialect has no such word.

        Args:
            heard_ms: of the whole response. More than came of it counts as all of it.
        """
        self._must_be_live("conversation.item.truncate")
        if not self.profile.truncates:
            return []
        return [
            (
                frames.truncate(self.profile, item, item_ms, self._event_id("conversation.item.truncate"))
                if item_ms
                else frames.delete(self.profile, item, self._event_id("conversation.item.delete"))
            )
            for item, item_ms in self._conversation.heard(response, heard_ms)
        ]

    def commit(self) -> bytes:
        """The visitor's turn is over (``profile.turns`` "manual")."""
        self._must_be_live("input_audio_buffer.commit")
        return frames.commit(self.profile, self._event_id("input_audio_buffer.commit"))

    def clear(self) -> bytes:
        """What was sent since the last commit is no turn (``profile.turns`` "manual")."""
        self._must_be_live("input_audio_buffer.clear")
        return frames.clear(self.profile, self._event_id("input_audio_buffer.clear"))

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

    def _kind_of(self, event_id: str) -> str:
        """The type of our frame with this id, as far as it is remembered."""
        return next((kind for asked_id, kind in self._asked if asked_id == event_id), "")
