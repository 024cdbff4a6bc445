"""Every frame that a service may answer with."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kioskd.wire.errors import LocalError, ProtocolError
from kioskd.wire.lightning import (
    MOST_FRAME_BYTES,
    MOST_SKIPPED,
    MOST_SOUND_S,
    Complete,
    Sound,
    Speech,
    SpeechRefused,
    Word,
    complaint,
)
from kioskd.wire.lightning_request import Request


def chunk(pcm: bytes, task: str = "task_1", **more: object) -> str:
    audio = base64.b64encode(pcm).decode()
    return json.dumps({"session_id": "ws_1", "request_id": task, "status": "chunk", "data": {"audio": audio}, **more})


def complete(task: str = "task_1") -> str:
    return json.dumps({"session_id": "ws_1", "request_id": task, "status": "complete"})


def asked(**keys: Any) -> Speech:
    speech = Speech()
    speech.ask(Request(**{"text": "Hello.", "voice": "magnus", **keys}))
    return speech


def test_sound_words_and_the_end_come_out() -> None:
    speech = asked()
    assert speech.busy
    assert speech.receive(chunk(b"\x01\x00\x02\x00")) == Sound(b"\x01\x00\x02\x00")
    stamp = {"id": 2, "word": "$100", "start": 1.12, "end": 1.92}
    row = {"session_id": "ws", "request_id": "task_1", "status": "word_timestamp", "data": stamp}
    assert speech.receive(json.dumps(row)) == Word(2, "$100", 1.12, 1.92)
    assert speech.receive(complete()) == Complete() and not speech.busy


def test_the_old_end_with_its_message_is_an_end_too() -> None:
    old = {"status": "complete", "message": "All chunks sent", "done": True}
    assert asked().receive(json.dumps(old)) == Complete()


def test_half_a_sample_waits_for_its_other_half() -> None:
    speech = asked()
    assert speech.receive(chunk(b"\x01\x00\x02")) == Sound(b"\x01\x00")
    assert speech.receive(chunk(b"\x00\x03\x00")) == Sound(b"\x02\x00\x03\x00")


def test_late_frames_of_the_request_before_are_nobodys() -> None:
    speech = asked()
    speech.receive(chunk(b"\x01\x00"))
    speech.receive(complete())
    assert speech.receive(chunk(b"\x09\x00")) is None, "nothing is asked for"
    speech.ask(Request(text="Next.", voice="magnus"))
    assert speech.receive(chunk(b"\x09\x00")) is None and speech.receive(complete()) is None
    assert speech.receive(chunk(b"\x02\x00", "task_2")) == Sound(b"\x02\x00")
    assert speech.late == 3


def test_our_own_id_tells_whose_frame_it_is() -> None:
    speech = asked(request_id="b")
    assert speech.receive(chunk(b"\x01\x00", "task_9", external_request_id="a")) is None
    assert speech.receive(chunk(b"\x01\x00", "task_9", external_request_id="b")) == Sound(b"\x01\x00")


def test_one_request_at_a_time_unless_the_text_goes_on() -> None:
    speech = asked()
    with pytest.raises(LocalError, match="one request"):
        speech.ask(Request(text="Two.", voice="magnus"))
    going_on = asked(more=True)
    going_on.ask(Request(text="", voice="magnus", flush=True))
    assert going_on.receive(chunk(b"\x01\x00")) == Sound(b"\x01\x00")


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        ({"status": "error", "message": "Connection timed out"}, "Connection timed out"),
        ({"status": "error", "error": {"message": "no such voice", "code": "x"}}, "no such voice"),
        ({"status": "error", "error": [{"code": "custom", "message": "Invalid Voice ID"}]}, "Invalid Voice ID"),
        ({"status": "error", "error": "Unauthorized"}, "Unauthorized"),
        ({"status": "error", "message": "two\n\x1b[31mlines"}, "two [31mlines"),
        ({"status": "error", "error": []}, '{"status": "error", "error": []}'),
    ],
)
def test_an_error_is_understood_in_each_of_its_shapes(frame: dict[str, object], said: str) -> None:
    speech = asked()
    with pytest.raises(SpeechRefused) as refused:
        speech.receive(json.dumps(frame))
    assert str(refused.value) == said and not speech.busy


def test_an_error_of_a_megabyte_stays_a_line() -> None:
    assert len(complaint(json.dumps({"message": "x" * 900_000}))) <= 300


def test_what_is_not_understood_is_skipped_but_not_for_ever() -> None:
    speech = asked()
    odd = [
        b"\x00\x01",
        "no json",
        "[]",
        '{"status": 7}',
        '{"status": "new"}',
        chunk(b"")[:-9] + "!!!!" + '"}}',
        "\ud800",
    ]
    for frame in odd:
        assert speech.receive(frame) is None
    assert speech.skipped == len(odd)
    with pytest.raises(ProtocolError, match="does not speak as Lightning"):
        for _ in range(MOST_SKIPPED):
            speech.receive("no json")


def test_frames_and_sound_are_bounded() -> None:
    with pytest.raises(ProtocolError) as large:
        asked().receive("x" * (MOST_FRAME_BYTES + 1))
    assert large.value.code == 1009
    speech, second = asked(rate_hz=8000), chunk(bytes(16_000))
    for _ in range(int(MOST_SOUND_S)):
        speech.receive(second)
    with pytest.raises(ProtocolError, match="more than 180 s"):
        speech.receive(second)


FRAMES = st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from(["chunk", "complete", "error", "word_timestamp", "x"]) | st.none() | st.integers(),
        "request_id": st.none() | st.text(max_size=5) | st.integers(),
        "data": st.none()
        | st.text(max_size=9)
        | st.dictionaries(st.sampled_from(["audio", "word", "start", "end", "id"]), st.text(max_size=9) | st.floats()),
        "message": st.none() | st.text(max_size=9) | st.lists(st.integers(), max_size=3),
        "error": st.none() | st.text(max_size=9) | st.lists(st.dictionaries(st.text(max_size=9), st.text(max_size=9))),
    },
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(FRAMES.map(json.dumps), st.text(max_size=40), st.binary(max_size=40)), max_size=6))
def test_whatever_comes_nothing_but_the_typed_errors_is_raised(frames: list[str | bytes]) -> None:
    speech = Speech()
    for frame in frames:
        if not speech.busy:
            speech.ask(Request(text="Hello.", voice="magnus"))
        try:
            told = speech.receive(frame)
        except (SpeechRefused, ProtocolError):
            continue
        assert told is None or isinstance(told, (Sound, Word, Complete))
