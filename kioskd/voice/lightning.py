"""Lightning live TTS as the local service speaks it (Hydra reference B): text in, sound in 20 ms chunks out. Loop only.

One socket serves one request after another. ``continue`` gathers text, ``flush`` or a request without ``continue``
releases it; each release ends with one ``complete``.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import re
from typing import Any, Mapping

from kioskd.voice.conversation import Room
from kioskd.voice.faults import Faults
from kioskd.voice.session import Closed, Wire, strike
from kioskd.voice.synthesiser import SpeechFailed, Synthesiser

log = logging.getLogger(__name__)

PATH = "/waves/v1/tts/live"
CHUNK_MS = 20  # reference B3
RATES_HZ = (8_000, 16_000, 24_000, 44_100)
USUAL_RATE_HZ = 44_100
USUAL_BACKOFF_MS = 4_000
IDLE_S = 60.0  # reference B4; ?timeout= is another
LONGEST_IDLE_S = 3_600.0
# Text that is gathered for one release: a few minutes of speech.
MOST_TEXT = 4_000
# What is due while something is being spoken is looked at again after so long.
AGAIN_S = 0.05
# Where ``reset``, ``close`` and ``half-open`` strike: behind so many chunks.
BREAK_CHUNKS = 5

_ESPEAK_VOICE = re.compile(r"[a-z]{2,3}(-[a-z0-9-]{1,24})?(\+[a-zA-Z0-9]{1,12})?")
_EXTERNAL = ("session_id", "request_id")

Frame = dict[str, Any]


class Unfit(Exception):
    """A request that cannot be served; the text is what the error frame says."""


def refusal(sentence: str, faults: Faults) -> str:
    """An error frame in the shape that the switch ``tts-error`` names (reference B3)."""
    shape = faults.word("tts-error")
    if shape == "object":
        return json.dumps({"status": "error", "error": {"message": sentence, "code": "invalid_request"}})
    if shape == "list":
        return json.dumps({"status": "error", "error": [{"code": "custom", "path": [], "message": sentence}]})
    return json.dumps({"status": "error", "message": sentence})


def idle_s(query: Mapping[str, str]) -> float:
    """How long the client may say nothing: the query's ``timeout`` in whole seconds, or the usual."""
    given = query.get("timeout", "")
    return min(float(given), LONGEST_IDLE_S) if re.fullmatch(r"[1-9][0-9]{0,5}", given) else IDLE_S


