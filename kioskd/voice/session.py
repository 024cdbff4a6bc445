"""One client's session in the Hydra dialect: handshake, frames in, frames out, idle clock. Loop only.

reader -> _on_* -> Conversation -> Outbox -> writer
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Callable, Coroutine, Mapping, Protocol

from kioskd.voice import hydra
from kioskd.voice.conversation import Conversation, Room
from kioskd.voice.faults import Faults
from kioskd.voice.hydra import Frame, Refused
from kioskd.voice.outbox import Outbox, Parcel

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


class Session:
    """Serves one client until either side ends it.

    Args:
        model: the tag the client asked for.
        session_id: a UUID, for ``session.created``.
    """

    def __init__(self, wire: Wire, room: Room, faults: Faults, model: str, session_id: str) -> None:
        self._wire, self._faults, self._model, self._id = wire, faults, model, session_id
        self._flood_ms = room.options.flood_ms
        self._rate_hz = int(faults.number("output-rate")) or hydra.out_rate_hz(model)
        self._out = Outbox(hydra.Pen(room.hex16), room.options.outbox_bytes)
        self._loop = asyncio.get_running_loop()
        self._failure: asyncio.Future[None] = self._loop.create_future()
        self._tasks: set[asyncio.Task[None]] = set()
        self._conversation = Conversation(self._out, room, faults, self._rate_hz, self._spawn)
        self._configured = False
        self._ahead_ms, self._fed_at = 0.0, self._loop.time()
        self._active_at = self._loop.time()
        self._on: Mapping[str, Callable[[Frame], None]] = {
            "session.configure": self._on_configure,
            "session.update": self._on_update,
            "input_audio_buffer.append": self._on_append,
            "conversation.item.create": self._on_item,
            "response.create": self._on_create,
            "response.cancel": self._on_cancel,
        }

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
                if frame.known:
                    self._on[frame.type](frame)
                elif self._faults.word("unknown-type") == "invalid_frame":
                    raise frame.refuse(f"unknown type {frame.type[:64]!r}", "type", "invalid_frame")
            except Refused as refused:
                log.debug("! refused a frame: %s", refused)
                self._out.event(refused.event)

    async def _open(self) -> None:
        """The server's first words (A2). What a hasty client sent meanwhile waits in the socket."""
        await asyncio.sleep(self._faults.number("slow-handshake"))
        warning = self._faults.word("warning")
        if self._model == "hydra" and warning != "none":
            self._out.event(hydra.warning(warning == "nested"))
        if not self._faults.flag("no-session-created"):
            self._out.event({"type": "session.created", "session_id": self._id})

    async def _write(self) -> None:
        while True:
            parcel = await self._out.take()
            if parcel.order == "close":
                return await self._wire.close(parcel.code, parcel.reason)
            if parcel.order == "break":
                return await self._break()
            await self._wire.send(parcel.data)
            self._active_at = self._loop.time()

    async def _break(self) -> None:
        """The fault half-open, reset or close strikes."""
        code = int(self._faults.number("close"))
        if self._faults.flag("half-open"):
            self._wire.freeze()
            await asyncio.Event().wait()
        elif self._faults.flag("reset") or code == 1006:
            self._wire.vanish(reset=self._faults.flag("reset"))
        else:
            await self._wire.close(code, "fault")

    async def _watch_idle(self) -> None:
        """Close 1000 after a while without a data frame from either side, without a word before (A9)."""
        limit_s = self._faults.number("idle-timeout")
        if limit_s <= 0:
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

    # -- what the client sends

    def _on_configure(self, frame: Frame) -> None:
        if self._configured:
            return  # A2: a second one is ignored
        setup = hydra.read_setup(frame)
        voice = self._voice(setup.voice, frame)
        if not voice or self._faults.flag("no-session-configured"):
            return
        self._configured = True
        oversize = len(frame.raw.encode("utf-8", "replace")) > hydra.OVERSIZE_BYTES
        self._conversation.responses.silent = oversize and self._faults.word("oversize-configure") == "silent"
        self._conversation.use_tools(setup.tools)
        keys = not self._faults.flag("omit-audio-keys")
        self._out.event(hydra.configured(setup, voice, self._rate_hz, keys))
        self._conversation.responses.oddities()
        if self._faults.breaks_at("configured"):
            self._out.put(Parcel(order="break"))
        if setup.greet:
            self._conversation.greet()

    def _voice(self, voice: str | None, frame: Frame) -> str:
        """The voice of the session; empty when it cannot be configured so (A5)."""
        if voice is None or self._faults.word("bad-voice") == "fallback" and voice not in hydra.VOICES:
            return hydra.DEFAULT_VOICE
        if voice in hydra.VOICES:
            return voice
        self._out.event(frame.refuse("this voice is not known", "session.configure.session.voice").event)
        if self._faults.word("bad-voice") == "close":
            self._close(1000, "unknown voice")
        return ""

    def _on_update(self, frame: Frame) -> None:
        tools = hydra.read_update(frame)
        if tools is None or not self._configured:
            return
        self._conversation.use_tools(tools)
        self._out.event({"type": "session.updated", "session": {"tools": list(tools)}})

    def _on_append(self, frame: Frame) -> None:
        pcm = hydra.read_audio(frame, strict=self._faults.word("short-audio") == "reject")
        if not self._configured:
            if self._faults.word("early-audio") == "session_ended":
                self._out.event(hydra.error("session_ended", "audio came before the session was configured"))
        elif self._flooded(len(pcm)):
            self._out.event(hydra.error("session_ended", "audio came much faster than real time"))
            self._close(1000, "session ended")
        else:
            self._conversation.feed(pcm)

    def _flooded(self, size: int) -> bool:
        """Whether audio has run ahead of real time by more than a stalled network explains."""
        now = self._loop.time()
        self._ahead_ms = max(0.0, self._ahead_ms - (now - self._fed_at) * 1000) + size * 500 / hydra.IN_RATE_HZ
        self._fed_at = now
        return self._ahead_ms > self._flood_ms and self._faults.word("flood") == "end"

    def _on_item(self, frame: Frame) -> None:
        item = frame.object("item")
        if item.get("type") == "function_call_output":
            call_id, output = item.get("call_id"), item.get("output")
            if not isinstance(call_id, str) or not isinstance(output, str):
                raise frame.refuse("an output needs a call_id and a string output", "item.output")
            if not self._conversation.output(call_id, output):
                raise frame.refuse("no call waits for this output", "item.call_id")
        elif item.get("type") == "message":
            text = hydra.read_text(item)
            if text and item.get("role") in ("user", "system"):
                self._conversation.note(text)
        else:
            raise frame.refuse("an item is a message or a function_call_output", "item.type")

    def _on_create(self, frame: Frame) -> None:
        if self._configured:
            self._conversation.create()

    def _on_cancel(self, frame: Frame) -> None:
        self._conversation.cancel(frame.body.get("response_id"))
