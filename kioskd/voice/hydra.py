"""The Hydra dialect from the server's side, frame by frame: pure. Shapes and names from the Hydra reference, Part A.

Reading: ``parse`` gives a checked frame or raises ``Refused``, whose ``event`` is the ``error`` frame for it (A9).
Writing: one function for each event; ``Pen`` adds the ``event_id``.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any, Callable, Mapping

PATH = "/waves/v1/s2s"
MODELS = ("hydra-v1.1", "hydra-v1.0", "hydra")
IN_RATE_HZ = 16_000
# A6: 160 samples.
MIN_AUDIO_BYTES = 320
# A8: beyond about 32 kB the hosted service gives no sound any more.
OVERSIZE_BYTES = 32_000
# A5; one list for all tags (the reference's reading of the live probes).
VOICES = frozenset(
    "zoe maya elena ivy grace alex aria leo sam kai "
    "vaughn brooks cole hayes pierce sterling ellis lane quinn arden rowan blair emery sawyer".split()
)
DEFAULT_VOICE = "sterling"

Event = dict[str, Any]

CLIENT_TYPES = frozenset(
    {
        "session.configure",
        "session.update",
        "input_audio_buffer.append",
        "conversation.item.create",
        "response.create",
        "response.cancel",
    }
)


class Refused(Exception):
    """A frame that cannot be obeyed; the session goes on (A9).

    Attributes:
        code: ``invalid_frame``, ``invalid_request_error`` or ``invalid_audio``.
        param: which field, if one is to blame.
        event_id: the client's own id of the frame.
    """

    def __init__(self, code: str, message: str, param: str = "", event_id: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.param, self.event_id = code, message, param, event_id

    @property
    def event(self) -> Event:
        """The ``error`` event."""
        return error(self.code, self.message, self.param, self.event_id)


@dataclass(frozen=True, slots=True)
class Frame:
    """A client's frame; ``raw`` is its text."""

    type: str
    body: Mapping[str, Any]
    event_id: str = ""
    raw: str = ""

    @property
    def known(self) -> bool:
        """Whether the dialect has this type."""
        return self.type in CLIENT_TYPES

    def object(self, key: str) -> Mapping[str, Any]:
        """A field that must be an object."""
        value = self.body.get(key)
        if not isinstance(value, dict):
            raise self.refuse(f"{self.type} needs an object {key!r}", key)
        return value

    def refuse(self, message: str, param: str = "", code: str = "invalid_request_error") -> Refused:
        """An error about this frame."""
        return Refused(code, message, param, self.event_id)


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"{text} is too large")
    return number


def parse(data: str | bytes) -> Frame:
    """One WebSocket message.

    Raises:
        Refused: it is binary, no JSON object, or has no type.
    """
    if isinstance(data, bytes):
        raise Refused("invalid_frame", "binary frames are not used; send JSON as text")
    try:
        body = json.loads(data, parse_constant=_no_constant, parse_float=_finite)
    except (ValueError, RecursionError):
        raise Refused("invalid_frame", "the frame is not JSON") from None
    if not isinstance(body, dict):
        raise Refused("invalid_frame", "the frame is not a JSON object")
    event_id = body.get("event_id")
    event_id = event_id[:128] if isinstance(event_id, str) else ""
    kind = body.get("type")
    if not isinstance(kind, str):
        raise Refused("invalid_request_error", "the frame has no type", "type", event_id)
    return Frame(kind, body, event_id, data)


@dataclass(frozen=True, slots=True)
class Setup:
    """A checked ``session.configure``."""

    instructions: str
    voice: str | None
    tools: tuple[Mapping[str, Any], ...]
    greet: bool


def read_setup(frame: Frame) -> Setup:
    """The fields of ``session.configure``; unknown ones are accepted silently (A3.1).

    Raises:
        Refused: a known field has the wrong type, or the audio format is another than pcm16.
    """
    session = frame.object("session")
    wanted = {"instructions": str, "voice": str, "tools": list, "generate_initial_response": bool}
    for key, kind in wanted.items():
        if session.get(key) is not None and not isinstance(session[key], kind):
            raise frame.refuse(f"{key} has the wrong type", f"session.configure.session.{key}")
    for key in ("input_audio_format", "output_audio_format"):
        if session.get(key) not in (None, "pcm16"):
            raise frame.refuse("only pcm16 is supported", f"session.configure.session.{key}")
    return Setup(
        instructions=session.get("instructions") or "",
        voice=session.get("voice"),
        tools=read_tools(frame, session.get("tools") or []),
        greet=bool(session.get("generate_initial_response")),
    )


def read_tools(frame: Frame, tools: Any) -> tuple[Mapping[str, Any], ...]:
    """An array of tool objects; ``type`` and ``name`` are required (A8).

    Raises:
        Refused: it is not that.
    """
    param = f"{frame.type}.session.tools"
    if not isinstance(tools, list):
        raise frame.refuse("tools has the wrong type", param)
    for tool in tools:
        if not isinstance(tool, dict) or tool.get("type") != "function" or not isinstance(tool.get("name"), str):
            raise frame.refuse("a tool needs type 'function' and a name", param)
    return tuple(tools)


