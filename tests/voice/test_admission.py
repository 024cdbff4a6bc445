"""Who is let in, and what is spoken with them."""

from __future__ import annotations

import pytest

from kioskd.voice.admission import Wrong, caller, dialect_of, knows, protocol_of
from kioskd.voice.dialects import DIALECTS


@pytest.mark.parametrize(
    "target, headers, dialect",
    [
        ("/waves/v1/s2s?model=hydra-v1.0", {}, "hydra"),
        ("/v1/realtime?model=x", {}, "openai"),
        ("/v1/realtime", {"OpenAI-Beta": "realtime=v1"}, "openai-beta"),
        ("/v1/realtime", {"Sec-WebSocket-Protocol": "realtime, openai-beta.realtime-v1"}, "openai-beta"),
        ("/v1/realtime", {"Sec-WebSocket-Protocol": "realtime, mythicdot-api-key.k"}, "mythicdot"),
        ("/v1/realtime?dialect=hybrie-raw", {}, "hybrie-raw"),
        ("/openai/v1/realtime?model=d", {}, "azure"),
        ("/openai/realtime?api-version=1&deployment=d", {}, "openai-beta"),
        ("/voice-live/realtime?api-version=1", {}, "voice-live"),
        ("/api/v1/inference/realtime", {}, "hybrie"),
        ("/api/v1/inference/realtime?provider=gemini", {}, "hybrie-gemini"),
        ("/api/v1/realtime/session?key=s&protocol=realtime", {}, "inworld"),
        ("/anything?dialect=grok", {"OpenAI-Beta": "realtime=v1"}, "grok"),
    ],
)
def test_the_dialect_goes_by_name_path_subprotocol_and_header(
    target: str, headers: dict[str, str], dialect: str
) -> None:
    assert dialect_of(caller(target, headers)).name == dialect


def test_every_dialect_can_be_asked_for_by_name() -> None:
    for name in DIALECTS:
        assert dialect_of(caller(f"/?dialect={name}", {})).name == name


@pytest.mark.parametrize(
    "target, status, sentence",
    [
        ("/nowhere", 404, "sessions are at /waves/v1/s2s"),
        ("/?dialect=gemini-live", 400, "'gemini-live' is not spoken here"),
        ("/waves/v1/s2s?model=hydra-v9", 400, "model is one of"),
    ],
)
def test_what_is_not_spoken_is_said(target: str, status: int, sentence: str) -> None:
    with pytest.raises(Wrong, match=sentence) as wrong:
        dialect_of(caller(target, {}))
    assert wrong.value.status == status


@pytest.mark.parametrize(
    "target, headers",
    [
        ("/?api_key=tok", {}),
        ("/", {"Authorization": "Bearer tok"}),
        ("/", {"authorization": "basic tok"}),
        ("/", {"api-key": "tok"}),
        ("/", {"Sec-WebSocket-Protocol": "realtime,mythicdot-api-key.tok"}),
        ("/", {"Sec-WebSocket-Protocol": "realtime, openai-insecure-api-key.tok"}),
    ],
)
def test_the_token_is_found_wherever_a_dialect_carries_it(target: str, headers: dict[str, str]) -> None:
    assert knows("tok", caller(target, headers)) and not knows("other", caller(target, headers))


def test_without_a_token_everybody_is_known_and_with_one_nobody_without() -> None:
    assert knows(None, caller("/", {}))
    for headers in ({}, {"Authorization": "tok"}, {"Authorization": "Digest tok"}, {"Authorization": "Bearer \udcff"}):
        assert not knows("tok", caller("/", headers))


def test_the_subprotocol_that_is_agreed_on_is_never_the_one_with_the_key() -> None:
    assert protocol_of(caller("/", {"Sec-WebSocket-Protocol": "mythicdot-api-key.k, realtime"})) == "realtime"
    assert protocol_of(caller("/", {"Sec-WebSocket-Protocol": "mythicdot-api-key.k"})) is None
