"""``python -m fuzz.record [DIALECT ...]``: what the local voice service really sends, for ``fuzz/frames``.

A plain client on the wire's own Session plays a few scenes with the service: a tool, an answer, a word spoken over it,
the switches of kioskd/voice/faults.py. Audio is cut to a few samples: how long it is does not matter to a mutation.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, Sequence

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from fuzz.tools import DECLARED
from kioskd.core.resample import make_resampler
from kioskd.voice.dialects import DIALECTS as SPOKEN
from kioskd.voice.faults import parse
from kioskd.voice.options import Options
from kioskd.voice.recogniser import Recogniser
from kioskd.voice.server import Server, serve
from kioskd.wire.address import connect_headers, connect_subprotocols, connect_url
from kioskd.wire.dialects import DIALECTS
from kioskd.wire.errors import LocalError
from kioskd.wire.facts import Began, Ended, Fact, Ready, ToolCalled
from kioskd.wire.profile import Profile
from kioskd.wire.session import Session, Setup

FOLDER = Path(__file__).parent / "frames"
KEY = "correct-horse-battery-staple"
SHOWN_SAMPLES = 24  # of base64: eighteen bytes
SCENE_S = 6.0
RATE_HZ = 16_000


class Scene(NamedTuple):
    """``words``: what the visitor says; ``over``: and says this over the answer."""

    words: str
    faults: tuple[str, ...] = ()
    over: str = ""
    greet: bool = False


SCENES = (
    Scene("please unlock the front door"),
    Scene("what is the temperature", ("transcripts",)),
    Scene("what time is it", ("warning=nested", "unknown-event", "duplicate-done")),
    Scene("what can you do", ("delta-speed=2",), over="please unlock the front door"),
    Scene("what time is it", ("response-status=failed",)),
    Scene("what time is it", ("internal-error",)),
    Scene("hello", ("reject-turns=1",)),
    Scene("", greet=True),
    Scene("", ("server-full",)),
)


def speech(words: str, rate_hz: int) -> bytes:
    """A sentence with silence around it."""
    if not words:
        return b""
    command = ["espeak-ng", "--stdout", "-v", "en-us+m3", "-s", "140", words]
    wav = subprocess.run(command, capture_output=True, check=True, timeout=20).stdout
    pcm = make_resampler(int.from_bytes(wav[24:28], "little"), rate_hz).process(wav[44:])
    return bytes(rate_hz // 2 * 2) + pcm + bytes(rate_hz * 2)


def shortened(frame: str) -> str:
    """The frame with little of its audio."""
    found = json.loads(frame)
    for field in ("delta", "audio"):
        value = found.get(field)
        if isinstance(value, str) and "audio" in found["type"] and "transcript" not in found["type"]:
            found[field] = value[:SHOWN_SAMPLES]
    return json.dumps(found)


class Caller:
    """One scene with the service.

    Attributes:
        frames: what it sent; a run of audio deltas is three of them.
    """

    def __init__(self, profile: Profile, scene: Scene) -> None:
        setup = Setup("Be brief.", None, tuple(DECLARED), scene.greet, profile.default_model, None)
        self.session, self.scene, self.frames = Session(profile, setup), scene, list[str]()
        self._deltas = 0
        self._ended = self._answers = 0
        self._spoken_over = False

    async def play(self, socket: ClientConnection) -> None:
        """Until it is over, or has taken long enough."""
        try:
            async with asyncio.timeout(SCENE_S):
                await self._send_own(socket)
                while not self._is_over():
                    await self._go_on(socket, await socket.recv())
        except (TimeoutError, ConnectionClosed):
            pass  # services differ in how a scene ends

    def _is_over(self) -> bool:
        return self._ended > self._answers and (not self.scene.over or self._spoken_over)

    async def _go_on(self, socket: ClientConnection, frame: str | bytes) -> None:
        if isinstance(frame, str):
            self._keep(frame)
        self.session.receive(frame, binary=isinstance(frame, bytes))
        for fact in self.session.facts():
            await self._answer(socket, fact)
        await self._send_own(socket)

    async def _send_own(self, socket: ClientConnection) -> None:
        for ours in self.session.outgoing():
            await socket.send(ours, text=True)

    def _keep(self, frame: str) -> None:
        self._deltas = self._deltas + 1 if "audio.delta" in frame else 0
        if self._deltas <= 3:
            self.frames.append(shortened(frame))

    async def _answer(self, socket: ClientConnection, fact: Fact) -> None:
        match fact:
            case Ready() if self.scene.words:
                await self._say(socket, self.scene.words)
            case ToolCalled():
                self._answers += 1
                await socket.send(self.session.tool_output(fact.call_id, '{"say": "It is done."}'), text=True)
                await socket.send(self.session.create_response(), text=True)
            case Began() if self.scene.over and not self._spoken_over:
                self._spoken_over = True
                await self._say(socket, self.scene.over)
                if not self.session.profile.server_cancels:
                    await socket.send(self.session.cancel(fact.response), text=True)
            case Ended():
                self._ended += 1

    async def _say(self, socket: ClientConnection, words: str) -> None:
        pcm, size = speech(words, self.session.profile.in_rate_hz), self.session.profile.in_rate_hz // 50 * 2
        for start in range(0, len(pcm), size):
            await socket.send(self.session.append(pcm[start : start + size].ljust(size, b"\0")), text=True)
        if self.session.profile.turns == "manual":
            await socket.send(self.session.commit(), text=True)
            await socket.send(self.session.create_response(), text=True)


async def record(server: Server, profile: Profile, scene: Scene) -> list[str]:
    """What the service sends in a scene."""
    server.faults = parse(("flood=ignore", "delta-speed=0", *scene.faults))
    name = "hydra" if profile.name == "local" else profile.name
    url = f"ws://127.0.0.1:{server.port}{SPOKEN[name].path}?dialect={name}"
    caller = Caller(profile, scene)
    options: dict[str, Any] = {"proxy": None, "compression": None, "max_size": None}
    offered = [Subprotocol(word) for word in connect_subprotocols(profile, KEY, None)]
    async with connect(
        connect_url(profile, url, profile.default_model or "deployment-1", KEY, None, "s1"),
        additional_headers=connect_headers(profile, KEY, None),
        subprotocols=offered or None,
        **options,
    ) as socket:
        await caller.play(socket)
    return caller.frames


async def main(names: Sequence[str]) -> int:
    """These dialects, all scenes."""
    ears = Recogniser()
    server = await serve("127.0.0.1", 0, Options(token=KEY), ears=ears)
    try:
        for profile in [DIALECTS[name] for name in names or DIALECTS]:
            name, began, scenes = profile.name, time.monotonic(), list[str]()
            for scene in SCENES:
                # Where tools are locked only because nobody knows better, an owner may unlock them.
                open_minded = replace(profile, takes_tools=True) if name == "mythicdot" else profile
                try:
                    scenes.append("\n".join(f"< {frame}" for frame in await record(server, open_minded, scene)))
                except LocalError as error:
                    print(f"{name}: {scene}: {error}", file=sys.stderr)
            (FOLDER / f"{name}.txt").write_text("\n\n".join(filter(None, scenes)) + "\n")
            print(f"{name}: {time.monotonic() - began:.1f} s", file=sys.stderr)
    finally:
        await server.aclose()
        ears.close()
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
