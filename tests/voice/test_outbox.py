"""What waits to be sent."""

from __future__ import annotations

import asyncio
import json
from itertools import count

from kioskd.voice.hydra import Pen, message_item
from kioskd.voice.outbox import Outbox, Parcel


def outbox(limit_bytes: int = 10_000, room_bytes: int = 100) -> Outbox:
    numbers = count()
    return Outbox(Pen(lambda: f"{next(numbers):016x}"), limit_bytes, room_bytes)


async def drain(box: Outbox) -> list[Parcel]:
    found = []
    while True:
        try:
            found.append(await asyncio.wait_for(box.take(), 0.01))
        except asyncio.TimeoutError:
            return found


def test_events_leave_in_order_with_ids_and_items_know_the_one_before() -> None:
    async def work() -> None:
        box = outbox()
        box.event({"type": "a"})
        box.item("added", message_item("item_1", "user", "in_progress"))
        box.item("done", message_item("item_1", "user", "completed"))
        box.item("added", message_item("item_2", "assistant", "in_progress"))
        events = [json.loads(parcel.data) for parcel in await drain(box)]
        assert [event["type"] for event in events] == [
            "a",
            "conversation.item.added",
            "conversation.item.done",
            "conversation.item.added",
        ]
        assert events[0]["event_id"] == "sv_0000000000000000"
        assert [event.get("previous_item_id") for event in events] == [None, None, None, "item_1"]

    asyncio.run(work())


def test_the_audio_of_a_cancelled_response_is_taken_back() -> None:
    async def work() -> None:
        box = outbox()
        for response in ("r1", "r2", "r1", ""):
            box.event({"type": "x"}, response)
        box.take_back("r1")
        assert [parcel.response for parcel in await drain(box)] == ["r2", ""]

    asyncio.run(work())


def test_a_writer_waits_for_something_and_a_speaker_for_room() -> None:
    async def work() -> None:
        box = outbox()
        waiting = asyncio.create_task(box.take())
        await asyncio.sleep(0)
        box.put(Parcel("x" * 200))
        assert (await waiting).data == "x" * 200
        box.put(Parcel("y" * 200))
        speaker = asyncio.create_task(box.room())
        await asyncio.sleep(0.01)
        assert not speaker.done()
        await box.take()
        await asyncio.wait_for(speaker, 1)

    asyncio.run(work())


def test_a_client_that_does_not_read_is_let_go_and_costs_no_more() -> None:
    async def work() -> None:
        box = outbox(limit_bytes=1000)
        for _ in range(100):
            box.put(Parcel("x" * 100))
        await asyncio.wait_for(box.room(), 1)
        assert box.overflowed
        assert [(parcel.order, parcel.code) for parcel in await drain(box)] == [("close", 1008)]

    asyncio.run(work())
