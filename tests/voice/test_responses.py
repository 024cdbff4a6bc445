"""One response at a time, without a network."""

from __future__ import annotations

import asyncio
import json
from itertools import count
from typing import Any, Callable

from kioskd.voice.faults import parse
from kioskd.voice.grammar import Request
from kioskd.voice.hydra import Pen
from kioskd.voice.outbox import Outbox
from kioskd.voice.responses import Responses
from kioskd.voice.synthesiser import SpeechFailed, Synthesiser


class Tone(Synthesiser):
    """A mouth that makes as many ms as the text has letters times ten, or fails on "fail"."""

    def __init__(self) -> None:
        super().__init__("none", 100)

    async def speak(self, text: str, rate_hz: int) -> bytes:
        if text == "fail":
            raise SpeechFailed("the mouth is full")
        return b"\x01\x02" * (rate_hz * len(text) // 100)


def scene(work: Callable[[Responses, Outbox, list[str]], Any], *settings: str) -> list[dict[str, Any]]:
    """Run ``work``; everything that was sent."""

    async def whole() -> list[dict[str, Any]]:
        numbers, ended = count(), list[str]()
        box = Outbox(Pen(lambda: f"{next(numbers):016x}"), 1 << 20)
        faults = parse(("delta-speed=0", *settings))
        responses = Responses(box, Tone(), faults, 24_000, lambda: ended.append("ended"), asyncio.create_task)
        await work(responses, box, ended)
        responses.stop()
        sent = []
        while True:
            try:
                sent.append(json.loads((await asyncio.wait_for(box.take(), 0.02)).data))
            except asyncio.TimeoutError:
                return sent

    return asyncio.run(whole())


def kinds(sent: list[dict[str, Any]]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in sent]


def test_an_answer_has_its_order_and_its_usage() -> None:
    async def work(responses: Responses, box: Outbox, ended: list[str]) -> None:
        responses.say("0123456789", heard_words=3)
        assert responses.active and responses.response_id.startswith("resp_")
        await asyncio.sleep(0.05)
        assert not responses.active and responses.response_id == "" and ended == ["ended"]

    sent = scene(work)
    # 100 ms in deltas of 40 ms
    assert kinds(sent) == [
        "created",
        "conversation.item.added",
        *["output_audio.delta"] * 3,
        "output_audio.done",
        "conversation.item.done",
        "done",
    ]
    response = sent[-1]["response"]
    assert response["usage"] == {"input_tokens": 3, "output_tokens": 1, "total_tokens": 4}
    assert response["output"] == [sent[-2]["item"]]


def test_a_cancelled_answer_takes_its_waiting_audio_back() -> None:
    async def work(responses: Responses, box: Outbox, ended: list[str]) -> None:
        responses.say("0123456789" * 20)
        await asyncio.sleep(0.02)
        responses.cancel("interrupted")
        responses.cancel("interrupted")
        await asyncio.sleep(0.02)
        assert ended == [] and not responses.active

    sent = scene(work, "delta-speed=1")
    assert kinds(sent) == ["created", "conversation.item.added", "done"]
    assert sent[-1]["response"]["status_details"] == {"reason": "interrupted"}


def test_speech_that_cannot_be_made_is_a_failed_answer() -> None:
    async def work(responses: Responses, box: Outbox, ended: list[str]) -> None:
        responses.say("fail")
        await asyncio.sleep(0.02)
        assert ended == ["ended"]

    sent = scene(work)
    assert kinds(sent)[2:] == ["error", "output_audio.done", "conversation.item.done", "done"]
    assert sent[-1]["response"]["status"] == "failed" and sent[2]["error"]["code"] == "internal_error"


def test_a_silent_service_answers_without_a_sound() -> None:
    async def work(responses: Responses, box: Outbox, ended: list[str]) -> None:
        responses.silent = True
        responses.say("hello")
        await asyncio.sleep(0.02)

    assert "output_audio.delta" not in kinds(scene(work))


def test_calls_stream_their_arguments() -> None:
    async def work(responses: Responses, box: Outbox, ended: list[str]) -> None:
        assert len(set(responses.call([Request("a", ("x",), (("room", "hall"),)), Request("b", ("y",))]))) == 2
        assert not responses.active

    sent = scene(work)
    assert kinds(sent) == [
        "created",
        *["conversation.item.added", *["function_call_arguments.delta"] * 2, "function_call_arguments.done"] * 2,
        "done",
    ]
    first, second, whole = sent[2:5]
    assert first["delta"] + second["delta"] == whole["arguments"] == '{"room": "hall"}'
    assert first["name"] == "a" and "name" not in second and sent[8]["arguments"] == "{}"
