"""The writer alone, with a connection that keeps what it is given."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from typing import Any

from kioskd.config.sections import Talk
from kioskd.core.uplink import Pacer
from kioskd.lanes import CHUNK_BYTES, Chunk, PlaybackLane, UplinkLane
from kioskd.link.ports import Ports
from kioskd.link.redaction import Scrub
from kioskd.link.replies import Replies
from kioskd.link.writer import NEVER, Writer
from kioskd.wire.dialects import HYDRA
from kioskd.wire.session import Session, Setup


class Shelf:
    """A connection that takes everything, unless it is told to hold still."""

    def __init__(self) -> None:
        self.frames: list[dict[str, Any]] = []
        self.open = asyncio.Event()
        self.open.set()
        self.news = asyncio.Event()

    async def send(self, frame: bytes) -> None:
        await self.open.wait()
        self.frames.append(json.loads(frame))
        self.news.set()

    async def holds(self, count: int) -> list[dict[str, Any]]:
        async with asyncio.timeout(5.0):
            while len(self.frames) < count:
                self.news.clear()
                await self.news.wait()
        return self.frames


class Desk:
    """A writer in a live session."""

    def __init__(self, kit: Any) -> None:
        self.shelf = Shelf()
        self.sent: list[Chunk] = []
        self.audio: list[bytes] = []
        self.uplink = UplinkLane(10.0, lambda lost_ms: None)
        self.replies = Replies(0.05)
        self.session = Session(HYDRA, Setup("Be brief.", None, (), False, "hydra-v1.1", None))
        ports = Ports(
            uplink=self.uplink,
            playback=PlaybackLane(1.0),
            report=lambda event: None,
            ring=lambda: None,
            talk=Talk(),
            limits=kit.fast,
            clock=time.monotonic,
            on_ready=lambda endpoint, session: None,
            on_ended=lambda ended: None,
            on_sent=self.sent.append,
            on_audio=self.audio.append,
        )
        self.writer = Writer(self.session, self.shelf, self.replies, Scrub(None), ports)

    async def __aenter__(self) -> Desk:
        self.task = asyncio.create_task(self.writer.run())
        self.session.receive('{"type":"session.created","session_id":"s"}')
        self.writer.wake()
        await self.shelf.holds(1)
        self.session.receive('{"type":"session.configured","session":{}}')
        return self

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    def begin(self) -> None:
        pacer = Pacer(time.monotonic(), chunk_s=0.02, catch_up=1.0, end_of_turn_s=0.1, keepalive_s=10.0)
        self.writer.begin(pacer)

    def speak(self, marks: bytes) -> None:
        for mark in marks:
            self.uplink.push(Chunk(bytes([mark]) * CHUNK_BYTES, 0.0))
        self.uplink.push(Chunk(b"", 0.0))
        self.writer.wake()


def test_no_audio_goes_up_before_the_session_begins_and_the_configuration_does(kit: Any) -> None:
    async def main() -> None:
        async with Desk(kit) as desk:
            desk.speak(b"ab")
            await asyncio.sleep(0.02)
            assert [frame["type"] for frame in desk.shelf.frames] == ["session.configure"]
            desk.begin()
            frames = await desk.shelf.holds(3)
            both, zeros = (base64.b64decode(frame["audio"]) for frame in frames[1:3])
            assert both == b"a" * CHUNK_BYTES + b"b" * CHUNK_BYTES, "what waited goes up together"
            assert zeros == bytes(CHUNK_BYTES)
            assert [chunk.pcm[:1] for chunk in desk.sent] == [b"a", b"b"]
            assert desk.writer.sent.chunks == 2

    asyncio.run(main())


def test_whoever_listens_in_gets_all_that_went_up_zeros_too(kit: Any) -> None:
    async def main() -> None:
        async with Desk(kit) as desk:
            desk.begin()
            desk.speak(b"a")
            frames = await desk.shelf.holds(4)
            went_up = [base64.b64decode(frame["audio"]) for frame in frames[1:] if "audio" in frame]
            assert went_up[:2] == [b"a" * CHUNK_BYTES, bytes(CHUNK_BYTES)]
            await asyncio.sleep(0)
            assert desk.audio == went_up[: len(desk.audio)] and len(desk.audio) >= 2

    asyncio.run(main())


def test_control_frames_go_before_waiting_speech_and_keep_their_order(kit: Any) -> None:
    async def main() -> None:
        async with Desk(kit) as desk:
            desk.shelf.open.clear()
            desk.begin()
            desk.speak(b"abc")
            await asyncio.sleep(0.01)
            for number in range(3):
                desk.writer.queue(desk.session.text(str(number)))
            desk.shelf.open.set()
            frames = await desk.shelf.holds(7)
            kinds = [frame["type"] for frame in frames[1:7]]
            assert kinds == ["input_audio_buffer.append"] + ["conversation.item.create"] * 3 + kinds[-2:]
            texts = [frame["item"]["content"][0]["text"] for frame in frames[2:5]]
            assert texts == ["0", "1", "2"]

    asyncio.run(main())


def test_a_socket_that_takes_nothing_is_seen(kit: Any) -> None:
    async def main() -> None:
        async with Desk(kit) as desk:
            assert desk.writer.stuck_since == NEVER
            desk.shelf.open.clear()
            before = time.monotonic()
            desk.writer.queue(desk.session.text("hello"))
            await asyncio.sleep(0.01)
            assert before <= desk.writer.stuck_since <= time.monotonic()
            desk.shelf.open.set()
            await desk.shelf.holds(2)
            await asyncio.sleep(0)
            assert desk.writer.stuck_since == NEVER

    asyncio.run(main())


def test_an_answer_is_owed_after_speech_and_after_a_request_until_it_comes(kit: Any) -> None:
    async def main() -> None:
        async with Desk(kit) as desk:
            desk.begin()
            assert desk.writer.owed_since == NEVER
            desk.speak(b"a")
            await desk.shelf.holds(3)  # configuration, chunk, first zero
            assert desk.writer.owed_since == NEVER and not desk.writer.speaking, "the service heard nothing in it"
            desk.writer.turn_began()
            desk.writer.turn_ended(answered=False)
            since = desk.writer.owed_since
            assert since < NEVER
            await asyncio.sleep(0.002)
            desk.writer.turn_began()
            desk.writer.turn_ended(answered=False)
            assert desk.writer.owed_since == since, "who speaks again is not owed an answer later"
            desk.writer.turn_ended(answered=True)
            assert desk.writer.owed_since == NEVER
            count = len(desk.shelf.frames)
            desk.replies.want(time.monotonic())
            desk.writer.wake()
            frames = await desk.shelf.holds(count + 1)
            assert frames[-1]["type"] == "response.create" and desk.writer.owed_since < NEVER

    asyncio.run(main())


def test_after_the_end_no_more_audio_is_taken(kit: Any) -> None:
    async def main() -> None:
        async with Desk(kit) as desk:
            desk.begin()
            desk.writer.stop()
            desk.speak(b"abc")
            await asyncio.sleep(0.02)
            assert len(desk.uplink) == 4 and desk.writer.sent.chunks == 0

    asyncio.run(main())


def test_an_answer_to_something_else_does_not_take_the_silence_behind_the_turn_at_hand(kit: Any) -> None:
    """What a tool said is told when ``response.create`` is there: by then the visitor may be speaking again."""

    async def main() -> None:
        async with Desk(kit) as desk:
            desk.begin()
            desk.uplink.push(Chunk(b"a" * CHUNK_BYTES, 0.0))
            desk.writer.wake()
            await desk.shelf.holds(2)
            desk.writer.turn_began()
            desk.writer.turn_ended(answered=True)
            desk.speak(b"b")
            frames = await desk.shelf.holds(5)
            assert base64.b64decode(frames[-1]["audio"]) == bytes(CHUNK_BYTES), "zeros follow, for the end of it"

    asyncio.run(main())
