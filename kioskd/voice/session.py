"""One client's session in its dialect: handshake, frames in, frames out, idle clock. Loop only.

reader -> Requests -> Conversation -> Outbox -> writer
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import Any, Coroutine, Protocol

from kioskd.voice import hydra
from kioskd.voice.conversation import Conversation, Room
from kioskd.voice.dialects import HYDRA, Dialect
from kioskd.voice.faults import Faults
from kioskd.voice.hydra import Refused
from kioskd.voice.outbox import Outbox, Parcel
from kioskd.voice.requests import Requests

log = logging.getLogger(__name__)


class Closed(Exception):
    """The client is gone."""


class Wire(Protocol):
    """One WebSocket, as far as a session knows it."""

    @property
    def pinged_at(self) -> float:
        """Loop time of the client's last ping."""

    async def receive(self) -> str | bytes:
        """The next message. Raises Closed."""

    async def send(self, data: str | bytes) -> None:
        """Send a message; waits while the client does not read. Raises Closed."""

    async def close(self, code: int, reason: str) -> None:
        """Close in order."""

    def vanish(self, reset: bool) -> None:
        """Drop the connection without a closing handshake; ``reset``: by RST."""

    def freeze(self) -> None:
        """Read and answer nothing any more, and keep the connection."""


async def strike(wire: Wire, faults: Faults) -> None:
    """Break the connection as the fault half-open, reset or close says; half-open never returns."""
    code = int(faults.number("close"))
    if faults.flag("half-open"):
        wire.freeze()
        await asyncio.Event().wait()
    elif faults.flag("reset") or code == 1006:
        wire.vanish(reset=faults.flag("reset"))
    else:
        await wire.close(code, "fault")


class Session:
    """Serves one client until either side ends it.

    Args:
        dialect: how it is spoken.
        model: the tag the client asked for.
        session_id: a UUID, for ``session.created``.
    """

    def __init__(
        self, wire: Wire, room: Room, faults: Faults, model: str, session_id: str, dialect: Dialect = HYDRA
    ) -> None:
        self._wire, self._faults, self._model, self._id = wire, faults, model, session_id
        if dialect.audio_field != "delta" and faults.word("audio-field") != "dialect":
            dialect = replace(dialect, audio_field=faults.word("audio-field"))
        self._dialect = dialect
        rate_hz = int(faults.number("output-rate")) or dialect.out_rate_hz or hydra.out_rate_hz(model)
        self._out = Outbox(hydra.Pen(room.hex16, dialect.event_ids), room.options.outbox_bytes, dialect=dialect)
        self._loop = asyncio.get_running_loop()
        self._failure: asyncio.Future[None] = self._loop.create_future()
        self._tasks: set[asyncio.Task[None]] = set()
        self._conversation = Conversation(self._out, room, faults, rate_hz, self._spawn)
        self._requests = Requests(self._conversation, self._out, faults, session_id, rate_hz, room.options.flood_ms)
        self._active_at = self._loop.time()

    # -- running

    async def run(self) -> None:
        """Serve. Returns when the connection has ended; raises only what is a fault of this program."""
        ends = [self._spawn(work) for work in (self._write(), self._watch_idle(), self._serve())]
        try:
            await asyncio.wait([*ends, self._failure], return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._conversation.stop()
            tasks = tuple(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if self._failure.done():
            self._failure.result()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """A task of this session: it ends with it, and its exception ends it."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error and not isinstance(error, Closed) and not self._failure.done():
            self._failure.set_exception(error)

    async def _serve(self) -> None:
        await self._open()
        while True:
            data = await self._wire.receive()
            self._active_at = self._loop.time()
            try:
                frame = hydra.parse(data)
                if not self._requests.take(frame) and self._faults.word("unknown-type") == "invalid_frame":
                    raise frame.refuse(f"unknown type {frame.type[:64]!r}", "type", "invalid_frame")
            except Refused as refused:
                log.debug("! refused a frame: %s", refused)
                self._out.event(refused.event)

    async def _open(self) -> None:
        """The server's first words (A2). What a hasty client sent meanwhile waits in the socket."""
        await asyncio.sleep(self._faults.number("slow-handshake"))
        if self._faults.breaks_at("open"):
            self._out.put(Parcel(order="break"))
            return
        warning = self._faults.word("warning")
        if self._dialect is HYDRA and self._model == "hydra" and warning != "none":
            self._out.event(hydra.warning(warning == "nested"))
        if self._faults.flag("beta-off") and self._dialect.names.get("response.output_audio.delta"):
            # What OpenAI has said since May 2026 (dialects reference, headline 3).
            self._out.event(hydra.error("beta_api_shape_disabled", "the beta shape is not spoken any more"))
            self._close(4000, "beta_api_shape_disabled")
        elif not self._dialect.created_late:
            self._requests.say_created()

    async def _write(self) -> None:
        while True:
            parcel = await self._out.take()
            if parcel.order == "close":
                return await self._wire.close(parcel.code, parcel.reason)
            if parcel.order == "break":
                return await strike(self._wire, self._faults)
            await self._wire.send(parcel.data)
            self._active_at = self._loop.time()

    async def _watch_idle(self) -> None:
        """Close 1000 after a while without a data frame from either side, without a word before (A9)."""
        limit_s = self._faults.number("idle-timeout")
        if limit_s <= 0 or not self._dialect.idle_closes:
            await asyncio.Event().wait()
        while True:
            pinged_at = self._wire.pinged_at if self._faults.flag("pings-count") else 0.0
            left_s = max(self._active_at, pinged_at) + limit_s - self._loop.time()
            if left_s <= 0:
                self._close(1000, "idle")
                await asyncio.Event().wait()
            await asyncio.sleep(left_s)

    def _close(self, code: int, reason: str) -> None:
        self._out.put(Parcel(order="close", code=code, reason=reason))