class Desk:
    """Serves one client until either side ends it.

    Args:
        idle_s: the client is sent away after this long without a message.
    """

    def __init__(self, wire: Wire, room: Room, faults: Faults, idle_s: float) -> None:
        self._wire, self._room, self._faults, self._idle_s = wire, room, faults, idle_s
        self._session = f"ws_{room.hex16()}"
        self._gathered = ""
        self._work: asyncio.Task[None] | None = None
        self._late: asyncio.TimerHandle | None = None  # releases what is gathered (max_buffer_flush_ms)

    async def run(self) -> None:
        """Serve. Returns when the connection has ended; raises only what is a fault of this program."""
        try:
            while True:
                try:
                    async with asyncio.timeout(self._idle_s):
                        data = await self._next()
                except TimeoutError:
                    said = f"Connection timed out after {self._idle_s:g} seconds of inactivity"
                    await self._wire.send(json.dumps({"status": "error", "message": said}))
                    return await self._wire.close(1000, "idle")
                await self._take(data)
        except Closed:
            log.debug("= the client is gone")
        finally:
            await self._stop()

    async def _next(self) -> str | bytes:
        """The next message; raises what the work that runs meanwhile ended with."""
        receiving = asyncio.ensure_future(self._wire.receive())
        try:
            while not receiving.done():
                work = self._work
                await asyncio.wait({receiving, work} if work else {receiving}, return_when=asyncio.FIRST_COMPLETED)
                if work is not None and work.done():
                    self._work = None
                    work.result()
            return receiving.result()
        finally:
            receiving.cancel()
            await asyncio.gather(receiving, return_exceptions=True)

    async def _stop(self) -> None:
        if self._late is not None:
            self._late.cancel()
        if self._work is not None:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)

    # -- requests

    async def _take(self, data: str | bytes) -> None:
        try:
            request = parse(data)
            if self._faults.flag("internal-error"):
                raise Unfit("Internal server error")
            if len(self._gathered) + len(request["text"]) > MOST_TEXT:
                raise Unfit(f"text is longer than {MOST_TEXT} characters")
            going_on = request.get("continue") is True and request.get("flush") is not True
            if self._work is not None and not going_on:
                raise Unfit("Concurrency limit exceeded: a request is being spoken")
        except Unfit as unfit:
            log.info("! refused a request for speech: %s", unfit)
            return await self._wire.send(refusal(str(unfit), self._faults))
        self._gathered = f"{self._gathered} {request['text']}".strip()
        if not going_on:
            self._release(request)
        elif request.get("max_buffer_flush_ms"):
            self._release_in(float(request["max_buffer_flush_ms"]) / 1000, request)

    def _release_in(self, seconds: float, request: Frame) -> None:
        if self._late is not None:
            self._late.cancel()
        self._late = asyncio.get_running_loop().call_later(seconds, self._release, request)

    def _release(self, request: Frame) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None
        if self._work is not None:
            return self._release_in(AGAIN_S, request)
        text, self._gathered = self._gathered, ""
        self._work = asyncio.create_task(self._speak(text, request))

    # -- speech

    async def _speak(self, text: str, request: Frame) -> None:
        head: Frame = {"session_id": self._session, "request_id": f"task_{self._room.hex16()}"}
        head |= {f"external_{name}": request[name] for name in _EXTERNAL if request.get(name)}
        rate_hz = int(request.get("sample_rate", USUAL_RATE_HZ))
        await asyncio.sleep(self._faults.number("slow-handshake"))
        try:
            pcm = await self._voiced(text, request, rate_hz) if any(map(str.isalnum, text)) else b""
        except SpeechFailed as failed:
            log.warning("! %s", failed)
            return await self._wire.send(refusal("synthesis failed", self._faults))
        if await self._chunks(pcm, rate_hz, head):
            await asyncio.sleep(float(request.get("complete_backoff_ms", USUAL_BACKOFF_MS)) / 1000)
            await self._complete(head)

    async def _voiced(self, text: str, request: Frame, rate_hz: int) -> bytes:
        """In the voice that is asked for where espeak-ng has it, else in the usual one of the language."""
        speed = int(self._room.options.words_per_minute * float(request.get("speed", 1.0)))
        asked, language = request["voice_id"], request.get("language", "en")
        usual = self._room.options.voice if language in ("en", "auto") else language
        if _ESPEAK_VOICE.fullmatch(asked):
            try:
                return await Synthesiser(asked, speed).speak(text, rate_hz)
            except SpeechFailed:
                log.debug("! no voice %s here", asked)  # the hosted service rejects none either (reference B2)
        if (usual, speed) == (self._room.options.voice, self._room.options.words_per_minute):
            return await self._room.mouth.speak(text, rate_hz)
        return await Synthesiser(usual, speed).speak(text, rate_hz)

    async def _chunks(self, pcm: bytes, rate_hz: int, head: Frame) -> bool:
        """Send the sound; False when a fault has ended the connection meanwhile."""
        loop, speed = asyncio.get_running_loop(), self._faults.number("tts-speed")
        size = 2 * (rate_hz * CHUNK_MS // 1000) + (self._faults.word("delta-shape") == "odd")
        began = loop.time()
        for number, start in enumerate(range(0, len(pcm), size)):
            if number == 1:
                await self._oddities()
            if number == BREAK_CHUNKS and self._faults.breaks_at("answer"):
                await strike(self._wire, self._faults)
                return False
            audio = base64.b64encode(pcm[start : start + size]).decode("ascii")
            await self._wire.send(json.dumps({**head, "status": "chunk", "data": {"audio": audio}}))
            if speed > 0:
                await asyncio.sleep(began + (start + size) / 2 / rate_hz / speed - loop.time())
        return True

    async def _complete(self, head: Frame) -> None:
        how = self._faults.word("tts-complete")
        if how == "never":
            return
        old = {"message": "All chunks sent", "done": True} if how == "old" else {}
        await self._wire.send(json.dumps({**head, "status": "complete", **old}))
        if self._faults.word("tts-after") == "close":
            await self._wire.close(1000, "")

    async def _oddities(self) -> None:
        """Frames that no client expects."""
        if self._faults.flag("non-json"):
            await self._wire.send("this is no JSON {")
        if self._faults.flag("binary-frame"):
            await self._wire.send(b"\x00\x01\x02\x03")
        if self._faults.flag("unknown-event"):
            await self._wire.send(json.dumps({"status": "weather_report", "outlook": "fine"}))


def parse(data: str | bytes) -> Frame:
    """A request whose ``voice_id`` and ``text`` are strings and whose numbers are within their bounds (reference B2).

    Raises:
        Unfit: it is none.
    """
    try:
        frame = json.loads(data) if isinstance(data, str) else None
    except (ValueError, RecursionError):
        frame = None
    if not isinstance(frame, dict):
        raise Unfit("a request is a JSON object in a text frame")
    for name in ("voice_id", "text"):
        if not isinstance(frame.get(name), str):
            raise Unfit(f"{name}: Required")
    if not frame["voice_id"]:
        raise Unfit("voice_id: Invalid Voice ID")
    for name, low, high in (
        ("speed", 0.5, 2.0),
        ("max_buffer_flush_ms", 0, 1_000),
        ("complete_backoff_ms", 0, 10_000),
    ):
        value = frame.get(name, low)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
            raise Unfit(f"{name}: is from {low:g} to {high:g}")
    if frame.get("sample_rate", USUAL_RATE_HZ) not in RATES_HZ:
        raise Unfit(f"sample_rate: is one of {', '.join(map(str, RATES_HZ))}")
    if not re.fullmatch(r"[a-z]{2,4}", str(frame.get("language", "en"))):
        raise Unfit("language: is a code such as en")
    return frame
