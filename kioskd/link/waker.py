"""A rest that ends early when there is something to do."""

from __future__ import annotations

import asyncio


class Waker:
    """Loop only. Clear it before looking at what there is to do: then no call of ``wake`` is ever lost."""

    __slots__ = ("_event",)

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def wake(self) -> None:
        """End the rest, or the next one."""
        self._event.set()

    def clear(self) -> None:
        """From here on a wake counts."""
        self._event.clear()

    async def rest(self, seconds: float | None = None) -> None:
        """Until woken, at most ``seconds`` (None: however long it takes)."""
        if seconds is None:
            await self._event.wait()
            return
        timer = asyncio.get_running_loop().call_later(seconds, self._event.set)
        try:
            await self._event.wait()
        finally:
            timer.cancel()
