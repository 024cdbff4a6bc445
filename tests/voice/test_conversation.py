"""What is heard and answered, with ears that are told what to hear."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime
from itertools import count
from typing import Any, Callable

from kioskd.core.phrases import describe
from kioskd.voice import sentences
from kioskd.voice.conversation import Conversation, Room
from kioskd.voice.faults import parse
from kioskd.voice.grammar import Grammar
from kioskd.voice.hydra import Pen
from kioskd.voice.options import Options
from kioskd.voice.outbox import Outbox
from kioskd.voice.recogniser import Heard, Recogniser
from kioskd.voice.synthesiser import Synthesiser

TOOLS = ({"name": "door", "description": describe("", ["open the door"])}, {"name": "call_staff"})


class Ears(Recogniser):
    """Hears what stands in ``says``, one entry for each turn; empty: noise."""

    def __init__(self) -> None:
        super().__init__()
        self.says: list[str] = []
        self.takes_s = 0.01

    async def prepare(self, grammar: Grammar) -> None:
        return None

    async def recognise(self, grammar: Grammar, pcm: bytes) -> Heard:
        text, takes_s = self.says.pop(0), self.takes_s
        await asyncio.sleep(takes_s)
        return Heard(text, noise=not text)


class Mouth(Synthesiser):
    """Remembers what it was to say."""

    def __init__(self) -> None:
        super().__init__("none", 100)
        self.said: list[str] = []

    async def speak(self, text: str, rate_hz: int) -> bytes:
        self.said.append(text)
        return bytes(rate_hz // 5)


class Scene:
    """A conversation and its ends."""

    def __init__(self, speech: Callable[..., bytes], *settings: str) -> None:
        numbers = count()
        self.ears, self.mouth = Ears(), Mouth()
        self.out = Outbox(Pen(lambda: f"{next(numbers):016x}"), 1 << 22)
        faults = parse(("delta-speed=0", *settings))
        at = datetime(2026, 11, 3, 21, 10)
        room = Room(Options(), self.ears, self.mouth, lambda: at, lambda: "0" * 16)
        self.talk = Conversation(self.out, room, faults, 24_000, asyncio.create_task)
        self.talk.use_tools(TOOLS)
        self._turn = bytes(12_800) + speech("open the door")

    async def turn(self, text: str, ends: bool = True) -> None:
        """A turn of the visitor; heard and answered, unless it does not end yet."""
        self.ears.says.append(text)
        self.talk.feed(self._turn)
        if ends:
            self.talk.feed(bytes(32_000))
            await self.settled()

    async def settled(self) -> None:
        """Until nothing is being understood or said."""
        while self.talk._hearing or self.talk.responses.active:
            await asyncio.sleep(0.005)

    async def sent(self) -> list[dict[str, Any]]:
        found = []
        while True:
            try:
                found.append(json.loads((await asyncio.wait_for(self.out.take(), 0.01)).data))
            except asyncio.TimeoutError:
                return found

    async def call_ids(self) -> list[str]:
        return [e["call_id"] for e in await self.sent() if e["type"] == "response.function_call_arguments.done"]


def run(work: Callable[[Scene], Any], speech: Callable[..., bytes], *settings: str) -> None:
    async def whole() -> None:
        scene = Scene(speech, *settings)
        try:
            await work(scene)
        finally:
            scene.talk.stop()

    asyncio.run(whole())


def test_each_kind_of_turn_has_its_answer(speech: Callable[..., bytes]) -> None:
    async def work(scene: Scene) -> None:
        for text in (
            "what time is it",
            "hello",
            "thank you",
            "do not open the door",
            "close the door",
            "what can you do",
        ):
            await scene.turn(text)
        assert scene.mouth.said == [
            "It is ten past nine.",
            sentences.GREETING,
            sentences.WELCOME,
            sentences.NEGATED,
            sentences.CONTRARY,
            "You can say: open the door; or: call staff.",
        ]

    run(work, speech)


def test_noise_after_a_request_does_not_lose_it(speech: Callable[..., bytes]) -> None:
    async def work(scene: Scene) -> None:
        await scene.turn("open the door", ends=False)
        scene.talk.feed(bytes(32_000))
        await scene.turn("", ends=False)  # a door slams before the request was understood
        await scene.settled()
        assert await scene.call_ids() == []
        scene.talk.feed(bytes(32_000))
        await scene.settled()
        assert len(await scene.call_ids()) == 1 and scene.mouth.said == []

    run(work, speech)


def test_a_new_request_replaces_one_that_was_not_answered_yet(speech: Callable[..., bytes]) -> None:
    async def work(scene: Scene) -> None:
        await scene.turn("open the door", ends=False)
        scene.talk.feed(bytes(32_000))
        await scene.turn("do not open the door")
        await scene.settled()
        assert await scene.call_ids() == [] and scene.mouth.said == [sentences.NEGATED]

    run(work, speech)


def test_turns_are_understood_in_their_order_however_long_each_takes(speech: Callable[..., bytes]) -> None:
    async def work(scene: Scene) -> None:
        scene.ears.takes_s = 0.1
        await scene.turn("open the door", ends=False)
        scene.talk.feed(bytes(32_000))
        await asyncio.sleep(0.02)
        scene.ears.takes_s = 0.01
        await scene.turn("hello")
        done = [event["item"] for event in await scene.sent() if event["type"] == "conversation.item.done"]
        assert [item["role"] for item in done] == ["user", "user", "assistant"]
        assert done[0]["id"] < done[1]["id"] and scene.mouth.said == [sentences.GREETING]

    run(work, speech)


def test_narration_waits_for_all_outputs_and_for_the_visitor(speech: Callable[..., bytes]) -> None:
    async def work(scene: Scene) -> None:
        await scene.turn("open the door and call staff")
        first, second = await scene.call_ids()
        scene.talk.create()
        assert scene.talk.output(first, '{"ok": true}')
        await scene.turn("", ends=False)
        assert scene.talk.output(second, '{"status": "running"}')
        await scene.settled()
        assert scene.mouth.said == []
        scene.talk.feed(bytes(32_000))
        await scene.settled()
        assert scene.mouth.said == ["It is done. One moment, please."]

    run(work, speech)


def test_a_text_is_kept_until_a_response_is_asked_for(speech: Callable[..., bytes]) -> None:
    async def work(scene: Scene) -> None:
        scene.talk.note('{"say": "Somebody is on the way."}')
        await scene.turn("hello")
        scene.talk.create()
        await scene.settled()
        scene.talk.create()
        await scene.settled()
        assert scene.mouth.said == [sentences.GREETING, "Somebody is on the way.", sentences.GREETING]

    run(work, speech)


def test_outputs_in_time_stop_the_clock(speech: Callable[..., bytes]) -> None:
    async def work(scene: Scene) -> None:
        await scene.turn("open the door")
        for call_id in await scene.call_ids():
            scene.talk.output(call_id, "{}")
        scene.talk.create()
        await asyncio.sleep(0.3)
        assert "error" not in [event["type"] for event in await scene.sent()]

    run(work, speech, "tool-timeout=0.2")


def test_outputs_without_a_wish_for_a_response_time_out_too(speech: Callable[..., bytes]) -> None:
    async def work(scene: Scene) -> None:
        await scene.turn("open the door")
        for call_id in await scene.call_ids():
            scene.talk.output(call_id, "{}")
        await asyncio.sleep(0.3)
        assert [event["error"]["code"] for event in await scene.sent()] == ["tool_response_timeout"]

    run(work, speech, "tool-timeout=0.2")
