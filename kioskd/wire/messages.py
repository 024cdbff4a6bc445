"""Frames from the service, typed: one Struct for each family of events.

The ``type`` is decoded first and the rest by table, because a tagged union refuses types it does not know. Fields
that matter are typed, so that a frame with a wrong kind of value is refused as a whole; others (usage, details, error
objects) are taken as they come and read leniently. ``null`` and absent mean the same everywhere.
"""

from __future__ import annotations

import binascii
from typing import Annotated, Any, Iterator, Mapping, NamedTuple

import msgspec
from msgspec import Meta, Struct

from kioskd.wire.text import TEXT_LIMIT, amount, clean_text

# Everything that decoding text from outside can raise: no JSON and wrong kinds of values (both are ValueError in
# msgspec), letters that are no UTF-8, and nesting deeper than the interpreter follows.
UNREADABLE = (ValueError, RecursionError)

Id = Annotated[str, Meta(max_length=TEXT_LIMIT)] | None
CallId = Annotated[str, Meta(min_length=1, max_length=TEXT_LIMIT)]


class Kind(Struct, gc=False):
    """What every frame has."""

    type: str


class Empty(Struct, gc=False):
    """A frame that says nothing by its fields."""


class CreatedFrame(Struct):
    """``session.created``; the id stands at the top on Hydra, under ``session`` elsewhere."""

    session_id: Id = None
    session: Any = None


class ReadyFrame(Struct):
    """``session.configured`` or ``session.updated``: the effective configuration."""

    session: dict[str, Any] | None = None
    session_id: Id = None


class TroubleFrame(Struct):
    """``error`` and ``warning``, whose envelope nobody has written down (Hydra reference A3.2, unknown 1)."""

    code: Any = None
    message: Any = None
    param: Any = None
    error: Any = None
    warning: Any = None


class SpeechFrame(Struct):
    """``input_audio_buffer.speech_started`` and ``speech_stopped``."""

    item_id: Id = None
    audio_start_ms: Any = None
    audio_end_ms: Any = None


class Item(Struct):
    """A conversation item: flat, every field optional (Hydra reference A3.2)."""

    id: Id = None
    type: str | None = None
    role: str | None = None
    status: str | None = None
    content: Any = None
    call_id: Id = None
    name: str | None = None
    arguments: str | None = None


class ItemFrame(Struct):
    """``conversation.item.added`` and ``conversation.item.done``."""

    item: Item
    response_id: Id = None


class Head(Struct):
    """The ``response`` object."""

    id: Id = None
    status: str | None = None
    status_details: Any = None
    output: Any = None
    usage: Any = None


class ResponseFrame(Struct):
    """``response.created`` and ``response.done``; Grok puts ``usage`` at the top (dialects reference 8.2)."""

    response: Head | None = None
    response_id: Id = None
    usage: Any = None


class AudioDelta(Struct, gc=False):
    """``response.output_audio.delta``: strict base64, the fast way."""

    response_id: Id = None
    item_id: Id = None
    delta: bytes | None = None
    audio: bytes | None = None


class LooseAudioDelta(Struct, gc=False):
    """The same for base64 that the strict way refuses."""

    response_id: Id = None
    item_id: Id = None
    delta: str | None = None
    audio: str | None = None


class AudioEnd(Struct, gc=False):
    """``response.output_audio.done``."""

    response_id: Id = None


class ArgumentsDelta(Struct, gc=False):
    """``response.function_call_arguments.delta``; the name stands on the first one only."""

    call_id: CallId
    response_id: Id = None
    name: str | None = None
    delta: str | None = None


class ArgumentsDone(Struct, gc=False):
    """``response.function_call_arguments.done``; ``arguments`` is the whole string."""

    call_id: CallId
    response_id: Id = None
    name: str | None = None
    arguments: str | None = None


class TextDelta(Struct, gc=False):
    """A piece of a transcript (undocumented on Hydra: reference A3.3)."""

    delta: str | None = None


class TranscriptDone(Struct, gc=False):
    """The words of the visitor's item, where a service tells them (dialects reference 4.4)."""

    item_id: Id = None
    transcript: str | None = None


class BadAudio(ValueError):
    """Audio that is no base64."""


_strict_audio = msgspec.json.Decoder(AudioDelta)
_loose_audio = msgspec.json.Decoder(LooseAudioDelta)


