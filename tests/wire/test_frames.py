from __future__ import annotations

import base64
import json
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest

from kioskd.wire import frames
from kioskd.wire.errors import LocalError
from kioskd.wire.frames import Setup
from kioskd.wire.profile import Profile

TOOL = {
    "type": "function",
    "name": "get_weather",
    "description": "Look up current weather for a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


def read(frame: bytes) -> Any:
    return json.loads(frame.decode("utf-8"))


def test_the_configure_frame_is_the_documented_one(hydra: Profile, setup: Setup) -> None:
    assert frames.configure(hydra, setup, "e1") == (
        b'{"type":"session.configure","event_id":"e1","session":{"instructions":"Be brief.","voice":"aria",'
        b'"tools":[],"generate_initial_response":false}}'
    )


def test_an_unset_voice_is_left_out(hydra: Profile, setup: Setup) -> None:
    session = read(frames.configure(hydra, replace(setup, voice=None, greet=True, tools=(TOOL,)), "e1"))["session"]
    assert session == {"instructions": "Be brief.", "tools": [TOOL], "generate_initial_response": True}


def test_a_service_without_event_ids_gets_none(hydra: Profile, setup: Setup) -> None:
    quiet = replace(hydra, event_ids=False)
    made = [
        frames.configure(quiet, setup, "e"),
        frames.update_tools(quiet, [], "e"),
        frames.tool_output(quiet, "c", "o", "e"),
        frames.text(quiet, "t", "e"),
        frames.create_response(quiet, "e"),
        frames.cancel(quiet, "r", "e"),
    ]
    assert not any("event_id" in read(frame) for frame in made)


def test_read_only_sections_are_written_like_any_other(hydra: Profile, setup: Setup) -> None:
    tool = MappingProxyType({**TOOL, "parameters": MappingProxyType({"type": "object"})})
    assert read(frames.configure(hydra, replace(setup, tools=(tool,)), "e"))["session"]["tools"] == [
        {**TOOL, "parameters": {"type": "object"}}
    ]


def test_an_append_frame_carries_the_chunk() -> None:
    pcm = bytes(range(256)) * 2 + bytes(128)
    assert read(frames.append(pcm)) == {
        "type": "input_audio_buffer.append",
        "audio": base64.b64encode(pcm).decode(),
    }


def test_the_other_frames_are_the_documented_ones(hydra: Profile) -> None:
    assert read(frames.tool_output(hydra, "call_abc", "12°C, light rain", "e")) == {
        "type": "conversation.item.create",
        "event_id": "e",
        "item": {"type": "function_call_output", "call_id": "call_abc", "output": "12°C, light rain"},
    }
    assert read(frames.text(hydra, "Printer is out of paper.", "e")) == {
        "type": "conversation.item.create",
        "event_id": "e",
        "item": {
            "type": "message",
            "role": "system",
            "content": [{"type": "input_text", "text": "Printer is out of paper."}],
        },
    }
    assert read(frames.create_response(hydra, "e")) == {"type": "response.create", "event_id": "e"}
    assert read(frames.cancel(hydra, "resp_123", "e")) == {
        "type": "response.cancel",
        "event_id": "e",
        "response_id": "resp_123",
    }
    assert read(frames.cancel(hydra, "", "e")) == {"type": "response.cancel", "event_id": "e"}
    assert read(frames.update_tools(hydra, [TOOL], "e")) == {
        "type": "session.update",
        "event_id": "e",
        "session": {"tools": [TOOL]},
    }


def test_what_a_device_spoilt_is_marked_and_sent_all_the_same(hydra: Profile) -> None:
    assert read(frames.tool_output(hydra, "c", "bad \udcff byte", "e"))["item"]["output"] == "bad ? byte"
    assert read(frames.text(hydra, "\ud800", "e"))["item"]["content"][0]["text"] == "?"


def test_a_setup_just_below_the_limit_is_taken_and_one_byte_more_is_not(hydra: Profile, setup: Setup) -> None:
    room = hydra.configure_limit_bytes - frames.configure_size(hydra, setup)
    whole = replace(setup, instructions=setup.instructions + "x" * room)
    assert frames.configure_size(hydra, whole) == hydra.configure_limit_bytes
    with pytest.raises(LocalError, match="shorten the instructions"):
        frames.configure_size(hydra, replace(whole, instructions=whole.instructions + "x"))


def test_tools_that_are_too_large_are_named_largest_first(hydra: Profile, setup: Setup) -> None:
    tools = tuple(
        {**TOOL, "name": name, "description": "x" * size}
        for name, size in (("small", 10), ("huge", 20_000), ("large", 12_000), ("middle", 3_000), ("tiny", 1))
    )
    with pytest.raises(LocalError) as caught:
        frames.configure(hydra, replace(setup, tools=tools), "e")
    said = str(caught.value)
    assert said.index("huge") < said.index("large") < said.index("middle")
    assert "small" not in said and "tiny" not in said and "32000" in said
    with pytest.raises(LocalError, match="huge"):
        frames.update_tools(hydra, tools, "e")


def test_a_setup_that_json_cannot_hold_is_our_own_fault(hydra: Profile, setup: Setup) -> None:
    for tool in ({"type": "function", "name": {1, 2}.__iter__()}, {"description": "\ud800"}):
        with pytest.raises(LocalError, match="JSON"):
            frames.configure(hydra, replace(setup, tools=(tool,)), "e")


def test_an_unknown_session_shape_is_named(hydra: Profile, setup: Setup) -> None:
    with pytest.raises(LocalError, match="cubist"):
        frames.configure(replace(hydra, session_shape="cubist"), setup, "e")


def test_a_profile_without_updates_says_so(hydra: Profile) -> None:
    with pytest.raises(LocalError, match="new session"):
        frames.update_tools(replace(hydra, update_keys=()), [], "e")
