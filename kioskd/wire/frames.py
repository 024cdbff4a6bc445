"""Frames to the service: UTF-8 JSON text, built from values that cannot be spoilt by what tools or owners write.

The ``session`` object is made by shape (``Profile.session_shape``); a key whose value is unset is never sent, and no
key that the reference does not list (a misspelt one would silently run the default persona, Hydra reference A3.1).
"""

from __future__ import annotations

import binascii
from dataclasses import dataclass
from typing import Any, Callable, Mapping, Sequence

import msgspec

from kioskd.wire.errors import LocalError
from kioskd.wire.profile import Profile

Tools = Sequence[Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class Setup:
    """What one session is to be.

    Attributes:
        instructions: the persona.
        voice: None: none is sent.
        tools: ``{"type": "function", "name", "description", "parameters"}`` each, as the service takes them.
        greet: the model speaks first.
        model: model tag, for the output rate.
        out_rate_hz: rate of the answer when the service does not name one; None: by model tag.
    """

    instructions: str
    voice: str | None
    tools: tuple[Mapping[str, object], ...]
    greet: bool
    model: str
    out_rate_hz: int | None


def _hydra_session(setup: Setup) -> dict[str, object]:
    session: dict[str, object] = {"instructions": setup.instructions}
    if setup.voice:
        session["voice"] = setup.voice
    session["tools"] = list(setup.tools)
    session["generate_initial_response"] = setup.greet
    return session


SHAPES: Mapping[str, Callable[[Setup], dict[str, object]]] = {"hydra": _hydra_session}


def _plain(value: Any) -> Any:
    # Read-only mappings (configuration sections) are mappings all the same.
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a value of type {type(value).__name__}")


_encoder = msgspec.json.Encoder(enc_hook=_plain)


def encode(frame: Mapping[str, object]) -> bytes:
    """One frame.

    Raises:
        LocalError: a value that JSON cannot hold.
    """
    try:
        return _encoder.encode(frame)
    except (TypeError, ValueError, RecursionError) as error:
        raise LocalError(f"A {frame.get('type')} frame cannot be written as JSON: {error}.") from error


def text_of(words: str) -> str:
    """Text that UTF-8 can hold: what a device or a file spoilt is marked, not refused."""
    return words.encode("utf-8", "replace").decode("utf-8")


def configure(profile: Profile, setup: Setup, event_id: str) -> bytes:
    """The frame that configures the session.

    Raises:
        LocalError: the service would take it and then answer without audio, because it is too large (Hydra
            reference A8); the sentence names the largest tools.
    """
    try:
        shape = SHAPES[profile.session_shape]
    except KeyError as error:
        raise LocalError(f"Profile {profile.name}: nobody knows the session shape {profile.session_shape}.") from error
    frame = encode(_named(profile, {"type": profile.configure_event}, event_id) | {"session": shape(setup)})
    _check_size(profile, len(frame), setup.tools)
    return frame


def configure_size(profile: Profile, setup: Setup) -> int:
    """Bytes of the whole configure frame, for a check before any session.

    Raises:
        LocalError: as ``configure``.
    """
    return len(configure(profile, setup, EVENT_ID % 1))


def update_tools(profile: Profile, tools: Tools, event_id: str) -> bytes:
    """The frame that replaces the tools; nothing else may stand in it (Hydra: ``invalid_frame``).

    Raises:
        LocalError: the profile allows no change of tools, or they are too large.
    """
    if "tools" not in profile.update_keys:
        raise LocalError(f"{profile.name} takes new tools only in a new session.")
    frame = encode(_named(profile, {"type": profile.update_event}, event_id) | {"session": {"tools": list(tools)}})
    _check_size(profile, len(frame), tools)
    return frame


_APPEND = b'{"type":"input_audio_buffer.append","audio":"'


def append(pcm: bytes) -> bytes:
    """A chunk of the visitor's voice. Written by hand: this is the frame that is sent fifty times a second."""
    return b'%b%b"}' % (_APPEND, binascii.b2a_base64(pcm, newline=False))


def tool_output(profile: Profile, call_id: str, output: str, event_id: str) -> bytes:
    """The output of a tool call, as a string."""
    item = {"type": "function_call_output", "call_id": call_id, "output": text_of(output)}
    return encode(_named(profile, {"type": "conversation.item.create"}, event_id) | {"item": item})


def text(profile: Profile, words: str, event_id: str) -> bytes:
    """A text item in the role that the profile names."""
    content = [{"type": "input_text", "text": text_of(words)}]
    item = {"type": "message", "role": profile.text_role, "content": content}
    return encode(_named(profile, {"type": "conversation.item.create"}, event_id) | {"item": item})


def create_response(profile: Profile, event_id: str) -> bytes:
    """Let the model speak."""
    return encode(_named(profile, {"type": "response.create"}, event_id))


def cancel(profile: Profile, response: str, event_id: str) -> bytes:
    """Stop generating; without an id: whatever is in flight."""
    frame = _named(profile, {"type": "response.cancel"}, event_id)
    return encode(frame | {"response_id": response} if response else frame)


# Any string that is unique in the session will do (Hydra reference A3); a count needs no chance.
EVENT_ID = "evt_%012d"


def _named(profile: Profile, frame: dict[str, object], event_id: str) -> dict[str, object]:
    return frame | {"event_id": event_id} if profile.event_ids else frame


def _check_size(profile: Profile, size_bytes: int, tools: Tools) -> None:
    if size_bytes <= profile.configure_limit_bytes:
        return
    sizes = sorted(((len(encode(tool)), str(tool.get("name", "?"))) for tool in tools), reverse=True)[:3]
    largest = ", ".join(f"{name} ({size} bytes)" for size, name in sizes)
    advice = f"Largest tools: {largest}." if largest else "There are no tools: shorten the instructions."
    raise LocalError(
        f"Instructions and tools make {size_bytes} bytes; {profile.name} answers without sound above "
        f"{profile.configure_limit_bytes}. {advice}"
    )
