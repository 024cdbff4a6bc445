"""What a client asks of its session, frame by frame. Loop only.

What cannot be obeyed is raised as Refused; the session goes on.
"""

from __future__ import annotations

import asyncio
from typing import Callable, Mapping

from kioskd.core.resample import make_resampler
from kioskd.voice import hydra
from kioskd.voice.conversation import Conversation
from kioskd.voice.dialects import HYDRA
from kioskd.voice.faults import Faults
from kioskd.voice.hydra import Frame
from kioskd.voice.outbox import Outbox, Parcel
from kioskd.voice.shapes import Setup, echo, read_setup


class Requests:
    """Reads the frames of one client.

    Args:
        rate_hz: of the answers, as long as the session names no other.
        flood_ms: so far may audio run ahead of real time.
    """

    def __init__(
        self, conversation: Conversation, out: Outbox, faults: Faults, session_id: str, rate_hz: int, flood_ms: int
    ) -> None:
        self._conversation, self._out, self._faults, self._id = conversation, out, faults, session_id
        self._dialect = out.dialect
        self._rate_hz, self._flood_ms = rate_hz, flood_ms
        self._in_rate_hz, self._resampler = self._dialect.in_rate_hz, make_resampler(1, 1)
        self._configured = False
        self._ahead_ms, self._fed_at = 0.0, asyncio.get_running_loop().time()
        self._on = self._table()

    def take(self, frame: Frame) -> bool:
        """Obey one frame; False: this dialect has no such type.

        Raises:
            Refused: it cannot be obeyed.
        """
        obey = self._on.get(frame.type)
        if obey is not None:
            obey(frame)
        return obey is not None

    def _table(self) -> Mapping[str, Callable[[Frame], None]]:
        """What the client may say in this dialect."""
        found: dict[str, Callable[[Frame], None]] = {
            "session.update": self._on_update,
            self._dialect.configures: self._on_configure,
            "input_audio_buffer.append": self._on_append,
            "conversation.item.create": self._on_item,
            "response.create": self._on_create,
            "response.cancel": self._on_cancel,
        }
        if self._dialect.commits:
            found |= {"input_audio_buffer.commit": self._on_commit, "input_audio_buffer.clear": self._on_clear}
        if self._dialect.truncates:
            found |= {"conversation.item.truncate": self._on_truncate, "conversation.item.delete": self._on_delete}
        return found

    def say_created(self) -> None:
        """The session is open."""
        if not self._faults.flag("no-session-created"):
            self._out.event({"type": "session.created", "session_id": self._id})
        if self._faults.breaks_at("created"):
            self._out.put(Parcel(order="break"))

    def _close(self, code: int, reason: str) -> None:
        self._out.put(Parcel(order="close", code=code, reason=reason))

    def _on_configure(self, frame: Frame) -> None:
        if self._configured:
            return self._configure_again(frame)
        setup = read_setup(self._dialect, frame)
        voice = self._voice(setup.voice, frame)
        if not voice or self._faults.flag("no-session-configured"):
            return
        if self._faults.word("vad-field") == "reject" and "turn_detection" in frame.object("session"):
            raise frame.refuse("turn_detection is not supported", "session.turn_detection", "unknown_parameter")
        self._configured = True
        oversize = len(frame.raw.encode("utf-8", "replace")) > hydra.OVERSIZE_BYTES
        silent = oversize and self._dialect is HYDRA and self._faults.word("oversize-configure") == "silent"
        self._conversation.responses.silent = silent
        self._use(setup)
        self._say_configured(setup, voice)
        self._conversation.responses.oddities()
        if self._faults.breaks_at("configured"):
            self._out.put(Parcel(order="break"))
        if setup.greet:
            self._conversation.greet()

    def _use(self, setup: Setup) -> None:
        self._in_rate_hz = setup.in_rate_hz
        self._resampler = make_resampler(self._in_rate_hz, hydra.IN_RATE_HZ)
        if setup.out_rate_hz and not self._faults.number("output-rate"):
            self._rate_hz = setup.out_rate_hz
            self._conversation.responses.use_rate(self._rate_hz)
        if setup.by_hand:
            self._conversation.by_hand()
        self._conversation.use_tools(setup.tools)

    def _say_configured(self, setup: Setup, voice: str) -> None:
        if self._dialect.created_late:
            self.say_created()
        if self._dialect.shape == "hydra":
            keys = not self._faults.flag("omit-audio-keys")
            self._out.event(hydra.configured(setup, voice, self._rate_hz, keys))
        elif not self._faults.flag("quiet-update"):
            self._out.event({"type": self._dialect.ready, "session": echo(setup, self._id)})

    def _configure_again(self, frame: Frame) -> None:
        """A2: Hydra ignores it. HybrIE's provider closes with 1007 (dialects reference 3.2); others take new tools."""
        if self._dialect.setup == "closes":
            self._close(1007, "setup was sent twice")
        elif self._dialect.setup == "taken":
            session = frame.object("session")
            if "tools" in session:
                self._conversation.use_tools(hydra.read_tools(frame, session["tools"]))
            self._out.event({"type": self._dialect.ready, "session": {**session, "id": self._id}})

    def _voice(self, voice: str | None, frame: Frame) -> str:
        """The voice of the session; empty when it cannot be configured so (A5)."""
        if self._dialect.shape != "hydra":
            return voice or "(the model's own)"
        if voice is None or self._faults.word("bad-voice") == "fallback" and voice not in hydra.VOICES:
            return hydra.DEFAULT_VOICE
        if voice in hydra.VOICES:
            return voice
        self._out.event(frame.refuse("this voice is not known", "session.configure.session.voice").event)
        if self._faults.word("bad-voice") == "close":
            self._close(1000, "unknown voice")
        return ""

    def _on_update(self, frame: Frame) -> None:
        tools = hydra.read_update(frame)
        if tools is None or not self._configured:
            return
        self._conversation.use_tools(tools)
        self._out.event({"type": "session.updated", "session": {"tools": list(tools)}})

    def _on_append(self, frame: Frame) -> None:
        pcm = hydra.read_audio(frame, strict=self._dialect is HYDRA and self._faults.word("short-audio") == "reject")
        if not self._configured:
            if self._faults.word("early-audio") == "session_ended":
                self._out.event(hydra.error("session_ended", "audio came before the session was configured"))
        elif self._flooded(len(pcm)):
            self._out.event(hydra.error("session_ended", "audio came much faster than real time"))
            self._close(1000, "session ended")
        else:
            self._conversation.feed(self._resampler.process(pcm))

    def _flooded(self, size: int) -> bool:
        """Whether audio has run ahead of real time by more than a stalled network explains."""
        now = asyncio.get_running_loop().time()
        self._ahead_ms = max(0.0, self._ahead_ms - (now - self._fed_at) * 1000) + size * 500 / self._in_rate_hz
        self._fed_at = now
        return self._ahead_ms > self._flood_ms and self._faults.word("flood") == "end"

    def _on_item(self, frame: Frame) -> None:
        item = frame.object("item")
        if item.get("type") == "function_call_output":
            call_id, output = item.get("call_id"), item.get("output")
            if not isinstance(call_id, str) or not isinstance(output, str):
                raise frame.refuse("an output needs a call_id and a string output", "item.output")
            if not self._conversation.output(call_id, output):
                raise frame.refuse("no call waits for this output", "item.call_id")
        elif item.get("type") == "message":
            text = hydra.read_text(item)
            if text and item.get("role") in ("user", "system"):
                self._conversation.note(text)
        else:
            raise frame.refuse("an item is a message or a function_call_output", "item.type")

    def _on_create(self, frame: Frame) -> None:
        if not self._configured:
            return
        if self._dialect.complains and self._conversation.responses.active:
            words = "Conversation already has an active response in progress."
            raise frame.refuse(words, code="conversation_already_has_active_response")
        self._conversation.create()

    def _on_cancel(self, frame: Frame) -> None:
        if self._dialect.complains and not self._conversation.responses.active:
            words = "Cancellation failed: no active response found"
            raise frame.refuse(words, code=self._dialect.idle_cancel_code)
        self._conversation.cancel(frame.body.get("response_id"))

    def _on_commit(self, frame: Frame) -> None:
        if not self._conversation.commit() and self._dialect.complains:
            words = "Error committing input audio buffer: buffer too small."
            raise frame.refuse(words, code="input_audio_buffer_commit_empty")

    def _on_clear(self, frame: Frame) -> None:
        self._conversation.clear()

    def _on_truncate(self, frame: Frame) -> None:
        """All three fields are needed, and no more than was generated can be left (dialects reference 4.6)."""
        item, end_ms = frame.body.get("item_id"), frame.body.get("audio_end_ms")
        if not isinstance(item, str) or not isinstance(end_ms, int) or frame.body.get("content_index") != 0:
            raise frame.refuse("item_id, content_index and audio_end_ms are needed", "", "missing_required_parameter")
        length_ms = self._conversation.responses.generated_ms(item)
        if length_ms is None:
            raise frame.refuse("there is no such item", "item_id", "item_truncate_invalid_item_id")
        if end_ms > length_ms:
            raise frame.refuse(f"Audio content of {length_ms}ms is already shorter than {end_ms}ms", "", "")
        about = {"item_id": item, "content_index": 0, "audio_end_ms": end_ms}
        self._out.event({"type": "conversation.item.truncated", **about})

    def _on_delete(self, frame: Frame) -> None:
        item = frame.body.get("item_id")
        if not isinstance(item, str) or self._conversation.responses.generated_ms(item) is None:
            raise frame.refuse("there is no such item", "item_id", "item_delete_invalid_item_id")
        self._conversation.responses.forget(item)
        self._out.event({"type": "conversation.item.deleted", "item_id": item})
