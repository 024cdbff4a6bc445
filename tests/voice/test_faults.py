"""Every switch: how it is written, and that it does what its sentence says, over a real socket."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any, Callable

import pytest
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol
from websockets.exceptions import ConnectionClosed, InvalidStatus

from kioskd.voice.faults import SWITCHES, BadSwitch, Faults, parse, table
from kioskd.voice.hydra import OVERSIZE_BYTES


@pytest.fixture
def fault(play: Callable[..., None]) -> Callable[..., None]:
    """``fault(scene, "name=value", ...)``: the scene, with the service misbehaving so."""
    return play


async def speak(client: Any) -> dict[str, Any]:
    """Have the service say something; its response.done."""
    await client.send("response.create")
    return dict(await client.until("response.done"))


async def call(client: Any) -> dict[str, Any]:
    """Say a request; the call that comes of it."""
    await client.talk("open the door")
    return dict(await client.until("response.function_call_arguments.done"))


# -- how a switch is written


def test_a_service_without_faults_is_in_its_default_state() -> None:
    assert Faults().number("tool-timeout") == 10 and not Faults().flag("reset") and Faults().word("warning") == "flat"


def test_switches_are_read_and_the_last_of_a_name_wins() -> None:
    faults = parse(["tool-timeout=1", "reset", "late-deltas", "tool-timeout=2.5", "bad-voice=close"])
    assert (faults.number("tool-timeout"), faults.number("late-deltas")) == (2.5, 2)
    assert faults.flag("reset") and faults.word("bad-voice") == "close"
    assert not parse(["reset=off"]).flag("reset")


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("no-such", "there is no fault 'no-such'"),
        ("tool-timeout", "needs a value"),
        ("tool-timeout=soon", "is a number, not 'soon'"),
        ("delta-ms=0", "is from 1 to 10000, not 0"),
        ("idle-timeout=nan", "is from 0"),
        ("reset=maybe", "is on or off"),
        ("bad-voice=sing", "is one of reject, fallback, close"),
        ("bad-voice", "bad-voice=fallback"),
    ],
)
def test_a_wrong_switch_is_refused_with_a_sentence(setting: str, sentence: str) -> None:
    with pytest.raises(BadSwitch) as refused:
        parse([setting])
    assert sentence in str(refused.value)


def test_the_table_names_every_switch_with_its_sentence() -> None:
    rows = table()
    assert [row["name"] for row in rows] == list(SWITCHES)
    assert all(row["doc"] and row["values"] for row in rows)
    assert json.loads(json.dumps(rows)) == rows


# -- the handshake


def test_output_rate_is_echoed(fault: Callable[..., None]) -> None:
    async def scene(client: Any, server: Any) -> None:
        assert (await client.configure())["output_audio_sample_rate"] == 16000

    fault(scene, "output-rate=16000")


def test_omit_audio_keys(fault: Callable[..., None]) -> None:
    async def scene(client: Any, server: Any) -> None:
        session = await client.configure()
        assert set(session) == {"instructions", "voice", "tools", "generate_initial_response"}

    fault(scene, "omit-audio-keys")


@pytest.mark.parametrize(("form", "key"), [("flat", "code"), ("nested", "warning"), ("none", "")])
def test_the_warning_of_the_old_tag_comes_first(fault: Callable[..., None], form: str, key: str) -> None:
    async def scene(client: Any, server: Any) -> None:
        first = await client.next()
        assert (first["type"], key in first) == ("warning", True) if key else ("session.created", False)
        await client.send("session.configure", session={})
        assert (await client.until("session.configured"))["session"]["output_audio_sample_rate"] == 48000

    fault(scene, f"warning={form}", query="?model=hydra&api_key=k")


@pytest.mark.parametrize("way", ["reject", "fallback", "close"])
def test_a_strange_voice(fault: Callable[..., None], way: str) -> None:
    async def scene(client: Any, server: Any) -> None:
        await client.send("session.configure", session={"voice": "wren"})
        if way == "fallback":
            assert (await client.until("session.configured"))["session"]["voice"] == "sterling"
            return
        error = (await client.until("error"))["error"]
        assert (error["code"], error["param"]) == ("invalid_request_error", "session.configure.session.voice")
        if way == "close":
            assert await client.closed() == 1000
        else:
            await client.send("session.configure", session={"voice": "leo"})
            await client.until("session.configured")

    fault(scene, f"bad-voice={way}")


def test_slow_handshake(fault: Callable[..., None]) -> None:
    async def scene(client: Any, server: Any) -> None:
        began = asyncio.get_running_loop().time()
        # A hasty client: its configuration waits.
        await client.send("session.configure", session={})
        await client.until("session.configured")
        assert asyncio.get_running_loop().time() - began > 0.2

    fault(scene, "slow-handshake=0.25")


def test_no_session_created(fault: Callable[..., None]) -> None:
    async def scene(client: Any, server: Any) -> None:
        await client.send("session.configure", session={})
        assert (await client.next())["type"] == "session.configured"

    fault(scene, "no-session-created")


def test_no_session_configured(fault: Callable[..., None]) -> None:
    async def scene(client: Any, server: Any) -> None:
        await client.send("session.configure", session={})
        assert await client.closed() == 1000
        assert client.types() == ["session.created"]

    fault(scene, "no-session-configured", "idle-timeout=0.3")


def test_early_audio_can_be_an_error(fault: Callable[..., None]) -> None:
    async def scene(client: Any, server: Any) -> None:
        await client.append(bytes(640))
        assert (await client.until("error"))["error"]["code"] == "session_ended"

    fault(scene, "early-audio=session_ended")


@pytest.mark.parametrize("way", ["silent", "speak"])
def test_an_oversize_configuration(fault: Callable[..., None], way: str) -> None:
    async def scene(client: Any, server: Any) -> None:
        await client.configure(instructions="x" * OVERSIZE_BYTES)
        assert (await speak(client))["response"]["status"] == "completed"
        assert ("response.output_audio.delta" in client.types()) == (way == "speak")

    fault(scene, f"oversize-configure={way}")


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
def test_the_upgrade_can_fail(fault: Callable[..., None], status: int) -> None:
    async def scene(client: Any, server: Any) -> None:
        raise AssertionError("nobody gets in")

    with pytest.raises(InvalidStatus) as refused:
        fault(scene, f"upgrade-status={status}")
    assert refused.value.response.status_code == status and "Retry-After" not in refused.value.response.headers


def test_a_refused_upgrade_can_ask_for_patience(fault: Callable[..., None]) -> None:
    async def scene(client: Any, server: Any) -> None:
        raise AssertionError("nobody gets in")

    with pytest.raises(InvalidStatus) as refused:
        fault(scene, "upgrade-status=429", "retry-after=120")
    assert refused.value.response.headers["Retry-After"] == "120"


def test_only_first_leaves_later_sessions_well(fault: Callable[..., None]) -> None:
    async def scene(client: Any, server: Any) -> None:
        assert await client.closed() == 1013
        async with client.again(server) as second:
            await second.configure()

    fault(scene, "server-full", "only-first")


def test_server_full_is_said_and_then_closed(fault: Callable[..., None]) -> None:
    async def scene(client: Any, server: Any) -> None:
        assert (await client.next())["error"]["code"] == "server_full"
        assert await client.closed() == 1013

    fault(scene, "server-full")


# -- answers


def test_delta_length_and_speed(fault: Callable[..., None]) -> None:
    async def scene(client: Any, server: Any) -> None:
        await client.configure()
        began = asyncio.get_running_loop().time()
        done = await speak(client)
        taken_s = asyncio.get_running_loop().time() - began
        length_s = len(client.audio(done["response"]["id"])) / 48000
        assert length_s / 5 * 0.9 < taken_s < length_s / 5 + 1
        deltas = [e for e in client.events if e["type"] == "response.output_audio.delta"]
        assert len(deltas) == -(-int(length_s * 1000) // 100)

    fault(scene, "delta-ms=100", "delta-speed=5")


@pytest.mark.parametrize("shape", ["empty", "odd", "huge"])
def test_delta_shapes(fault: Callable[..., None], shape: str) -> None:
    async def scene(client: Any, server: Any) -> None:
        await client.configure()
        await speak(client)
        sizes = [len(e["delta"]) for e in client.events if e["type"] == "response.output_audio.delta"]
        if shape == "empty":
            assert sizes[0] == 0 and len(sizes) > 2
        elif shape == "odd":
            assert sizes[0] == 2564  # base64 of 1921 bytes
        else:
            assert len(sizes) == 1 and sizes[0] > 1 << 20

    fault(scene, f"delta-shape={shape}", "delta-speed=0")


@pytest.mark.parametrize("status", ["failed", "max_output_tokens", "content_filter"])
def test_answers_can_end_badly(fault: Callable[..., None], status: str) -> None:
    async def scene(client: Any, server: Any) -> None:
        await client.configure()
        response = (await speak(client))["response"]
        if status == "failed":
            assert (response["status"], response["status_details"]["error"]["code"]) == ("failed", "internal_error")
        else:
            assert (response["status"], response["status_details"]) == ("incomplete", {"reason": status})

    fault(scene, f"response-status={status}")


def test_internal_error_instead_of_an_answer(fault: Callable[..., None]) -> None:
    async def scene(client: Any, server: Any) -> None:
        await client.configure()
        await client.send("response.create")
        assert (await client.until("error"))["error"]["code"] == "internal_error"
        assert "response.created" not in client.types()

    fault(scene, "internal-error")


def test_duplicate_done(fault: Callable[..., None]) -> None:
    async def scene(client: Any, server: Any) -> None:
        await client.configure()
        first, second = await speak(client), await client.until("response.done")
        assert first["response"] == second["response"]

    fault(scene, "duplicate-done")


def test_frames_that_nobody_expects(fault: Callable[..., None]) -> None:
    async def scene(client: Any, server: Any) -> None:
        await client.configure()
        await speak(client)
        assert {type(oddity) for oddity in client.oddities} == {str, bytes}
        assert client.types().count("service.weather_report") == 2

    fault(scene, "non-json", "binary-frame", "unknown-event")


def test_late_deltas_follow_a_cancel(fault: Callable[..., None]) -> None:
    async def scene(client: Any, server: Any) -> None:
        await client.configure()
        await client.send("response.create")
        delta = await client.until("response.output_audio.delta")
        await client.send("response.cancel")
        await client.until("response.done")
        for _ in range(2):
            late = await client.next()
            assert (late["type"], late["response_id"]) == ("response.output_audio.delta", delta["response_id"])

    fault(scene, "late-deltas", "delta-speed=1")


def test_transcripts(fault: Callable[..., None]) -> None:
    async def scene(client: Any, server: Any) -> None:
        await client.configure()
        await client.talk("do not open the door")
        assert (await client.until("conversation.item.done"))["item"]["content"][0]["text"] == "do not open the door"
        assert "will not" in (await client.until("response.output_audio_transcript.delta"))["delta"]
        assert "will not" in (await client.until("conversation.item.done"))["item"]["content"][0]["text"]

    fault(scene, "transcripts")


# -- turns and calls


def test_reject_turns_makes_a_request_a_noise(fault: Callable[..., None]) -> None:
    async def scene(client: Any, server: Any) -> None:
        await client.configure()
        await client.talk("open the door")
        assert (await client.until("conversation.item.done"))["item"]["status"] == "incomplete"
        await call(client)
        assert client.types().count("response.created") == 1

    fault(scene, "reject-turns")


@pytest.mark.parametrize("when", ["omitted", "delayed"])
def test_the_end_of_a_tool_turn_can_be_missing_or_late(fault: Callable[..., None], when: str) -> None:
    async def scene(client: Any, server: Any) -> None:
        await client.configure()
        asked = await call(client)
        await client.answer(asked["call_id"], status="done")
        done = await speak(client)
        assert done["response"]["id"] != asked["response_id"]
        if when == "delayed":
            assert (await client.until("response.done"))["response"]["id"] == asked["response_id"]

    fault(scene, f"tool-done={when}")


def test_tool_timeout(fault: Callable[..., None]) -> None:
    async def scene(client: Any, server: Any) -> None:
        await client.configure()
        await call(client)
        assert (await client.until("error"))["error"]["code"] == "tool_response_timeout"

    fault(scene, "tool-timeout=0.1")


def test_calls_that_a_door_must_survive(fault: Callable[..., None]) -> None:
    async def scene(client: Any, server: Any) -> None:
        await client.configure()
        asked, again = await call(client), await client.until("response.function_call_arguments.done")
        assert {**asked, "event_id": ""} == {**again, "event_id": ""}
        assert (asked["name"], asked["call_id"], asked["arguments"]) == ("no_such_tool", "call_again", '{"broken')

    fault(scene, "repeat-call", "unknown-tool", "reuse-call-id", "bad-arguments")


def test_short_audio_can_be_accepted(fault: Callable[..., None]) -> None:
    async def scene(client: Any, server: Any) -> None:
        await client.configure()
        await client.append(bytes(6), piece=3)
        await speak(client)
        assert "error" not in client.types()

    fault(scene, "short-audio=accept")


def test_a_flood_ends_the_session(fault: Callable[..., None]) -> None:
    async def scene(client: Any, server: Any) -> None:
        await client.configure()
        await client.append(bytes(640), piece=64000)
        await client.append(bytes(640), piece=64000)
        assert (await client.until("error"))["error"]["code"] == "session_ended"
        assert await client.closed() == 1000

    fault(scene, "flood=end")


def test_unknown_types_can_be_refused(fault: Callable[..., None]) -> None:
    async def scene(client: Any, server: Any) -> None:
        await client.configure()
        await client.send("input_audio_buffer.commit")
        assert (await client.until("error"))["error"]["code"] == "invalid_frame"

    fault(scene, "unknown-type=invalid_frame")


# -- the end


def test_pings_can_keep_a_session_awake(fault: Callable[..., None]) -> None:
    async def scene(client: Any, server: Any) -> None:
        await client.configure()
        for _ in range(6):
            await client.connection.ping()
            await asyncio.sleep(0.1)
        await client.send("session.update", session={"tools": []})
        await client.until("session.updated")

    fault(scene, "idle-timeout=0.3", "pings-count")
    with pytest.raises(ConnectionClosed):
        fault(scene, "idle-timeout=0.3")


@pytest.mark.parametrize(
    ("setting", "code"), [("close=1001", 1001), ("close", 1011), ("close=1006", 1006), ("reset", 1006)]
)
def test_the_connection_breaks_in_mid_answer(fault: Callable[..., None], setting: str, code: int) -> None:
    async def scene(client: Any, server: Any) -> None:
        await client.configure()
        await client.send("response.create")
        assert await client.closed() == code
        assert "response.output_audio.delta" in client.types() and "response.done" not in client.types()

    fault(scene, setting)


@pytest.mark.parametrize("moment", ["configured", "speech", "call"])
def test_the_connection_breaks_at_the_moment_that_was_set(fault: Callable[..., None], moment: str) -> None:
    last = {
        "configured": "session.configured",
        "speech": "input_audio_buffer.speech_stopped",
        "call": "response.function_call_arguments.done",
    }

    async def scene(client: Any, server: Any) -> None:
        await client.configure()
        if moment != "configured":
            await client.talk("open the door")
        assert await client.closed() == 1011
        assert client.types()[-1] == last[moment]

    fault(scene, "close", f"break-at={moment}")


@pytest.mark.parametrize(("moment", "types"), [("open", []), ("created", ["session.created"])])
def test_the_connection_breaks_in_the_handshake(fault: Callable[..., None], moment: str, types: list[str]) -> None:
    async def scene(client: Any, server: Any) -> None:
        assert await client.closed() == 1012
        assert client.types() == types

    fault(scene, "close=1012", f"break-at={moment}")


def test_what_a_tool_answers_is_never_answered(fault: Callable[..., None]) -> None:
    async def scene(client: Any, server: Any) -> None:
        await client.configure()
        asked = await call(client)
        await client.until("response.done")
        await client.answer(asked["call_id"], say="It is open.")
        await client.send("response.create")
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(client.until("response.created"), 1.0)
        assert "error" not in client.types()
        assert (await speak(client))["response"]["status"] == "completed"  # the session itself is well

    fault(scene, "mute-after-tool", "tool-timeout=0.2")


def test_a_half_open_connection_neither_speaks_nor_closes(fault: Callable[..., None]) -> None:
    async def scene(client: Any, server: Any) -> None:
        await client.configure()
        pong = await client.connection.ping()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(pong, 0.3)
        assert client.connection.close_code is None

    fault(scene, "half-open", "break-at=configured")


# -- other dialects than Hydra


async def answered(client: Any, session: dict[str, Any]) -> None:
    await client.send("session.update", session=session)
    await client.send("response.create")
    await client.until("response.done")


def test_a_session_is_configured_without_a_word(fault: Callable[..., None]) -> None:
    async def scene(client: Any, server: Any) -> None:
        await answered(client, {"modalities": ["text", "audio"]})
        assert "session.updated" not in client.types()

    fault(scene, "quiet-update", query="?dialect=mythicdot&api_key=k")


def test_a_cancelled_answer_is_not_ended(fault: Callable[..., None]) -> None:
    async def scene(client: Any, server: Any) -> None:
        await client.send("session.update", session={"model": "m"})
        await client.send("response.create")
        await client.until("response.output_audio.delta")
        await client.send("response.cancel")
        await client.send("response.create")
        await client.until("response.done")
        assert client.types().count("response.done") == 1

    fault(scene, "silent-cancel", "delta-speed=2", query="?dialect=hybrie&api_key=k")


@pytest.mark.parametrize("field", ["delta", "audio"])
def test_the_audio_stands_in_either_field(fault: Callable[..., None], field: str) -> None:
    async def scene(client: Any, server: Any) -> None:
        await answered(client, {"model": "m"})
        deltas = [event for event in client.events if event["type"] == "response.output_audio.delta"]
        assert deltas and all(set(delta) == {"type", field} for delta in deltas)

    fault(scene, f"audio-field={field}", query="?dialect=hybrie&api_key=k")


def test_turn_detection_is_refused(fault: Callable[..., None]) -> None:
    async def scene(client: Any, server: Any) -> None:
        await client.send("session.update", session={"turn_detection": {"type": "server_vad"}})
        assert (await client.until("error"))["error"]["param"] == "session.turn_detection"
        await answered(client, {})

    fault(scene, "vad-field=reject", query="?dialect=mythicdot&api_key=k")


@pytest.mark.parametrize("echo", ["realtime", "none"])
def test_a_subprotocol_is_agreed_on_or_not(fault: Callable[..., None], echo: str) -> None:
    async def scene(client: Any, server: Any) -> None:
        url = f"ws://127.0.0.1:{server.port}/v1/realtime"
        offered = [Subprotocol("realtime"), Subprotocol("mythicdot-api-key.k")]
        async with connect(url, subprotocols=offered, proxy=None) as other:
            assert other.subprotocol == (None if echo == "none" else "realtime")

    fault(scene, f"protocol-echo={echo}")


def test_the_beta_shape_was_switched_off(fault: Callable[..., None]) -> None:
    async def scene(client: Any, server: Any) -> None:
        assert (await client.until("error"))["error"]["code"] == "beta_api_shape_disabled"
        assert await client.closed() == 4000

    fault(scene, "beta-off", query="?dialect=openai-beta&api_key=k")


def test_a_session_is_used_up(fault: Callable[..., None]) -> None:
    async def scene(client: Any, server: Any) -> None:
        await client.send("session.update", session={"type": "realtime"})
        await client.send("response.create")
        assert (await client.until("error"))["error"]["code"] == "session_expired"
        assert await client.closed() == 1001

    fault(scene, "session-expired", query="?dialect=openai&api_key=k")


def test_every_switch_has_a_scene_here() -> None:
    scenes = Path(__file__).read_text(encoding="utf-8").partition("# -- the handshake")[2]
    scenes += Path(__file__).with_name("test_lightning.py").read_text(encoding="utf-8")
    unused = [name for name in SWITCHES if not re.search(rf'(scene, |", |f?"){name}[="]', scenes)]
    assert unused == []
