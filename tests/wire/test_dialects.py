"""The dialects as data: what an owner may write, and the documented frames of each (dialects reference 7.1)."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kioskd.wire import frames
from kioskd.wire.conversation import READINGS
from kioskd.wire.dialects import DIALECTS
from kioskd.wire.errors import ProtocolError
from kioskd.wire.facts import Ended
from kioskd.wire.session import Session
from kioskd.wire.shapes import SHAPES, Setup
from kioskd.wire.tailor import mistakes_of

SETUP = Setup(instructions="...", voice="aria", tools=(), greet=False, model="", out_rate_hz=None)
VAD = {"type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 500}
ANSWERING = {**VAD, "create_response": True, "interrupt_response": True}
PCM16 = {"type": "audio/pcm", "rate": 16000}
PCM24 = {"type": "audio/pcm", "rate": 24000}
GA_AUDIO = {
    "input": {"format": PCM24, "noise_reduction": {"type": "far_field"}, "turn_detection": ANSWERING},
    "output": {"format": PCM24, "voice": "marin"},
}
GA = {"type": "realtime", "output_modalities": ["audio"], "instructions": "...", "audio": GA_AUDIO}
FLAT = {"modalities": ["text", "audio"], "voice": "alloy", "instructions": "..."}
PCM = {"input_audio_format": "pcm16", "output_audio_format": "pcm16"}
TOOLS: dict[str, Any] = {"tools": [], "tool_choice": "auto"}
SMART = {"type": "semantic_vad", "eagerness": "medium", "create_response": True, "interrupt_response": True}

# The frames of dialects reference 7.1, with what 5.2 to 5.6 say of the others.
CONFIGURED: dict[str, tuple[str, dict[str, Any]]] = {
    "hydra": ("aria", {"instructions": "...", "voice": "aria", "tools": [], "generate_initial_response": False}),
    "local": ("aria", {"instructions": "...", "voice": "aria", "tools": [], "generate_initial_response": False}),
    "mythicdot": ("nova", {**FLAT, "voice": "nova", "turn_detection": VAD}),
    "hybrie": ("v", {"model": "Qwen2.5-Omni-3B", "modalities": ["audio"], "instructions": "...", "voice": "v"}),
    "hybrie-gemini": (
        "v",
        {
            "model": "gemini-2.5-flash-native-audio-preview-12-2025",
            "modalities": ["audio"],
            "instructions": "...",
            "voice": "v",
        },
    ),
    "hybrie-raw": (
        "v",
        {
            "model": "Qwen2.5-Omni-3B",
            "modalities": ["audio"],
            "instructions": "...",
            "voice": "v",
            "turn_detection": {"type": "none"},
        },
    ),
    "openai-beta": ("alloy", {**FLAT, **PCM, "turn_detection": ANSWERING, **TOOLS}),
    "voice-live": (
        "alloy",
        {
            **FLAT,
            **PCM,
            "turn_detection": ANSWERING,
            **TOOLS,
            "input_audio_sampling_rate": 16000,
            "input_audio_echo_cancellation": {"type": "server_echo_cancellation"},
        },
    ),
    "openai": ("marin", {**GA, **TOOLS}),
    "azure": ("marin", {**GA, **TOOLS}),
    "huggingface": ("marin", {**GA, **TOOLS}),
    "grok": (
        "eve",
        {
            "voice": "eve",
            "instructions": "...",
            "turn_detection": VAD,
            "audio": {"input": {"format": PCM16}, "output": {"format": PCM24}},
            **TOOLS,
        },
    ),
    "inworld": (
        "v",
        {
            "type": "realtime",
            "model": "openai/gpt-4o-mini",
            "output_modalities": ["audio", "text"],
            "instructions": "...",
            "audio": {
                "input": {"format": PCM16, "noise_reduction": None, "turn_detection": SMART},
                "output": {"format": PCM24, "voice": "v"},
            },
            **TOOLS,
        },
    ),
}
CONFIGURED["inworld"][1]["audio"]["input"].pop("noise_reduction")


@pytest.mark.parametrize("name", DIALECTS)
def test_the_configuration_is_the_documented_frame(name: str) -> None:
    voice, session = CONFIGURED[name]
    frame = json.loads(frames.configure(DIALECTS[name], replace(SETUP, voice=voice), "e1"))
    assert frame.pop("session") == session
    hydra = name in ("hydra", "local")
    assert frame.pop("type") == ("session.configure" if hydra else "session.update")
    quiet = name == "mythicdot" or name.startswith("hybrie")  # none is shown there (7.1)
    assert frame == ({} if quiet else {"event_id": "e1"})


@pytest.mark.parametrize("name", DIALECTS)
def test_a_dialect_is_one_that_an_owner_could_have_written(name: str) -> None:
    profile = DIALECTS[name]
    assert profile.name == name and profile.session_shape in SHAPES
    assert list(mistakes_of(profile, {})) == []
    assert profile.in_rate_hz in (16_000, 24_000) and profile.turns in profile.turn_modes
    assert profile.url == "" or profile.url.startswith("wss://") or not profile.needs_key


def test_who_cancels_truncates_and_takes_tools_is_as_documented() -> None:
    """Dialects reference 6.2 and 7."""
    cancels = {name for name, profile in DIALECTS.items() if not profile.server_cancels}
    assert cancels == {"mythicdot", "hybrie", "hybrie-gemini", "hybrie-raw"}
    truncates = {name for name, profile in DIALECTS.items() if profile.truncates}
    assert truncates == {"openai", "azure", "huggingface", "openai-beta", "voice-live", "grok"}
    assert {name for name, profile in DIALECTS.items() if not profile.takes_tools} == cancels


KINDS = st.sampled_from(sorted(READINGS) + ["session.created", "session.configured", "error", "warning", "ping"])
ATOMS = st.none() | st.booleans() | st.integers() | st.sampled_from(["r1", "c1", "AAAA", "completed", "function_call"])
FIELDS = st.sampled_from(
    "response_id item_id delta audio call_id name arguments item response status id type session error".split()
)
VALUES = st.recursive(ATOMS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(FIELDS, inner, max_size=4))


@pytest.mark.parametrize("name", DIALECTS)
@settings(max_examples=60, deadline=None)
@given(sent=st.lists(st.tuples(KINDS, st.dictionaries(FIELDS, VALUES, max_size=5)), max_size=12), live=st.booleans())
def test_no_frame_raises_anything_but_a_protocol_error(
    name: str, sent: list[tuple[str, dict[str, Any]]], live: bool
) -> None:
    session = Session(DIALECTS[name], SETUP)
    if live:
        session.press_on()
        session.press_on()
    for kind, fields in sent:
        try:
            session.receive(json.dumps({**fields, "type": kind}))
        except ProtocolError:
            break
        for fact in session.facts():
            if isinstance(fact, Ended):
                session.assume_done(fact.response)
        session.outgoing()
    assert session.counters.frames <= len(sent)


def test_nobody_changes_a_dialect() -> None:
    for profile in DIALECTS.values():
        extra: Any = profile.session_extra
        with pytest.raises(TypeError):
            extra["x"] = 1
        with pytest.raises(AttributeError):
            setattr(profile, "url", "wss://elsewhere")
