"""A session over a real socket: handshake, turns, tools, interruptions, in the order of the Hydra reference."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any, Callable

import pytest

from kioskd.voice.sentences import NEGATED

TURN = [
    "input_audio_buffer.speech_started",
    "conversation.item.added",
    "input_audio_buffer.speech_stopped",
    "conversation.item.done",
]
SPOKEN = [
    "response.created",
    "conversation.item.added",
    "response.output_audio.delta",
    "response.output_audio.done",
    "conversation.item.done",
    "response.done",
]
CALLED = [
    "response.created",
    "conversation.item.added",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
    "response.done",
]


def test_the_handshake_echoes_the_configuration(play: Callable[..., None]) -> None:
    async def scene(client: Any, server: Any) -> None:
        session = await client.configure(instructions="Be brief.", voice="aria", misspelt=1)
        assert client.types() == ["session.created", "session.configured"]
        assert client.events[0]["event_id"].startswith("sv_")
        assert session.pop("tools")[0]["name"] == "unlock_door"
        assert session == {
            "instructions": "Be brief.",
            "voice": "aria",
            "generate_initial_response": False,
            "input_audio_format": "pcm16",
            "input_audio_sample_rate": 16000,
            "output_audio_format": "pcm16",
            "output_audio_sample_rate": 24000,
        }

    play(scene)


def test_a_spoken_request_becomes_a_tool_call_and_its_result_is_told(play: Callable[..., None]) -> None:
    async def scene(client: Any, server: Any) -> None:
        await client.configure()
        await client.talk("please unlock the front door")
        call = await client.until("response.function_call_arguments.done")
        assert (call["name"], json.loads(call["arguments"])) == ("unlock_door", {})
        await client.until("response.done")
        assert client.types()[2:] == TURN + CALLED
        await client.answer(call["call_id"], say="The front door is open now. Please come in.")
        await client.send("response.create")
        done = await client.until("response.done")
        assert client.types()[2 + len(TURN + CALLED) :] == SPOKEN
        assert done["response"]["status"] == "completed"
        assert done["response"]["usage"]["output_tokens"] == 9
        assert len(client.audio(done["response"]["id"])) > 24000 * 2

    play(scene)


def test_a_request_at_the_pace_of_speech_is_no_flood(play: Callable[..., None], speech: Any) -> None:
    async def scene(client: Any, server: Any) -> None:
        await client.configure()
        sound = bytes(3200) + speech("open the door") + bytes(30_000)
        began = asyncio.get_running_loop().time()
        for start in range(0, len(sound), 640):
            await client.append(sound[start : start + 640])
            await asyncio.sleep(began + start / 32_000 - asyncio.get_running_loop().time())
        assert (await client.until("response.function_call_arguments.done"))["name"] == "unlock_door"

    play(scene, "flood=end")


def test_speech_events_carry_their_place_in_the_audio(play: Callable[..., None]) -> None:
    async def scene(client: Any, server: Any) -> None:
        await client.configure()
        await client.talk("open the door")
        started = await client.until("input_audio_buffer.speech_started")
        added = await client.until("conversation.item.added")
        stopped = await client.until("input_audio_buffer.speech_stopped")
        assert 0 <= started["audio_start_ms"] <= 500
        assert started["audio_start_ms"] + 500 < stopped["audio_end_ms"] < 2500
        assert started["item_id"] == added["item"]["id"] == stopped["item_id"]
        assert (await client.until("conversation.item.done"))["item"]["status"] == "completed"

    play(scene)


@pytest.mark.parametrize("text", ["do not open the door", "is the front door open", "where can I park my car"])
def test_what_is_no_request_calls_nothing_and_is_answered(play: Callable[..., None], text: str) -> None:
    async def scene(client: Any, server: Any) -> None:
        await client.configure()
        await client.talk(text)
        await client.until("response.done")
        assert client.types()[2:] == TURN + SPOKEN

    play(scene)


def test_two_requests_in_one_breath_are_two_calls_in_one_response(play: Callable[..., None]) -> None:
    async def scene(client: Any, server: Any) -> None:
        await client.configure()
        await client.talk("unlock the front door and call staff", "en-us+m3")
        first = await client.until("response.function_call_arguments.done")
        second = await client.until("response.function_call_arguments.done")
        assert [first["name"], second["name"]] == ["unlock_door", "call_staff"]
        assert first["response_id"] == second["response_id"] and first["call_id"] != second["call_id"]
        assert [first["output_index"], second["output_index"]] == [0, 1]
        await client.answer(first["call_id"], say="The front door is open now.")
        await client.send("response.create")
        await client.answer(second["call_id"], status="running")
        # The one response.create is served when the last output has come.
        await client.until("response.done")
        spoken = await client.until("response.done")
        assert spoken["response"]["usage"]["output_tokens"] == len(
            "The front door is open now. One moment, please.".split()
        )

    play(scene)


def test_an_enumerated_argument_comes_from_the_phrase(play: Callable[..., None]) -> None:
    async def scene(client: Any, server: Any) -> None:
        await client.configure()
        await client.talk("turn on the light in the kitchen", "en-us+m3")
        call = await client.until("response.function_call_arguments.done")
        assert json.loads(call["arguments"]) == {"room": "kitchen"}
        deltas = [e for e in client.events if e["type"] == "response.function_call_arguments.delta"]
        assert "".join(delta["delta"] for delta in deltas) == call["arguments"]
        assert ["name" in delta for delta in deltas] == [True, False]

    play(scene)


def test_silence_and_hiss_say_nothing(play: Callable[..., None]) -> None:
    async def scene(client: Any, server: Any) -> None:
        import random

        rng = random.Random(7)
        await client.configure()
        hiss = b"".join(int(rng.gauss(0, 25)).to_bytes(2, "little", signed=True) for _ in range(16000))
        await client.append(bytes(64000) + hiss)
        await client.send("session.update", session={"tools": []})
        await client.until("session.updated")
        assert client.types() == ["session.created", "session.configured", "session.updated"]

    play(scene)


def test_a_bang_is_a_turn_that_was_none(play: Callable[..., None]) -> None:
    async def scene(client: Any, server: Any) -> None:
        await client.configure()
        # A click of the tongue: "ah" is at the edge, where a decoder's answer depends on what it heard before.
        await client.talk("tsk", "en-us+m3")
        item = (await client.until("conversation.item.done"))["item"]
        assert (item["role"], item["status"]) == ("user", "incomplete")
        await client.send("response.create")
        await client.until("response.done")
        assert client.types().count("response.created") == 1

    play(scene)


def test_speech_during_an_answer_interrupts_it(play: Callable[..., None]) -> None:
    async def scene(client: Any, server: Any) -> None:
        await client.configure(generate_initial_response=True)
        await client.until("response.output_audio.delta")
        await client.talk("what time is it")
        done = await client.until("response.done")
        assert done["response"]["status"] == "cancelled"
        assert done["response"]["status_details"] == {"reason": "interrupted"}
        types = client.types()
        assert types.index("input_audio_buffer.speech_started") < types.index("response.done")
        assert "response.output_audio.done" not in types
        second = await client.until("response.done")
        assert second["response"]["status"] == "completed"
        late = [e for e in client.events[client.events.index(done) :] if e.get("response_id") == done["response"]["id"]]
        assert late == []

    play(scene, "delta-speed=1")


def test_a_client_can_cancel_and_cancelling_nothing_does_nothing(play: Callable[..., None]) -> None:
    async def scene(client: Any, server: Any) -> None:
        await client.configure()
        await client.send("response.cancel")
        await client.send("response.create")
        delta = await client.until("response.output_audio.delta")
        await client.send("response.cancel", response_id="resp_of_another")
        await client.send("response.cancel", response_id=delta["response_id"])
        done = await client.until("response.done")
        assert done["response"]["status_details"] == {"reason": "client_cancelled"}
        await client.send("session.update", session={"tools": []})
        await client.until("session.updated")
        assert client.types().count("response.done") == 1

    play(scene, "delta-speed=1")


def test_a_late_result_is_told_as_a_text_item(play: Callable[..., None]) -> None:
    async def scene(client: Any, server: Any) -> None:
        await client.configure()
        text = json.dumps({"status": "done", "say": "Somebody is on the way."})
        content = [{"type": "input_text", "text": text}]
        await client.send("conversation.item.create", item={"type": "message", "role": "system", "content": content})
        await client.send("response.create")
        done = await client.until("response.done")
        assert done["response"]["usage"]["output_tokens"] == 5

    play(scene)


def test_a_wish_to_speak_waits_for_the_answer_that_is_running(play: Callable[..., None]) -> None:
    async def scene(client: Any, server: Any) -> None:
        await client.configure(generate_initial_response=True)
        await client.until("response.created")
        await client.send("response.create")
        first, second = await client.until("response.done"), await client.until("response.done")
        assert first["response"]["status"] == second["response"]["status"] == "completed"
        assert client.types()[2:] == SPOKEN + SPOKEN

    play(scene)


def test_outputs_that_do_not_come_time_out_and_the_next_turn_works(play: Callable[..., None]) -> None:
    async def scene(client: Any, server: Any) -> None:
        await client.configure()
        await client.talk("open the door")
        call = await client.until("response.function_call_arguments.done")
        late = await client.until("error")
        assert late["error"]["code"] == "tool_response_timeout"
        await client.answer(call["call_id"], say="The front door is open now.")
        await client.talk("what time is it")
        done = [await client.until("response.done")][-1]
        assert done["response"]["status"] == "completed"

    play(scene, "tool-timeout=0.2")


def test_only_the_first_configuration_counts(play: Callable[..., None]) -> None:
    async def scene(client: Any, server: Any) -> None:
        await client.configure(voice="aria")
        await client.send("session.configure", session={"voice": "leo"})
        await client.send("session.update", session={})
        await client.send("session.update", session={"voice": "leo"}, event_id="evt_7")
        refused = await client.until("error")
        assert (refused["error"]["code"], refused["error"]["event_id"]) == ("invalid_frame", "evt_7")
        assert client.types() == ["session.created", "session.configured", "error"]

    play(scene)


def test_audio_before_the_configuration_is_dropped(play: Callable[..., None]) -> None:
    async def scene(client: Any, server: Any) -> None:
        await client.talk("open the door")
        await client.configure()
        await client.append(bytes(6400))
        await client.send("session.update", session={"tools": []})
        await client.until("session.updated")
        assert client.types() == ["session.created", "session.configured", "session.updated"]

    play(scene)


@pytest.mark.parametrize(
    ("audio", "message"),
    [("AAAA", "too small (3 bytes, need 320)"), ("no base64!", "base64"), (5, "base64"), (None, "base64")],
)
def test_bad_audio_is_named_and_the_session_goes_on(play: Callable[..., None], audio: Any, message: str) -> None:
    async def scene(client: Any, server: Any) -> None:
        await client.configure()
        await client.send("input_audio_buffer.append", audio=audio)
        error = (await client.until("error"))["error"]
        assert error["code"] == "invalid_audio" and message in error["message"]
        await client.send("response.create")
        await client.until("response.done")

    play(scene)


def test_half_a_sample_is_no_audio(play: Callable[..., None]) -> None:
    async def scene(client: Any, server: Any) -> None:
        await client.configure()
        await client.send("input_audio_buffer.append", audio=base64.b64encode(bytes(641)).decode())
        assert (await client.until("error"))["error"]["code"] == "invalid_audio"

    play(scene)


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("{", "invalid_frame"),
        ("[1]", "invalid_frame"),
        ('{"type": "response.create", "x": NaN}', "invalid_frame"),
        ("[" * 100_000, "invalid_frame"),
        (b"\x01\x02", "invalid_frame"),
        ('{"no": "type"}', "invalid_request_error"),
        ('{"type": "session.update"}', "invalid_request_error"),
        ('{"type": "session.update", "session": {"tools": [{"name": "x"}]}}', "invalid_request_error"),
        ('{"type": "conversation.item.create", "item": {"type": "picture"}}', "invalid_request_error"),
        (
            '{"type": "conversation.item.create", "item": '
            '{"type": "function_call_output", "call_id": "c", "output": "{}"}}',
            "invalid_request_error",
        ),
    ],
)
def test_a_bad_frame_is_refused_and_the_session_goes_on(play: Callable[..., None], frame: Any, code: str) -> None:
    async def scene(client: Any, server: Any) -> None:
        await client.configure()
        await client.connection.send(frame)
        assert (await client.until("error"))["error"]["code"] == code
        await client.send("response.create")
        await client.until("response.done")

    play(scene)


def test_a_turn_during_a_pending_call_does_not_lose_the_call(play: Callable[..., None]) -> None:
    async def scene(client: Any, server: Any) -> None:
        await client.configure()
        await client.talk("open the door")
        call = await client.until("response.function_call_arguments.done")
        await client.until("response.done")
        await client.talk("do not open the door")
        spoken = await client.until("response.done")
        assert spoken["response"]["usage"]["output_tokens"] in (len(NEGATED.split()), 5)
        await client.answer(call["call_id"], status="cancelled")
        await client.send("response.create")
        await client.until("response.done")
        assert client.types().count("response.function_call_arguments.done") == 1

    play(scene)


def test_a_client_that_never_reads_is_let_go(play: Callable[..., None]) -> None:
    async def scene(client: Any, server: Any) -> None:
        await client.configure()
        for _ in range(30):
            await client.send("session.update", session={"tools": [{"type": "function", "name": "x" * 4000}]})
        assert await client.closed() == 1008

    play(scene, outbox_bytes=20_000)


def test_the_idle_clock_closes_without_a_word(play: Callable[..., None]) -> None:
    async def scene(client: Any, server: Any) -> None:
        await client.configure()
        began = asyncio.get_running_loop().time()
        assert await client.closed() == 1000
        assert 0.25 < asyncio.get_running_loop().time() - began < 2
        assert client.types() == ["session.created", "session.configured"]

    play(scene, "idle-timeout=0.3")
