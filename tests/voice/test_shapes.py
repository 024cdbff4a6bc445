"""What a client may configure, by dialect."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kioskd.voice import hydra
from kioskd.voice.dialects import DIALECTS
from kioskd.voice.hydra import Refused
from kioskd.voice.shapes import Setup, echo, read_setup

PCM = {"type": "audio/pcm", "rate": 24000}


def read(name: str, **session: Any) -> Setup:
    frame = hydra.parse(json.dumps({"type": DIALECTS[name].configures, "event_id": "e1", "session": session}))
    return read_setup(DIALECTS[name], frame)


def refusal(name: str, **session: Any) -> Any:
    with pytest.raises(Refused) as refused:
        read(name, **session)
    return refused.value.event["error"]


def test_ga_is_read_from_where_it_stands() -> None:
    audio = {"input": {"format": PCM, "turn_detection": None}, "output": {"format": PCM, "voice": "marin"}}
    setup = read("openai", type="realtime", instructions="Be brief.", audio=audio)
    assert (setup.instructions, setup.voice, setup.by_hand, setup.in_rate_hz) == ("Be brief.", "marin", True, 24000)
    assert echo(setup, "s1")["audio"] == audio and echo(setup, "s1")["id"] == "s1"


@pytest.mark.parametrize(
    "session, param",
    [
        ({"temperature": 1}, "session.temperature"),
        ({"voice": "marin"}, "session.voice"),
        ({"audio": {"input": {"vad": {}}}}, "session.audio.input.vad"),
        ({"audio": {"inputs": {}}}, "session.audio.inputs"),
    ],
)
def test_ga_refuses_the_whole_for_one_unknown_field(session: dict[str, Any], param: str) -> None:
    """Dialects reference 4.1."""
    told = refusal("openai", type="realtime", **session)
    assert (told["code"], told["param"], told["event_id"]) == ("unknown_parameter", param, "e1")


def test_ga_wants_its_kind() -> None:
    assert refusal("openai", instructions="x")["code"] == "missing_required_parameter"


@pytest.mark.parametrize(
    "name, session",
    [
        ("openai", {"type": "realtime", "audio": {"input": {"format": {"type": "audio/pcm", "rate": 16000}}}}),
        ("openai", {"type": "realtime", "audio": {"output": {"format": {"type": "audio/pcmu"}}}}),
        ("grok", {"audio": {"input": {"format": {"type": "audio/pcm", "rate": 96000}}}}),
        ("grok", {"audio": {"input": {"format": {"type": "audio/pcm", "rate": True}}}}),
        ("openai-beta", {"input_audio_format": "g711_ulaw"}),
        ("openai-beta", {"instructions": 3}),
        ("openai-beta", {"voice": {}}),
        ("openai-beta", {"tools": [{"name": "x"}]}),
        ("openai-beta", {"audio": []}),
    ],
)
def test_what_cannot_be_is_refused(name: str, session: dict[str, Any]) -> None:
    assert refusal(name, **session)["type"] == "invalid_request_error"


def test_rates_are_chosen_where_the_dialect_lets_one() -> None:
    assert read("voice-live", input_audio_sampling_rate=16000).in_rate_hz == 16000
    assert read("grok", audio={"output": {"format": {"type": "audio/pcm", "rate": 48000}}}).out_rate_hz == 48000
    assert read("hybrie", model="m").in_rate_hz == 16000 and read("hydra").out_rate_hz == 0


@pytest.mark.parametrize("asked, by_hand", [({}, False), ({"turn_detection": None}, True)])
def test_turns_are_the_clients_when_it_says_so(asked: dict[str, Any], by_hand: bool) -> None:
    """Dialects reference 3.2, 4.2."""
    assert read("openai-beta", **asked).by_hand is by_hand
    assert read("mythicdot", **asked).by_hand is False
    assert read("hybrie", turn_detection={"type": "none"}).by_hand is True
    assert read("hybrie", turn_detection={"type": "server_vad"}).by_hand is False
