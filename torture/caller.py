"""A service that calls tools when it is told to, whatever was said: the model as an enemy. A thread with a loop."""

from __future__ import annotations

import asyncio
import json
import queue
import threading
from types import TracebackType

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

PATIENCE_S = 10.0


class Caller:
    """Speaks Hydra. Any thread may give orders.

    Attributes:
        url: where it is.
        outputs: what came back for calls, as (call id, output).
        sessions: put once for each session that is configured.
    """

    def __init__(self) -> None:
        self.url = ""
        self.outputs: queue.SimpleQueue[tuple[str, dict[str, object]]] = queue.SimpleQueue()
        self.sessions: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._calls = 0
        self._visits = 0
        self._socket: ServerConnection | None = None
        self._up = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="torture-caller", daemon=True)

    def __enter__(self) -> Caller:
        self._thread.start()
        if not self._up.wait(PATIENCE_S):
            raise TimeoutError("the service of the torture did not start")
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(PATIENCE_S)

    def call(self, tool: str, arguments: str = "{}") -> str:
        """Have the model call it in the live session; the call's id."""
        self._calls += 1
        call_id = f"call_{self._calls}"
        fields = {"response_id": f"resp_{self._calls}", "call_id": call_id, "name": tool, "arguments": arguments}
        sent = self._send("response.function_call_arguments.done", **fields)
        asyncio.run_coroutine_threadsafe(sent, self._loop).result(PATIENCE_S)
        return call_id

    def output(self, within_s: float = PATIENCE_S) -> dict[str, object]:
        """The next answer to a call.

        Raises:
            queue.Empty: none came.
        """
        return self.outputs.get(timeout=within_s)[1]

    async def _serve(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        loopback = ("127.0.0.1", 0)
        async with serve(self._visit, *loopback, compression=None, ping_interval=None, close_timeout=0.2) as server:
            self.url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/waves/v1/s2s"
            self._up.set()
            await self._over.wait()

    async def _visit(self, socket: ServerConnection) -> None:
        self._socket = socket
        self._visits += 1
        await self._send("session.created", session_id=f"torture-{self._visits}")
        try:
            async for message in socket:
                await self._hear(json.loads(message))
        except ConnectionClosed:
            pass  # the kiosk was ended, which is what this is for

    async def _hear(self, frame: dict[str, dict[str, str]]) -> None:
        kind = str(frame["type"])
        if kind == "session.configure":
            await self._send("session.configured", session={**frame["session"], "output_audio_sample_rate": 24_000})
            self.sessions.put(self._visits)
        elif kind == "conversation.item.create" and frame["item"].get("type") == "function_call_output":
            self.outputs.put((frame["item"]["call_id"], json.loads(frame["item"]["output"])))

    async def _send(self, kind: str, **fields: object) -> None:
        if self._socket is None:
            raise RuntimeError("nobody is connected")
        await self._socket.send(json.dumps({"type": kind, "event_id": "sv_0123456789abcdef", **fields}))
