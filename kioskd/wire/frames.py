"""Frames to the service: UTF-8 JSON text, built from values that cannot be spoilt by what tools or owners write.

The ``session`` object is made by shape (kioskd/wire/shapes.py); no key stands in it that the reference does not list (a
misspelt one would silently run the default persona, Hydra reference A3.1) and that the owner did not add.
"""

from __future__ import annotations

import binascii
from typing import Any, Mapping, Sequence

import msgspec

from kioskd.wire.errors import LocalError
from kioskd.wire.profile import Profile
from kioskd.wire.shapes import Setup, Tools, patch_of, session_of

__all__ = ["EVENT_ID", "Setup", "Tools", "append", "cancel", "configure", "tool_output", "update_tools"]


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


def configure(profile: Profile, setup: Setup, event_id: str, without: Sequence[str] = ()) -> bytes:
    """The frame that configures the session. ``without``: fields of the session that are left out.

    Raises:
        LocalError: it is too large (Hydra would take it and then answer without audio: reference A8); the sentence
            names the largest tools.
    """
    session = session_of(profile, setup, without)
    frame = encode(_named(profile, {"type": profile.configure_event}, event_id) | {"session": session})
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
    frame = encode(_named(profile, {"type": profile.update_event}, event_id) | {"session": patch_of(profile, tools)})
    _check_size(profile, len(frame), tools)
    return frame


_APPEND = b'{"type":"input_audio_buffer.append","audio":"'


def append(pcm: bytes) -> bytes:
    """A chunk of the visitor's voice. Written by hand: this is the frame that is sent up to fifty times a second."""
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


def replayed(profile: Profile, role: str, words: str, event_id: str) -> bytes:
    """What was said in a session before this one, as an item of the conversation (dialects reference 8.7)."""
    kind = "input_text" if role == "user" else profile.replay_text
    item = {"type": "message", "role": role, "content": [{"type": kind, "text": text_of(words)}]}
    return encode(_named(profile, {"type": "conversation.item.create"}, event_id) | {"item": item})


def create_response(profile: Profile, event_id: str) -> bytes:
    """Let the model speak."""
    return encode(_named(profile, {"type": "response.create"}, event_id))


def cancel(profile: Profile, response: str, event_id: str) -> bytes:
    """Stop generating; without an id: whatever is in flight."""
    frame = _named(profile, {"type": "response.cancel"}, event_id)
    return encode(frame | {"response_id": response} if response else frame)


def truncate(profile: Profile, item: str, heard_ms: int, event_id: str) -> bytes:
    """Of this item no more than ``heard_ms`` was heard; all three fields, always (dialects reference 4.6, 9.6)."""
    frame = _named(profile, {"type": "conversation.item.truncate"}, event_id)
    return encode(frame | {"item_id": item, "content_index": 0, "audio_end_ms": heard_ms})


def delete(profile: Profile, item: str, event_id: str) -> bytes:
    """Nothing of this item was heard (dialects reference 4.6)."""
    return encode(_named(profile, {"type": "conversation.item.delete"}, event_id) | {"item_id": item})


def commit(profile: Profile, event_id: str) -> bytes:
    """The visitor's turn is over; only where the kiosk finds its end (dialects reference 3.3, 4.3)."""
    return encode(_named(profile, {"type": "input_audio_buffer.commit"}, event_id))


def clear(profile: Profile, event_id: str) -> bytes:
    """What was sent and not committed is no turn; never where the service finds turns (dialects reference 8.4)."""
    return encode(_named(profile, {"type": "input_audio_buffer.clear"}, event_id))


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
    # What happens beyond the limit is known of Hydra alone.
    limit = "answers without sound above" if profile.session_shape == "hydra" else "is sent no more than"
    raise LocalError(
        f"Instructions and tools make {size_bytes} bytes; {profile.name} {limit} "
        f"{profile.configure_limit_bytes}. {advice}"
    )
