"""What waits to be sent to a client: events in order, bounded in bytes. Loop only."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import NamedTuple

from kioskd.voice.dialects import HYDRA, Dialect
from kioskd.voice.hydra import Event, Pen, item_event


class Parcel(NamedTuple):
    """One message to send, or an order to the writer.

    Attributes:
        data: the message; empty for an order.
        response: the response whose audio this is, or empty.
        order: ``close`` (with ``code``) or ``break``; empty for a message.
    """

    data: str | bytes = ""
    response: str = ""
    order: str = ""
    code: int = 0
    reason: str = ""


class Outbox:
    """Events on their way out.

    Args:
        limit_bytes: beyond it ``overflowed`` is set and nothing more is taken: the client does not read.
        room_bytes: ``room`` waits until less than this waits to be sent.
        dialect: whose words the events are put into.
    """

    def __init__(self, pen: Pen, limit_bytes: int, room_bytes: int = 1 << 20, dialect: Dialect = HYDRA) -> None:
        self.pen = pen
        self.dialect = dialect
        self._limit_bytes, self._room_bytes = limit_bytes, room_bytes
        self._parcels: deque[Parcel] = deque()
        self._waiting_bytes = 0
        self._filled, self._emptied = asyncio.Event(), asyncio.Event()
        self._last_item: str | None = None
        self.overflowed = False

    def event(self, event: Event, response: str = "") -> None:
        """Send an event; ``response`` marks audio that a cancel may still take back."""
        for said in self.dialect.say(event):
            self.put(Parcel(self.pen.write(said), response))

    def item(self, kind: str, item: Event) -> None:
        """Send ``conversation.item.added`` or ``.done``; knows the item before."""
        previous = self._last_item if kind == "added" else None
        if kind == "added":
            self._last_item = str(item["id"])
        self.event(item_event(kind, item, previous))

    def put(self, parcel: Parcel) -> None:
        """Send a parcel."""
        if self.overflowed:
            return
        self._parcels.append(parcel)
        self._waiting_bytes += len(parcel.data)
        self.overflowed = self._waiting_bytes > self._limit_bytes
        if self.overflowed:
            self._parcels.clear()
            self._parcels.append(Parcel(order="close", code=1008, reason="the client does not read"))
        self._filled.set()

    def take_back(self, response: str) -> None:
        """Forget what waits of this response's audio."""
        kept = [parcel for parcel in self._parcels if parcel.response != response]
        self._parcels = deque(kept)
        self._waiting_bytes = sum(len(parcel.data) for parcel in kept)
        self._emptied.set()

    async def take(self) -> Parcel:
        """The oldest parcel; waits for one. For the one writer."""
        while not self._parcels:
            self._filled.clear()
            await self._filled.wait()
        parcel = self._parcels.popleft()
        self._waiting_bytes -= len(parcel.data)
        self._emptied.set()
        return parcel

    async def room(self) -> None:
        """Wait until the client has read enough for more audio."""
        while self._waiting_bytes > self._room_bytes and not self.overflowed:
            self._emptied.clear()
            await self._emptied.wait()
