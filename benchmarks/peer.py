"""A Hydra service in a process of its own, so that it shares neither our GIL nor our CPU time.

``python -m benchmarks.peer`` prints its port as a line of JSON, then obeys one command a line from standard input and
answers each with one line; it ends with its standard input.
"""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
import sys
import time
from types import TracebackType
from typing import IO, Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from benchmarks.figure import ProbeFailed
from benchmarks.pure import tone

RATE_HZ = 24_000
DELTA_MS = 20
# What it can be told to say.
SAID = {"interrupt": "input_audio_buffer.speech_started"}


class Service:
    """The service's side: takes speech, answers when it is told to."""

    def __init__(self) -> None:
        self._socket: ServerConnection | None = None
        self._answers = 0
        self.received_at: list[float] = []  # one stamp for each appended chunk

    async def visit(self, socket: ServerConnection) -> None:
        """One connection."""
        await self._send(socket, "session.created", session_id="bench-1")
        try:
            async for message in socket:
                now = time.monotonic()
                frame = json.loads(message)
                if frame["type"] == "input_audio_buffer.append":
                    await self.hear(frame["audio"], now)
                elif frame["type"] == "session.configure":
                    config = {**frame["session"], "output_audio_sample_rate": RATE_HZ}
                    await self._send(socket, "session.configured", session=config)
                    self._socket = socket
        except ConnectionClosed:
            pass  # the bench is done with it

    async def hear(self, audio: str, now: float) -> None:
        """A frame of speech, as base64, and when it came."""
        self.received_at.append(now)

    @staticmethod
    async def _send(socket: ServerConnection, kind: str, **fields: object) -> None:
        await socket.send(json.dumps({"type": kind, "event_id": "sv_0123456789abcdef", **fields}))

    async def answer(self, length_ms: int) -> dict[str, object]:
        """Speak; the time at which the first piece was handed to the socket."""
        socket = self._socket
        if socket is None:
            raise RuntimeError("there is no session")
        self._answers += 1
        response = f"resp_{self._answers}"
        piece = base64.b64encode(tone(RATE_HZ * DELTA_MS // 1000, RATE_HZ)).decode()
        await self._send(socket, "response.created", response={"id": response})
        sent_at = time.monotonic()
        for _ in range(length_ms // DELTA_MS):
            await self._send(socket, "response.output_audio.delta", response_id=response, item_id="a", delta=piece)
        await self._send(socket, "response.done", response={"id": response, "status": "completed"})
        return {"sent_at": sent_at}

    async def obey(self, line: bytes) -> dict[str, object]:
        """One command."""
        command = json.loads(line)
        if command["do"] == "answer":
            return await self.answer(command["length_ms"])
        if command["do"] in SAID and self._socket is not None:
            await self._send(self._socket, SAID[command["do"]])
        stamps, self.received_at = self.received_at, []
        return {"received_at": stamps}


async def main(service: Service) -> None:
    """Serve until standard input ends."""
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    async with serve(service.visit, "127.0.0.1", 0, compression=None, ping_interval=None, close_timeout=0.2) as server:
        print(json.dumps({"port": next(iter(server.sockets)).getsockname()[1]}), flush=True)
        while line := await lines.readline():
            print(json.dumps(await service.obey(line)), flush=True)


class Peer:
    """The other end of ``main``: starts the process, gives commands.

    Args:
        module: what it runs.
    """

    def __init__(self, module: str = "benchmarks.peer") -> None:
        self._module = module

    def __enter__(self) -> Peer:
        command = [sys.executable, "-m", self._module]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.url = f"ws://127.0.0.1:{self._reply()['port']}/waves/v1/s2s"
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._pipe(self._process.stdin).close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(5)
        self._pipe(self._process.stdout).close()

    def ask(self, do: str, **fields: object) -> dict[str, Any]:
        """Give a command and wait for its answer; blocks, for a millisecond or two."""
        pipe = self._pipe(self._process.stdin)
        pipe.write(json.dumps({"do": do, **fields}).encode() + b"\n")
        pipe.flush()
        return self._reply()

    def _reply(self) -> dict[str, Any]:
        line = self._pipe(self._process.stdout).readline()
        if not line:
            raise ProbeFailed("the service of the bench ended; what it said stands above")
        reply: dict[str, Any] = json.loads(line)
        return reply

    @staticmethod
    def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
        if pipe is None:
            raise ProbeFailed("the service of the bench has no pipe")
        return pipe


if __name__ == "__main__":
    asyncio.run(main(Service()))
