"""The Hydra dialect, frame by frame."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kioskd.voice import hydra
from kioskd.voice.hydra import Frame, Pen, Refused


def frame(**body: Any) -> Frame:
    return hydra.parse(json.dumps(body))


def refusal(work: Any, *arguments: Any, **more: Any) -> dict[str, Any]:
    with pytest.raises(Refused) as refused:
        work(*arguments, **more)
    event = refused.value.event
    assert event["type"] == "error" and event["error"]["type"] == "invalid_request_error" and event["error"]["message"]
    return dict(event["error"])


def test_a_frame_keeps_its_type_body_and_id() -> None:
    read = frame(type="response.cancel", response_id="r", event_id="evt_1")
    assert (read.type, read.body["response_id"], read.event_id, read.known) == ("response.cancel", "r", "evt_1", True)
    assert not frame(type="input_audio_buffer.commit").known


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"{}", "invalid_frame"),
        ("", "invalid_frame"),
        ("3", "invalid_frame"),
        ('{"type": Infinity}', "invalid_frame"),
        ('{"type": 1e999}', "invalid_frame"),
        ('{"a":' * 50_000, "invalid_frame"),
        ("9" * 5000, "invalid_frame"),
        ('{"type": null}', "invalid_request_error"),
    ],
)
def test_what_is_no_frame_is_refused(data: str | bytes, code: str) -> None:
    assert refusal(hydra.parse, data)["code"] == code


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.text(), st.binary(), st.recursive(st.none() | st.text() | st.integers(), st.lists).map(json.dumps)))
def test_any_message_is_read_or_refused(data: str | bytes) -> None:
    try:
        hydra.parse(data)
    except Refused:
        pass


def test_an_error_echoes_the_clients_own_id() -> None:
    assert refusal(frame(type="session.update", event_id="evt_9").object, "session")["event_id"] == "evt_9"


def test_a_configuration_is_read_and_unknown_keys_pass() -> None:
    tools = [{"type": "function", "name": "x"}]
    setup = hydra.read_setup(frame(type="session.configure", session={"voice": "leo", "tools": tools, "voise": 1}))
    assert (setup.voice, setup.tools, setup.greet, setup.instructions) == ("leo", tuple(tools), False, "")


@pytest.mark.parametrize(
    ("session", "param"),
    [
        (None, "session"),
        ({"voice": 5}, "session.configure.session.voice"),
        ({"generate_initial_response": "yes"}, "session.configure.session.generate_initial_response"),
        ({"tools": {}}, "session.configure.session.tools"),
        ({"tools": [{"name": "x"}]}, "session.configure.session.tools"),
        ({"output_audio_format": "opus"}, "session.configure.session.output_audio_format"),
    ],
)
def test_a_configuration_of_wrong_types_is_refused(session: Any, param: str) -> None:
    error = refusal(hydra.read_setup, _with_object(session))
    assert (error["code"], error["param"]) == ("invalid_request_error", param)


def _with_object(session: Any) -> Any:
    return frame(type="session.configure", session=session)


def test_an_update_takes_tools_and_nothing_else() -> None:
    assert hydra.read_update(frame(type="session.update", session={})) is None
    assert hydra.read_update(frame(type="session.update", session={"tools": []})) == ()
    error = refusal(hydra.read_update, frame(type="session.update", session={"tools": [], "voice": "leo"}))
    assert (error["code"], error["param"]) == ("invalid_frame", "session.update.session.voice")


def test_audio_is_checked() -> None:
    def append(audio: Any, strict: bool = True) -> bytes:
        return hydra.read_audio(frame(type="input_audio_buffer.append", audio=audio), strict)

    assert append(base64.b64encode(bytes(640)).decode()) == bytes(640)
    assert (
        refusal(append, base64.b64encode(bytes(40)).decode())["message"] == "audio frame too small (40 bytes, need 320)"
    )
    assert refusal(append, base64.b64encode(bytes(641)).decode())["code"] == "invalid_audio"
    assert refusal(append, "AA\n==")["code"] == refusal(append, "é")["code"] == "invalid_audio"
    assert append(base64.b64encode(bytes(3)).decode(), strict=False) == bytes(2)


def test_the_text_of_an_item() -> None:
    assert (
        hydra.read_text({"content": [{"type": "input_text", "text": "a"}, {"text": None}, 5, {"text": "b"}]}) == "a b"
    )
    assert hydra.read_text({"content": "x"}) == hydra.read_text({}) == ""


def test_each_tag_has_its_rate() -> None:
    assert [hydra.out_rate_hz(tag) for tag in hydra.MODELS] == [24_000, 48_000, 48_000]
    assert len(hydra.VOICES) == 24 and hydra.DEFAULT_VOICE in hydra.VOICES


def test_events_have_the_shapes_of_the_reference() -> None:
    pen = Pen(lambda: "0123456789abcdef")
    written = pen.write(hydra.audio_event("delta", "resp_1", "item_1", "AAAA"))
    assert written.startswith('{"type":"response.output_audio.delta","event_id":"sv_0123456789abcdef","response_id"')
    assert "delta" not in hydra.audio_event("done", "r", "i")
    assert hydra.message_item("i", "user", "completed")["content"] == [{"type": "input_audio", "text": None}]
    assert hydra.done("r", "completed")["response"] == {"id": "r", "status": "completed"}
    assert hydra.warning(nested=True)["warning"]["code"] == hydra.warning(nested=False)["code"] == "model_deprecated"
    assert hydra.error("server_full", "full")["error"] == {
        "type": "server_error",
        "code": "server_full",
        "message": "full",
    }
