"""A real client for the real service, and speech from espeak-ng in voices that the service does not use itself."""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any, AsyncIterator, Callable, Coroutine, Iterator

import pytest
from websockets.asyncio.client import ClientConnection, connect

from kioskd.core.phrases import describe
from kioskd.voice.options import Options
from kioskd.voice.recogniser import Recogniser
from kioskd.voice.server import Server, serve
from kioskd.voice.synthesiser import convert, read_wav

IN_RATE_HZ = 16_000
PATIENCE_S = 10.0

DOOR: dict[str, Any] = {
    "type": "function",
    "name": "unlock_door",
    "description": describe("Unlocks the front door.", ["please unlock the front door", "open the door"]),
    "parameters": {"type": "object", "properties": {}},
}
STAFF: dict[str, Any] = {
    "type": "function",
    "name": "call_staff",
    "description": describe("Calls a person.", ["call staff", "I need a person"]),
}
LIGHT: dict[str, Any] = {
    "type": "function",
    "name": "switch_light",
    "description": describe("Switches a light.", ["turn on the light in the {room}"]),
    "parameters": {"type": "object", "properties": {"room": {"type": "string", "enum": ["kitchen", "meeting_room"]}}},
}
TOOLS = [DOOR, STAFF, LIGHT]


@lru_cache(maxsize=None)
def speech(text: str, voice: str = "en-us+m3", speed: int = 140) -> bytes:
    """A sentence as PCM16 at 16 kHz."""
    command = ["espeak-ng", "--stdout", "-v", voice, "-s", str(speed), text]
    wav = subprocess.run(command, capture_output=True, check=True, timeout=20).stdout
    pcm, rate_hz = read_wav(wav)
    return convert(pcm, rate_hz, IN_RATE_HZ)


def silence(ms: int) -> bytes:
    """Zeros, as a client sends them."""
    return bytes(IN_RATE_HZ * ms // 1000 * 2)


class Client:
    """A plain Hydra client that keeps everything it was sent."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.events: list[dict[str, Any]] = []
        self.oddities: list[str | bytes] = []

    def again(self, server: Server) -> Any:
        """Another client of the same service."""
        return client(server)

    async def send(self, kind: str, **fields: Any) -> None:
        await self.connection.send(json.dumps({"type": kind, **fields}))

    async def next(self) -> dict[str, Any]:
        """The next event; what is no JSON event is put aside."""
        while True:
            data = await asyncio.wait_for(self.connection.recv(), PATIENCE_S)
            try:
                event = json.loads(data) if isinstance(data, str) else None
            except ValueError:
                event = None
            if isinstance(event, dict):
                self.events.append(event)
                return event
            self.oddities.append(data)

    async def until(self, kind: str) -> dict[str, Any]:
        while True:
            event = await self.next()
            if event["type"] == kind:
                return event

    async def configure(self, tools: list[dict[str, Any]] | None = None, **session: Any) -> dict[str, Any]:
        await self.until("session.created")
        await self.send("session.configure", session={"tools": TOOLS if tools is None else tools, **session})
        return (await self.until("session.configured"))["session"]

    async def append(self, pcm: bytes, piece: int = 640) -> None:
        for start in range(0, len(pcm), piece):
            audio = base64.b64encode(pcm[start : start + piece].ljust(piece, b"\0")).decode()
            await self.send("input_audio_buffer.append", audio=audio)

    async def talk(self, text: str, voice: str = "en-us+m3") -> None:
        """One spoken turn with the silence around it."""
        await self.append(silence(400) + speech(text, voice) + silence(900))

    async def answer(self, call_id: str, **output: Any) -> None:
        item = {"type": "function_call_output", "call_id": call_id, "output": json.dumps(output)}
        await self.send("conversation.item.create", item=item)

    async def closed(self) -> int | None:
        """Read to the end; the close code."""
        while True:
            try:
                await self.next()
            except Exception as end:
                if isinstance(end, TimeoutError):
                    raise
                return self.connection.close_code

    def types(self) -> list[str]:
        """The types of all events, a run of audio deltas as one."""
        found: list[str] = []
        for event in self.events:
            if not (found and found[-1] == event["type"] == "response.output_audio.delta"):
                found.append(event["type"])
        return found

    def audio(self, response: str) -> bytes:
        deltas = [e for e in self.events if e["type"] == "response.output_audio.delta"]
        return b"".join(base64.b64decode(e["delta"]) for e in deltas if e["response_id"] == response)


@asynccontextmanager
async def service(ears: Recogniser, options: Options) -> AsyncIterator[Server]:
    """The service on a free port, with ears that outlive it."""
    server = await serve("127.0.0.1", 0, options, ears=ears)
    try:
        yield server
    finally:
        await server.aclose()


@asynccontextmanager
async def client(server: Server, query: str = "?model=hydra-v1.1&api_key=k") -> AsyncIterator[Client]:
    """A connected client."""
    async with connect(server.url + query, proxy=None, max_size=None, close_timeout=0.5, ping_interval=None) as plain:
        yield Client(plain)


@pytest.fixture(scope="session")
def ears() -> Iterator[Recogniser]:
    """One recogniser for all tests: its decoders are made once for each set of tools."""
    recogniser = Recogniser()
    yield recogniser
    recogniser.close()


Play = Callable[[Client, Server], Coroutine[Any, Any, None]]


@pytest.fixture
def play(ears: Recogniser) -> Callable[..., None]:
    """``play(scene, "fault=value", ...)`` runs a scene with one client; audio may come faster than real time."""

    def run(scene: Play, *settings: str, query: str = "?model=hydra-v1.1&api_key=k", **options: Any) -> None:
        from kioskd.voice.faults import parse

        async def whole() -> None:
            faults = parse(("flood=ignore", "delta-speed=200", *settings))
            async with service(ears, Options(faults=faults, **options)) as server:
                async with client(server, query) as one:
                    await asyncio.wait_for(scene(one, server), 30)

        asyncio.run(whole())

    return run


@pytest.fixture(name="speech")
def speech_fixture() -> Callable[..., bytes]:
    """``speech(text, voice)``: PCM16 at 16 kHz by espeak-ng."""
    return speech


@pytest.fixture(name="tools")
def tools_fixture() -> list[dict[str, Any]]:
    """What the kiosk can do."""
    return TOOLS
