"""The conversation inside a live session: every event of turns, items, responses, audio and tool calls, read.

Which type of frame is read by which method is the table at the end of this file.
"""

from __future__ import annotations

from typing import Any, Callable, Mapping, NamedTuple, TypeVar

import msgspec

from kioskd.wire import messages as m
from kioskd.wire.answers import Answers
from kioskd.wire.calls import Calls
from kioskd.wire.counters import Counters
from kioskd.wire.facts import Ended, Fact, Said, TurnRejected, UserStarted, UserStopped
from kioskd.wire.heard import Cut
from kioskd.wire.text import clean_text, identifier, whole

# A response that ended like this asks for nothing any more: the visitor spoke over it, or it broke off.
CUT = ("cancelled", "incomplete", "failed")


class SpokenDone(m.TranscriptDone):
    """The whole words of a spoken answer; some services write them into ``text``."""

    text: str | None = None


class Conversation:
    """Reads the events of one live session; new facts are appended to ``facts``.

    Readers raise Malformed for ids that cannot be one, and ProtocolError for what no session survives.

    Args:
        hears_calls: tools were declared to the service; if none can be, its calls are counted and not handed on.

    Attributes:
        out_rate_hz: rate of the audio; set when the session is ready.
    """

    def __init__(self, counters: Counters, facts: list[Fact], hears_calls: bool = True) -> None:
        self.out_rate_hz = 0
        self._calls = Calls(counters)
        self._counters = counters
        self._facts = facts
        self._hears_calls = hears_calls
        self._answers = Answers(counters, facts)
        self._transcribed = False
        self._said_item = ""  # the visitor's item whose words were told last

    def heard(self, response: str, heard_ms: int) -> list[Cut]:
        """How the items of a response are to be truncated."""
        return self._answers.heard(response, heard_ms, self.out_rate_hz) if self.out_rate_hz else []

    def assume_done(self, response: str) -> None:
        """The service did not say that a cancelled response has ended; it has."""
        if self._answers.is_open(response):
            self._calls.dropped(response)
            self._answers.done(response, "cancelled")
            self._facts.append(Ended(response, "cancelled", "client_cancelled", None, ""))

    def hush(self, on: bool) -> None:
        """Whether audio that names no response belongs to one that was cut."""
        self._answers.hushed = on

    def _speech_started(self, frame: m.SpeechFrame) -> None:
        self._facts.append(UserStarted(identifier(frame.item_id), whole(frame.audio_start_ms)))

    def _speech_stopped(self, frame: m.SpeechFrame) -> None:
        self._facts.append(UserStopped(identifier(frame.item_id), whole(frame.audio_end_ms)))

    def _item_added(self, frame: m.ItemFrame) -> None:
        item = frame.item
        if item.call_id and m.is_call(item):
            self._collect(item.call_id, frame.response_id, item.name, None)

    def _item_done(self, frame: m.ItemFrame) -> None:
        item = frame.item
        words = m.transcript_of(item)
        if item.role == "user" and item.status == "incomplete":
            self._facts.append(TurnRejected(identifier(item.id)))
        elif item.call_id and m.is_whole_call(item):
            self._call_again(item, frame.response_id)
        elif words and item.role == "user":
            self._user_said(identifier(item.id), words)
        elif words and item.role == "assistant" and not self._transcribed:
            self._facts.append(Said(item.role, words))

    def _transcribed_user(self, frame: m.TranscriptDone) -> None:
        words = clean_text(frame.transcript)
        if words:
            self._user_said(identifier(frame.item_id), words)

    def _user_said(self, item: str, words: str) -> None:
        """The visitor's words; services tell them in the item, in an event of their own, or in both."""
        if not item or item != self._said_item:
            self._said_item = item
            self._facts.append(Said("user", words))

    def _transcript(self, frame: m.TextDelta) -> None:
        words = clean_text(frame.delta)
        if words:
            self._transcribed = True
            self._facts.append(Said("assistant", words, piece=True))

    def _transcript_done(self, frame: SpokenDone) -> None:
        words = clean_text(frame.transcript or frame.text)
        if words:
            self._transcribed = True
            self._facts.append(Said("assistant", words))

    def _response_created(self, frame: m.ResponseFrame) -> None:
        self._answers.created((frame.response and frame.response.id) or frame.response_id)

    def _audio(self, frame: m.AudioDelta) -> None:
        self._answers.audio(frame.response_id, frame.item_id, frame.delta or b"", self.out_rate_hz)

    def _audio_done(self, frame: m.AudioEnd) -> None:
        self._answers.audio_done(frame.response_id)

    def _response_done(self, frame: m.ResponseFrame) -> None:
        response_id = (frame.response and frame.response.id) or frame.response_id
        outcome = m.outcome_of(frame)
        if outcome.status in CUT:
            self._calls.dropped(response_id or self._answers.current)
        response = self._answers.done(response_id, outcome.status)
        if response is None:
            return
        if outcome.status == "completed" and frame.response:
            for item in m.calls_in(frame.response.output):
                self._call_again(item, response)
        self._facts.append(Ended(response, outcome.status, outcome.reason, outcome.usage, outcome.error_code))

    def _arguments_delta(self, frame: m.ArgumentsDelta) -> None:
        self._collect(frame.call_id, frame.response_id, frame.name, frame.delta)

    def _arguments_done(self, frame: m.ArgumentsDone) -> None:
        self._call(frame.call_id, frame.response_id, frame.name, frame.arguments)

    def _collect(self, call_id: str, response_id: str | None, name: str | None, delta: str | None) -> None:
        response = identifier(response_id) or self._answers.current
        if not self._hears_calls:
            self._counters.unasked_calls += 1
        elif self._answers.end_of(response) not in CUT and not self._calls.handed_on(call_id):
            self._calls.started(call_id, response, name, delta)

    def _call_again(self, item: m.Item, response_id: str | None) -> None:
        """The same call once more, in an item: taken only if it did not come the usual way (dialects reference 8.5)."""
        if item.call_id and not self._calls.handed_on(item.call_id):
            self._call(item.call_id, response_id, item.name, item.arguments)

    def _call(self, call_id: str, response_id: str | None, name: str | None, arguments: str | None) -> None:
        response = identifier(response_id) or self._answers.current
        if not self._hears_calls:
            self._counters.unasked_calls += 1
            return
        if self._answers.end_of(response) in CUT:
            self._counters.late_calls += 1
            return
        called = self._calls.finished(call_id, response, name, arguments)
        if called is not None:
            self._facts.append(called)

    def _skip(self, frame: m.Empty) -> None:
        """Known, and of no use to a kiosk."""


