from __future__ import annotations

import base64
import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kioskd.wire import messages as m

PCM = bytes(range(64))
B64 = base64.b64encode(PCM).decode()


def delta(**fields: object) -> bytes:
    return json.dumps({"type": "response.output_audio.delta", "response_id": "r1", **fields}).encode()


@pytest.mark.parametrize(
    "fields",
    [
        {"delta": B64},
        {"audio": B64},
        {"delta": "", "audio": B64},
        {"delta": None, "audio": B64},
        {"delta": B64, "audio": "AAAA"},
        {"delta": B64 + "\n"},
        {"delta": B64[:20] + "\r\n " + B64[20:]},
        {"delta": B64.rstrip("=")},
    ],
)
def test_audio_is_found_wherever_and_however_it_is_packed(fields: dict[str, object]) -> None:
    assert m.read_audio(delta(**fields)).delta == PCM


def test_a_slash_that_was_escaped_is_a_slash() -> None:
    assert m.read_audio(b'{"type":"x","delta":"AA\\/A"}').delta == base64.b64decode("AA/A")


@pytest.mark.parametrize("text", ["?", "A", "AAAAA", "AA==AA==", "AA-_", "é", "=", "AAA=A"])
def test_what_is_no_base64_is_bad_audio(text: str) -> None:
    with pytest.raises(m.BadAudio):
        m.read_audio(delta(delta=text))


@pytest.mark.parametrize("value", [5, ["AAAA"], {"a": 1}, True])
def test_audio_that_is_no_text_is_malformed_not_bad(value: object) -> None:
    with pytest.raises(msgspec.ValidationError):
        m.read_audio(delta(delta=value))


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 300))
def test_white_space_and_lost_padding_never_change_the_bytes(pcm: bytes, at: int) -> None:
    packed = base64.b64encode(pcm).decode().rstrip("=")
    assert m.loose_base64(packed[:at] + " \n" + packed[at:]) == pcm


@pytest.mark.parametrize(
    "frame, words",
    [
        (
            {"error": {"type": "t", "code": "c", "message": "m", "param": "p", "event_id": "evt_1"}},
            ("c", "m", "p", "evt_1"),
        ),
        ({"error": {"type": "only_type", "message": "m"}}, ("only_type", "m", "", "")),
        ({"error": {"code": None, "type": "t", "message": "m"}}, ("t", "m", "", "")),
        ({"code": "top", "message": "m"}, ("top", "m", "", "")),
        ({"warning": {"code": "inner", "message": "m"}}, ("inner", "m", "", "")),
        ({"code": "top", "warning": "words"}, ("top", "words", "", "")),
        ({"error": "words"}, ("", "words", "", "")),
        ({"error": {"code": 1013, "message": "a\nb\x1b"}}, ("1013", "a b", "", "")),
    ],
)
def test_an_error_says_the_same_wherever_its_words_stand(frame: dict[str, object], words: tuple[str, ...]) -> None:
    assert m.read_trouble(json.dumps({"type": "error", **frame}).encode()) == words


def test_an_error_without_words_is_shown_as_it_came_and_bounded() -> None:
    words = m.read_trouble(b'{"type":"error","detail":"' + b"x" * 1000 + b'"}')
    assert words.code == "" and words.message.startswith('{"type":"error","detail":"xxx')
    assert len(words.message) == 300


def outcome(response: object, **top: object) -> m.Outcome:
    frame = msgspec.convert({"response": response, **top}, m.ResponseFrame)
    return m.outcome_of(frame)


@pytest.mark.parametrize(
    "response, expected",
    [
        ({"status": "completed"}, ("completed", "", "")),
        ({"status": "cancelled", "status_details": {"reason": "interrupted"}}, ("cancelled", "interrupted", "")),
        (
            {"status": "cancelled", "status_details": {"reason": "client_cancelled"}},
            ("cancelled", "client_cancelled", ""),
        ),
        (
            {"status": "incomplete", "status_details": {"reason": "max_output_tokens"}},
            ("incomplete", "max_output_tokens", ""),
        ),
        (
            {"status": "incomplete", "status_details": {"reason": "content_filter"}},
            ("incomplete", "content_filter", ""),
        ),
        (
            {"status": "failed", "status_details": {"type": "t", "error": {"code": "c", "type": "e"}}},
            ("failed", "", "c"),
        ),
        ({"status": "failed", "status_details": {"error": {"type": "e"}}}, ("failed", "", "e")),
        ({"status": "failed", "status_details": "words"}, ("failed", "", "")),
        ({"status": "failed", "status_details": {"error": "words"}}, ("failed", "", "")),
        ({}, ("completed", "", "")),
        (None, ("completed", "", "")),
        ({"status": "exploded"}, ("failed", "exploded", "")),
    ],
)
def test_every_end_of_a_response_is_understood(response: object, expected: tuple[str, str, str]) -> None:
    assert outcome(response)[:3] == expected


@pytest.mark.parametrize(
    "usage, kept",
    [
        (
            {"input_tokens": 210, "output_tokens": 95, "total_tokens": 305},
            {"input_tokens": 210, "output_tokens": 95, "total_tokens": 305},
        ),
        (None, None),
        ("many", None),
        ({"input_tokens": "x", "more": {"a": 1}, "bad": -1, "flag": True}, None),
        ({"total_tokens": 3.0, "huge": 2**60}, {"total_tokens": 3}),
        ({"type": "duration", "seconds": 4.1258}, {"seconds": 4.126}),
        ({"seconds": float("inf"), "minutes": float("nan"), "less": -0.5}, None),
    ],
)
def test_usage_is_a_bonus(usage: object, kept: object) -> None:
    assert outcome({"usage": usage}).usage == kept
    assert outcome({}, usage=usage).usage == kept


def test_usage_is_bounded() -> None:
    kept = outcome({"usage": {f"k{number}": number for number in range(500)}}).usage
    assert kept is not None and len(kept) == m.USAGE_KEYS


def test_only_whole_calls_are_taken_from_the_output_of_a_response() -> None:
    call = {"type": "function_call", "call_id": "c1", "name": "n", "arguments": "{}"}
    output: list[object] = [
        call | {"status": "incomplete"},
        call | {"arguments": ""},
        call | {"call_id": None},
        call | {"name": 5},
    ]
    output += [{"type": "message"}, "words", None, call | {"status": "completed"}]
    assert [item.call_id for item in m.calls_in(output)] == ["c1"]
    assert list(m.calls_in("words")) == list(m.calls_in(None)) == []


@pytest.mark.parametrize(
    "content, words",
    [
        ([{"type": "input_audio", "text": None}], ""),
        ([{"type": "input_audio", "text": "open the door"}], "open the door"),
        ([{"text": "one"}, {"transcript": "two"}, "junk"], "one two"),
        ("junk", ""),
        (None, ""),
    ],
)
def test_a_transcript_is_read_where_a_service_sends_one(content: object, words: str) -> None:
    assert m.transcript_of(m.Item(content=content)) == words
