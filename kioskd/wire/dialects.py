"""The dialects, as data. Each value and each comment is a fact of the dialects reference or the Hydra reference.

What is not said here is the family's default (profile.py). ``DIALECTS`` are the names that a configuration may use.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Mapping

from kioskd.wire.profile import Profile

HYDRA = Profile(
    name="hydra",
    url="wss://api.smallest.ai/waves/v1/s2s",
    auth="query",  # the documented way; a Bearer header very probably works too (Hydra reference A1)
    # Truth is the echo; docs say 48000 everywhere, the wire says 24000 on v1.1 (Hydra reference A6, contradiction 1).
    out_rate_hz=48_000,
    out_rate_by_model=MappingProxyType({"hydra-v1.1": 24_000}),
    default_model="hydra-v1.1",
    voices_by_model=MappingProxyType(
        {
            "hydra-v1.1": ("zoe", "maya", "elena", "ivy", "grace", "alex", "aria", "leo", "sam", "kai"),
            "hydra-v1.0": tuple(
                "sterling vaughn brooks cole hayes pierce ellis lane quinn arden rowan blair emery sawyer".split()
            ),
        }
    ),
    configure_limit_bytes=32_000,  # above it the answers have no sound (Hydra reference A8)
    min_chunk_bytes=320,  # 10 ms; the documented error says so (Hydra reference A6)
    catch_up=1.0,  # faster than real time gets the socket closed (Hydra reference A6)
    idle_close_s=30,
    # Hydra documents 1000 and 1013 only and asks for an ordinary reconnect on every other close (reference A9);
    # what cannot be cured by it shows again as HTTP 401 at the next upgrade.
    fatal_close=(),
    transport_error_codes=("internal_error", "session_ended", "server_error"),
    turn_lost_codes=("tool_response_timeout", "rate_limit_exceeded", "inference_rate_limit_exceeded"),
    frame_error_codes=("invalid_frame", "invalid_request_error", "invalid_audio"),
)

# The voice service on the device itself: Hydra's dialect on loopback.
LOCAL = replace(HYDRA, name="local", url="ws://127.0.0.1:8715/waves/v1/s2s", needs_key=False)

# Every number is sent: objects with some of them missing got over-sensitive defaults (dialects reference 4.2, 9.8).
_SERVER_VAD: Mapping[str, object] = MappingProxyType(
    {"type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 500}
)
_ANSWERING_VAD = MappingProxyType({**_SERVER_VAD, "create_response": True, "interrupt_response": True})

# OpenAI Realtime as it is since May 2026 (dialects reference 4).
OPENAI = Profile(
    name="openai",
    url="wss://api.openai.com/v1/realtime",
    session_shape="ga",
    configure_event="session.update",
    ready_events=("session.updated",),
    greet_by="create",
    in_rate_hz=24_000,  # PCM is 24 kHz only (4.2)
    voice_field="audio.output.voice",
    in_rate_field="audio.input.format.rate",
    out_rate_field="audio.output.format.rate",
    default_model="gpt-realtime",
    voices=("alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar"),
    turn_modes=("server", "manual"),
    turn_detection=_ANSWERING_VAD,
    # Far from the mouth is where a kiosk's microphone is (4.2).
    session_extra=MappingProxyType({"audio": {"input": {"noise_reduction": {"type": "far_field"}}}}),
    truncates=True,
    replay_text="output_text",  # 8.7
    tool_debounce_ms=0,  # response.create comes when the calling response is done (4.7)
    session_max_s=3600,  # 4.9
)

# Azure OpenAI's v1 surface: the same behind another address and header (5.6). ``model`` is the deployment.
AZURE = replace(
    OPENAI, name="azure", url="", auth_header="api-key", auth_scheme="", needs_model=True, default_model="", voices=()
)

# Hugging Face's local server speaks GA on loopback (5.8).
HUGGING_FACE = replace(
    OPENAI,
    name="huggingface",
    url="ws://127.0.0.1:8765/v1/realtime",
    needs_key=False,
    default_model="",
    voices=(),
    session_max_s=0,
    pong_s=30,  # a model in the same process may hold up whoever answers pings (9.16); a guess
)

# The shape of 2024 and 2025: gone at OpenAI, alive elsewhere (headline 3), so the owner writes where.
OPENAI_BETA = replace(
    OPENAI,
    name="openai-beta",
    replay_text="text",  # 8.7
    url="",
    extra_headers=MappingProxyType({"OpenAI-Beta": "realtime=v1"}),
    session_shape="flat",
    voice_field="voice",
    in_rate_field="input_audio_sampling_rate",
    out_rate_field="output_audio_sampling_rate",
    default_model="",
    voices=(),
    session_extra=MappingProxyType({"input_audio_format": "pcm16", "output_audio_format": "pcm16"}),
)

# Azure Voice Live: the beta shape, and an echo canceller on the server (5.6, 7.1).
VOICE_LIVE = replace(
    OPENAI_BETA,
    name="voice-live",
    needs_model=True,
    extra_headers=MappingProxyType({}),
    auth_header="api-key",
    auth_scheme="",
    query=MappingProxyType({"api-version": "2026-07-15"}),
    in_rate_hz=16_000,
    session_extra=MappingProxyType(
        {
            **OPENAI_BETA.session_extra,
            "input_audio_sampling_rate": 16_000,
            "input_audio_echo_cancellation": {"type": "server_echo_cancellation"},
        }
    ),
    session_max_s=3600,
)

# MythicDot: the beta shape, thinly documented (2); what is not known is assumed as section 11 says.
MYTHICDOT = Profile(
    name="mythicdot",
    url="wss://api.mythicdot.ai/v1/realtime",
    auth="subprotocol",
    subprotocols=("realtime", "mythicdot-api-key.{api_key}"),
    session_shape="flat",
    created_patience_s=2,  # section 7
    configure_event="session.update",
    ready_events=("session.updated",),
    ready_patience_s=3,  # U4: silence without an error is ready
    droppable=("turn_detection",),  # U3
    greet_by="create",
    update_keys=(),
    takes_tools=False,  # U5
    event_ids=False,  # 7.1: none is shown
    in_rate_hz=24_000,  # U1
    in_rate_field="",
    out_rate_field="",
    voices=("nova", "alloy", "echo", "fable", "onyx", "shimmer"),
    turn_detection=_SERVER_VAD,  # U3
    server_cancels=False,  # 2.1: the client sends response.cancel
    cancel_patience_s=2,  # 8.4: whether a cancelled answer is ended is not documented
    tool_debounce_ms=0,
    session_max_s=3600,
    rotate_margin_s=300,  # U7: at 55 minutes
)

# HybrIE's own engine behind its gateway (3). 16 kHz up, 24 kHz down.
HYBRIE = Profile(
    name="hybrie",
    url="wss://api.stimulir.com/api/v1/inference/realtime",
    model_param="",  # 3.1: the model rides in the session
    session_shape="hybrie",
    configure_on="open",  # U10: nothing may come before it
    configure_event="session.update",
    ready_events=("session.created", "session.updated"),  # 3.4: either one
    model_in_session=True,
    greet_by="create",
    update_keys=(),  # 3.2: a second session.update is what closes the connection with 1007
    takes_tools=False,  # U14
    event_ids=False,  # 7.1: its SDK sends none
    in_rate_field="",
    out_rate_field="",
    default_model="Qwen2.5-Omni-3B",
    turn_modes=("server", "manual"),
    create_after_commit_s=1.5,  # U13
    server_cancels=False,  # assumed (section 7): it may not even say that it hears somebody (U11)
    cancel_patience_s=2,  # U12, 8.4
    tool_debounce_ms=0,
    session_max_s=900,
    rotate_margin_s=60,  # U16: at 14 minutes
)

HYBRIE_GEMINI = replace(
    HYBRIE,
    name="hybrie-gemini",
    query=MappingProxyType({"provider": "gemini"}),
    default_model="gemini-2.5-flash-native-audio-preview-12-2025",
    session_max_s=600,  # Gemini's own limit shines through (3.5); U16: at 9 minutes
    pong_s=30,  # and perhaps its slowness (9.17)
)

# The self-hosted runtime: the same behind the owner's address, with or without a key (U17), and turns that the kiosk
# commits: its engine is not promised to find their ends (3.2).
HYBRIE_RAW = replace(HYBRIE, name="hybrie-raw", url="", needs_key=False, turns="manual", session_max_s=0, pong_s=30)

# xAI Grok Voice: GA events, another shape of the session (5.2).
GROK = replace(
    OPENAI,
    name="grok",
    url="wss://api.x.ai/v1/realtime",
    session_shape="xai",
    created_events=("session.created", "conversation.created"),
    in_rate_hz=16_000,  # of the rates that it takes the one that the kiosk has
    voice_field="voice",
    default_model="grok-voice-latest",
    voices=(),
    turn_detection=_SERVER_VAD,
    session_extra=MappingProxyType({}),
    rotate_margin_s=300,  # U26: at 55 minutes
)

# Inworld: GA with a language model's route as its model (5.5).
INWORLD = replace(
    OPENAI,
    name="inworld",
    url="wss://api.inworld.ai/api/v1/realtime/session",
    auth_scheme="Basic",
    query=MappingProxyType({"key": "{session_id}", "protocol": "realtime"}),
    model_param="",
    model_in_session=True,
    session_extra=MappingProxyType({"output_modalities": ["audio", "text"]}),
    in_rate_hz=16_000,  # of the rates that it takes the one that the kiosk has
    min_chunk_bytes=640,
    default_model="openai/gpt-4o-mini",
    voices=(),
    turn_detection=MappingProxyType(
        {"type": "semantic_vad", "eagerness": "medium", "create_response": True, "interrupt_response": True}
    ),
    truncates=False,
    session_max_s=0,
)

DIALECTS: Mapping[str, Profile] = MappingProxyType(
    {
        profile.name: profile
        for profile in (
            *(HYDRA, LOCAL, MYTHICDOT, HYBRIE, HYBRIE_GEMINI, HYBRIE_RAW, OPENAI, AZURE, HUGGING_FACE),
            *(OPENAI_BETA, VOICE_LIVE, GROK, INWORLD),
        )
    }
)