def read_audio(data: bytes) -> AudioDelta:
    """An audio delta; its bytes are in ``delta``, whichever field they came in.

    Raises:
        BadAudio: the audio is no base64.
        ValueError: the frame is malformed otherwise.
    """
    try:
        frame = _strict_audio.decode(data)
    except msgspec.ValidationError:
        loose = _loose_audio.decode(data)
        return AudioDelta(loose.response_id, loose.item_id, loose_base64(loose.delta or loose.audio or ""))
    if not frame.delta:
        frame.delta = frame.audio
    return frame


def loose_base64(text: str) -> bytes:
    """Base64 with white space in it or without its padding.

    Raises:
        BadAudio: it is none at all.
    """
    packed = "".join(text.split())
    packed += "=" * (-len(packed) % 4)
    try:
        return binascii.a2b_base64(packed.encode("ascii"), strict_mode=True) if packed else b""
    except ValueError as error:  # not ASCII, not base64
        raise BadAudio(str(error)) from error


class Words(NamedTuple):
    """What an ``error`` or a ``warning`` says, cleaned. ``event_id``: of our frame that caused it."""

    code: str
    message: str
    param: str
    event_id: str


_trouble = msgspec.json.Decoder(TroubleFrame)


def read_trouble(data: bytes) -> Words:
    """An error or a warning, wherever its words stand: in its object, else at the top, else the object is the word.

    ``code`` falls back to the broad ``type``, ``message`` to the frame itself (dialects reference U27).

    Raises:
        ValueError: the frame is malformed.
    """
    frame = _trouble.decode(data)
    parts: list[Mapping[str, Any]] = [part for part in (frame.error, frame.warning) if isinstance(part, dict)]
    parts.append({"code": frame.code, "message": frame.message, "param": frame.param})
    parts += [{"message": part} for part in (frame.error, frame.warning) if isinstance(part, str)]
    code = _first(parts, "code") or _first(parts, "type")
    message = _first(parts, "message")
    if not code and not message:
        message = clean_text(data[: 4 * TEXT_LIMIT].decode("utf-8", "replace"))
    return Words(code, message, _first(parts, "param"), _first(parts, "event_id"))


def _first(parts: list[Mapping[str, Any]], key: str) -> str:
    return next((words for words in (clean_text(part.get(key)) for part in parts) if words), "")


STATUSES = ("completed", "cancelled", "incomplete", "failed")


REASONS = {"turn_detected": "interrupted"}  # the visitor spoke over it (dialects reference 4.5, 1.4)


class Outcome(NamedTuple):
    """How a response ended (see facts.Ended)."""

    status: str
    reason: str
    error_code: str
    usage: Mapping[str, float] | None


def outcome_of(frame: ResponseFrame) -> Outcome:
    """Read the end of a response. A bare ``response.done`` is a completed one (dialects reference 6.2)."""
    head = frame.response or Head()
    usage = usage_of(head.usage) or usage_of(frame.usage)
    details = head.status_details if isinstance(head.status_details, dict) else {}
    status = head.status or "completed"
    if status not in STATUSES:
        return Outcome("failed", clean_text(status), "", usage)
    error = details.get("error") if status == "failed" else None
    code = clean_text(error.get("code")) or clean_text(error.get("type")) if isinstance(error, dict) else ""
    reason = clean_text(details.get("reason"))
    return Outcome(status, REASONS.get(reason, reason), code, usage)


USAGE_KEYS = 16  # Hydra has three numbers, OpenAI seven; more is not kept


def usage_of(value: Any) -> Mapping[str, float] | None:
    """The numbers in a usage object: tokens, or seconds with a fraction; None when there are none."""
    counts = value.items() if isinstance(value, dict) else ()
    amounts = ((clean_text(key, 64), amount(count)) for key, count in counts)
    found = [(key, count) for key, count in amounts if count is not None]
    return dict(found[:USAGE_KEYS]) or None


def calls_in(output: Any) -> Iterator[Item]:
    """The function calls that ``response.done`` repeats, as far as they are whole."""
    for entry in output if isinstance(output, list) else ():
        try:
            item = msgspec.convert(entry, Item)
        except UNREADABLE:
            continue
        if is_whole_call(item):
            yield item


def is_call(item: Item) -> bool:
    """True for an item that is a function call with an id to answer to."""
    return item.type == "function_call" and bool(item.call_id)


def is_whole_call(item: Item) -> bool:
    """True for a function call whose arguments are all there."""
    return is_call(item) and bool(item.arguments) and item.status in (None, "completed")


def transcript_of(item: Item) -> str:
    """The words of a message item, where a service fills them in (Hydra reference A3.3)."""
    parts = item.content if isinstance(item.content, list) else []
    words = (clean_text(part.get("text") or part.get("transcript")) for part in parts if isinstance(part, dict))
    return clean_text(" ".join(word for word in words if word))