class Reading(NamedTuple):
    """How frames of one type are decoded and read."""

    decode: Callable[[bytes], Any]
    read: Callable[[Conversation, Any], None]


T = TypeVar("T")


def _typed(kind: type[T], read: Callable[[Conversation, T], None]) -> Reading:
    return Reading(msgspec.json.Decoder(kind).decode, read)


_AUDIO = Reading(m.read_audio, Conversation._audio)
_AUDIO_DONE = _typed(m.AudioEnd, Conversation._audio_done)
_ITEM_ADDED = _typed(m.ItemFrame, Conversation._item_added)
_ITEM_DONE = _typed(m.ItemFrame, Conversation._item_done)
_TRANSCRIPT = _typed(m.TextDelta, Conversation._transcript)
_TRANSCRIPT_DONE = _typed(SpokenDone, Conversation._transcript_done)

_HEARD = _typed(m.TranscriptDone, Conversation._transcribed_user)
_OF_NO_USE = _typed(m.Empty, Conversation._skip)

# Both spellings of the family's events: they never collide (dialects reference 8.2).
READINGS: Mapping[str, Reading] = {
    "input_audio_buffer.speech_started": _typed(m.SpeechFrame, Conversation._speech_started),
    "input_audio_buffer.speech_stopped": _typed(m.SpeechFrame, Conversation._speech_stopped),
    "conversation.item.added": _ITEM_ADDED,
    "conversation.item.created": _ITEM_ADDED,
    "conversation.item.done": _ITEM_DONE,
    "conversation.item.input_audio_transcription.completed": _HEARD,
    "conversation.item.audio_transcription.completed": _HEARD,
    "response.output_item.added": _ITEM_ADDED,
    "response.output_item.done": _ITEM_DONE,
    "response.created": _typed(m.ResponseFrame, Conversation._response_created),
    "response.output_audio.delta": _AUDIO,
    "response.audio.delta": _AUDIO,
    "response.output_audio.done": _AUDIO_DONE,
    "response.audio.done": _AUDIO_DONE,
    "response.output_audio_transcript.delta": _TRANSCRIPT,
    "response.audio_transcript.delta": _TRANSCRIPT,
    # MythicDot and HybrIE send the words of a spoken answer so (dialects reference 2.1, 3.4, U8).
    "response.output_text.delta": _TRANSCRIPT,
    "response.text.delta": _TRANSCRIPT,
    "response.output_audio_transcript.done": _TRANSCRIPT_DONE,
    "response.audio_transcript.done": _TRANSCRIPT_DONE,
    "response.output_text.done": _TRANSCRIPT_DONE,
    "response.text.done": _TRANSCRIPT_DONE,
    "response.function_call_arguments.delta": _typed(m.ArgumentsDelta, Conversation._arguments_delta),
    "response.function_call_arguments.done": _typed(m.ArgumentsDone, Conversation._arguments_done),
    "response.done": _typed(m.ResponseFrame, Conversation._response_done),
    # Known, so that the count of unknown types stays worth looking at (dialects reference 4.4, 5.2).
    **dict.fromkeys(
        (
            "session.updated",
            "conversation.created",
            "conversation.item.truncated",
            "conversation.item.deleted",
            "conversation.item.input_audio_transcription.delta",
            "conversation.item.input_audio_transcription.updated",
            "conversation.item.input_audio_transcription.failed",
            "input_audio_buffer.committed",
            "input_audio_buffer.cleared",
            "input_audio_buffer.timeout_triggered",
            "response.content_part.added",
            "response.content_part.done",
            "rate_limits.updated",
        ),
        _OF_NO_USE,
    ),
}