def read_update(frame: Frame) -> tuple[Mapping[str, Any], ...] | None:
    """The tools of ``session.update``; None when it changes nothing.

    Raises:
        Refused: any other field (``invalid_frame``, A3.1).
    """
    session = frame.object("session")
    unknown = sorted(set(session) - {"tools"})
    if unknown:
        raise frame.refuse("only tools can be updated", f"session.update.session.{unknown[0]}", "invalid_frame")
    return read_tools(frame, session["tools"]) if "tools" in session else None


def read_audio(frame: Frame, strict: bool) -> bytes:
    """The samples of ``input_audio_buffer.append``. Not ``strict``: short frames pass, an odd byte is cut off.

    Raises:
        Refused: ``invalid_audio``.
    """
    audio = frame.body.get("audio")
    try:
        pcm = base64.b64decode(audio, validate=True) if isinstance(audio, str) else None
    except (binascii.Error, ValueError):
        pcm = None
    if pcm is None:
        raise frame.refuse("audio is not valid base64", "audio", "invalid_audio")
    if strict and len(pcm) < MIN_AUDIO_BYTES:
        message = f"audio frame too small ({len(pcm)} bytes, need {MIN_AUDIO_BYTES})"
        raise frame.refuse(message, "audio", "invalid_audio")
    if strict and len(pcm) % 2:
        raise frame.refuse(f"audio is not PCM16 ({len(pcm)} bytes)", "audio", "invalid_audio")
    return pcm[: len(pcm) - len(pcm) % 2]


def read_text(item: Mapping[str, Any]) -> str:
    """The text of a message item; empty when it has none."""
    content = item.get("content")
    parts = [part.get("text") for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    return " ".join(part for part in parts if isinstance(part, str))


def out_rate_hz(model: str) -> int:
    """The rate that a model tag speaks at (A5, observed)."""
    return 24_000 if model == "hydra-v1.1" else 48_000


# -- events --------------------------------------------------------------------------------------


class Pen:
    """Writes events as text, each with its ``event_id``, and mints ids.

    Args:
        hex16: gives 16 hex digits, new each time.
        event_ids: each event has one.
    """

    def __init__(self, hex16: Callable[[], str], event_ids: bool = True) -> None:
        self._hex16 = hex16
        self._event_ids = event_ids

    def id(self, prefix: str) -> str:
        """``item_``, ``resp_`` or ``call_`` with 16 hex digits."""
        return f"{prefix}_{self._hex16()}"

    def write(self, event: Event) -> str:
        """The frame; ``type`` and ``event_id`` come first, as a reader of a wire log likes it."""
        named = {"event_id": self.id("sv")} if self._event_ids else {}
        return json.dumps({"type": event["type"], **named, **event}, separators=(",", ":"))


def error(code: str, message: str, param: str = "", event_id: str = "") -> Event:
    """A9; ``param`` and ``event_id`` only where they say something."""
    client_fault = code.startswith("invalid") or code == "session_ended"
    about: Event = {"type": "invalid_request_error" if client_fault else "server_error", "code": code}
    about["message"] = message
    about.update({key: value for key, value in (("param", param), ("event_id", event_id)) if value})
    return {"type": "error", "error": about}


def warning(nested: bool) -> Event:
    """The deprecation of ``model=hydra`` (A2); the envelope is not known, so there are two."""
    about = {"code": "model_deprecated", "message": "model hydra is deprecated; use hydra-v1.1"}
    return {"type": "warning", "warning": about} if nested else {"type": "warning", **about}


def configured(setup: Setup, voice: str, rate_hz: int, audio_keys: bool) -> Event:
    """The effective configuration (A3.2)."""
    session: Event = {
        "instructions": setup.instructions,
        "voice": voice,
        "tools": list(setup.tools),
        "generate_initial_response": setup.greet,
    }
    if audio_keys:
        session.update(input_audio_format="pcm16", input_audio_sample_rate=IN_RATE_HZ)
        session.update(output_audio_format="pcm16", output_audio_sample_rate=rate_hz)
    return {"type": "session.configured", "session": session}


def message_item(item_id: str, role: str, status: str, text: str | None = None) -> Event:
    """A spoken message as an item (A3.2)."""
    part = "input_audio" if role == "user" else "output_audio"
    content = [{"type": part, "text": text}]
    return {"id": item_id, "type": "message", "role": role, "status": status, "content": content}


def item_event(kind: str, item: Event, previous: str | None) -> Event:
    """``kind``: added or done."""
    return {"type": f"conversation.item.{kind}", "previous_item_id": previous, "item": item}


def audio_event(kind: str, response: str, item: str, delta: str | None = None) -> Event:
    """``kind``: delta or done."""
    event: Event = {"type": f"response.output_audio.{kind}", "response_id": response, "item_id": item}
    event.update(output_index=0, content_index=0)
    return event if delta is None else {**event, "delta": delta}


def done(response: str, status: str, more: Mapping[str, Any] | None = None) -> Event:
    """``response.done``; ``more`` holds status_details, output or usage."""
    return {"type": "response.done", "response": {"id": response, "status": status, **(more or {})}}
