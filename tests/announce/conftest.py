"""The house's voice as it really is: the voice service's own speech endpoint on a free port."""

from __future__ import annotations

import asyncio
import math
from array import array
from contextlib import asynccontextmanager
from typing import Any, AsyncIterator, Callable, Iterator

import pytest

from kioskd.announce.hosted import Hosted
from kioskd.announce.ports import Recording, Socket, VoiceFailed
from kioskd.config.announce import Announce, AnnounceService
from kioskd.core.resample import make_resampler
from kioskd.housevoice import Account, dial_service
from kioskd.voice.faults import parse
from kioskd.voice.grammar import words_of
from kioskd.voice.jsgf import PHONES, Jsgf
from kioskd.voice.lightning import PATH
from kioskd.voice.options import Options
from kioskd.voice.recogniser import Recogniser, build_decoder, levelled, look_up
from kioskd.voice.server import Server, serve

SAID = [
    "There is no connection. Please ring the bell.",
    "The lift is out of order today.",
    "The shop closes in ten minutes.",
]


@pytest.fixture(scope="session")
def ears() -> Iterator[Recogniser]:
    """One recogniser for all services."""
    recogniser = Recogniser()
    yield recogniser
    recogniser.close()


@pytest.fixture
def said() -> list[str]:
    """Sentences that the recogniser can tell apart."""
    return SAID


@pytest.fixture
def heard() -> Callable[[Recording], str]:
    """Which of SAID an independent recogniser finds in a recording; empty: none."""

    def listen(recording: Recording) -> str:
        keys = {" ".join(words_of(sentence)): sentence for sentence in SAID}
        words = frozenset(word for key in keys for word in key.split())
        phones = " | ".join(f"g_{phone.lower()}" for phone in PHONES)
        rules = (
            f"<s> = {' | '.join(keys)};\n<p> = {phones};\n<g> = <p> <p> <p>+;\npublic <u> = /0.99/ <s> | /0.01/ <g>;"
        )
        decoder = build_decoder(Jsgf(f"#JSGF V1.0;\ngrammar answers;\n{rules}\n", words, ()), look_up(words))
        resampler = make_resampler(recording.rate_hz, 16_000)
        pcm = resampler.process(recording.pcm) + resampler.drain()
        decoder.start_utt()
        decoder.process_raw(levelled(bytes(9600) + pcm + bytes(9600)), full_utt=True)
        decoder.end_utt()
        return keys.get(decoder.hyp().hypstr, "") if decoder.hyp() else ""

    return listen


class Studio:
    """A service and a voice that it speaks with."""

    def __init__(self, server: Server, section: Announce) -> None:
        assert section.service is not None
        self.server, self.section, self.service = server, section, section.service
        self.seen: set[str] = set()
        self.dials = 0
        self.account = Account()
        self._ids = 0

    def new_id(self) -> str:
        self._ids += 1
        return f"id-{self._ids}"

    async def dial(self) -> Socket:
        self.dials += 1
        return await dial_service(self.service, self.seen, {"KEY": "canary-key-1234"}, self.account)

    def voice(self, stalled_s: float = 5.0) -> Hosted:
        return Hosted(self.dial, self.section, self.service, self.new_id, stalled_s, self.account.asked)


@pytest.fixture
def studio(ears: Recogniser) -> Callable[..., Any]:
    """``async with studio("fault", token=..., announce key=value) as one``."""

    @asynccontextmanager
    async def opened(*faults: str, token: str | None = None, **section: Any) -> AsyncIterator[Studio]:
        server = await serve("127.0.0.1", 0, Options(token=token, faults=parse(("tts-speed=0", *faults))), ears=ears)
        service = {"url": f"ws://127.0.0.1:{server.port}{PATH}", "deadline_s": 8.0, **section.pop("service", {})}
        try:
            yield Studio(server, Announce(service=AnnounceService(**service), **section))
        finally:
            await server.aclose()

    return opened


class Tone:
    """A voice that hums for a while: it can be told to fail, and to wait."""

    def __init__(self, seconds: float = 0.2, hz: float = 440.0) -> None:
        self.seconds, self.hz = seconds, hz
        self.asked: list[tuple[str, str]] = []
        self.problem = ""
        self.gate: asyncio.Event | None = None

    async def speak(self, text: str, voice: str = "") -> Recording:
        self.asked.append((text, voice))
        if self.gate is not None:
            await self.gate.wait()
        if self.problem:
            raise VoiceFailed(self.problem)
        step = 2 * math.pi * self.hz / 24_000
        return Recording(
            array("h", [int(9000 * math.sin(step * i)) for i in range(int(24_000 * self.seconds))]).tobytes(), 24_000
        )


@pytest.fixture
def tone() -> type[Tone]:
    """A voice without words."""
    return Tone
