"""One response at a time, in the order of the Hydra reference A4, A7, A8: spoken, or a turn of calls. Loop only."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections import OrderedDict
from typing import Any, Callable, Coroutine, Mapping, Sequence

from kioskd.voice.faults import Faults
from kioskd.voice.grammar import Request
from kioskd.voice.hydra import Event, audio_event, done, error, message_item
from kioskd.voice.outbox import Outbox, Parcel
from kioskd.voice.synthesiser import SpeechFailed, Synthesiser

log = logging.getLogger(__name__)

# After this many deltas an answer is in mid-sentence (break-at=answer).
BREAK_DELTAS = 3
# tool-done=delayed: longer than any client's debounce (220 ms in the vendor's own).
DELAYED_S = 1.0
HUGE_BYTES = 1 << 20
# Items that can still be truncated; a client is one or two behind.
REMEMBERED_ITEMS = 32


class Responses:
    """What the service says.

    Args:
        rate_hz: of the audio.
        ended: called when a response has ended by itself and the next may begin.
        spawn: starts a task whose exception ends the session.

    Attributes:
        silent: no audio goes out at all (a configuration beyond the size limit).
    """

    def __init__(
        self,
        out: Outbox,
        mouth: Synthesiser,
        faults: Faults,
        rate_hz: int,
        ended: Callable[[], None],
        spawn: Callable[[Coroutine[Any, Any, None]], "asyncio.Task[None]"],
    ) -> None:
        self._out, self._mouth, self._faults, self._rate_hz = out, mouth, faults, rate_hz
        self._ended, self._spawn = ended, spawn
        self._task: asyncio.Task[None] | None = None
        self._response = self._item = ""
        self._later: asyncio.TimerHandle | None = None
        self._heard_words = 0
        self._sent_bytes: OrderedDict[str, int] = OrderedDict()  # by item
        self.silent = False

    @property
    def active(self) -> bool:
        """A response is being spoken."""
        return self._task is not None

    @property
    def response_id(self) -> str:
        """The response being spoken, or empty."""
        return self._response if self._task else ""

    def use_rate(self, rate_hz: int) -> None:
        """The session chose another rate."""
        self._rate_hz = rate_hz

    def generated_ms(self, item: str) -> int | None:
        """How much audio of an item went out; None: there is no such item."""
        sent_bytes = self._sent_bytes.get(item)
        return None if sent_bytes is None else sent_bytes * 1000 // (2 * self._rate_hz)

    def forget(self, item: str) -> None:
        """The item was deleted."""
        self._sent_bytes.pop(item, None)

    # -- speech

    def say(self, text: str, heard_words: int = 0) -> None:
        """Speak; ``heard_words`` is what the answer is to, for its usage."""
        if self._faults.flag("internal-error"):
            self._out.event(error("internal_error", "the service failed (fault internal-error)"))
            return
        if self._faults.flag("session-expired"):
            words = "Your session hit the maximum duration of 60 minutes."
            self._out.event(error("session_expired", words))
            self._out.put(Parcel(order="close", code=1001, reason=words))
            return
        self._heard_words = heard_words
        self._begin()
        self._item = self._out.pen.id("item")
        self._sent_bytes[self._item] = 0
        if len(self._sent_bytes) > REMEMBERED_ITEMS:
            self._sent_bytes.popitem(last=False)
        self._out.item("added", message_item(self._item, "assistant", "in_progress"))
        self._task = self._spawn(self._speak(text))

    def cancel(self, reason: str) -> None:
        """End what is being spoken (``interrupted`` or ``client_cancelled``); nothing if nothing is."""
        if self._task is None:
            return
        self._task.cancel()
        self._task = None
        self._out.take_back(self._response)
        if reason == "interrupted" or not self._faults.flag("silent-cancel"):
            self._done("cancelled", {"status_details": {"reason": reason}})
        stale = base64.b64encode(bytes(self._rate_hz // 25)).decode()
        for _ in range(int(self._faults.number("late-deltas"))):
            self._out.event(audio_event("delta", self._response, self._item, stale))

    def stop(self) -> None:
        """The session is over."""
        if self._task:
            self._task.cancel()
        if self._later:
            self._later.cancel()

    async def _speak(self, text: str) -> None:
        status = self._faults.word("response-status")
        try:
            if status != "failed":
                pcm = b"" if self.silent else await self._mouth.speak(text, self._rate_hz)
                await self._stream(pcm, text)
        except SpeechFailed as failure:
            log.warning("! an answer could not be spoken: %s", failure)
            self._out.event(error("internal_error", "speech could not be made"))
            status = "failed"
        self._close(text, status)
        self._task = None
        self._ended()

    async def _stream(self, pcm: bytes, text: str) -> None:
        """The deltas, paced. Faults that strike in mid-answer strike here."""
        loop = asyncio.get_running_loop()
        began, sent = loop.time(), 0
        speed = self._faults.number("delta-speed")
        if self._faults.flag("transcripts") or self._out.dialect.transcripts:
            delta = {"type": "response.output_audio_transcript.delta", "response_id": self._response, "delta": text}
            self._out.event(delta, self._response)
        pieces = self._pieces(pcm)
        for number, piece in enumerate(pieces, start=1):
            delta_text = base64.b64encode(piece).decode()
            self._out.event(audio_event("delta", self._response, self._item, delta_text), self._response)
            if number == 1:
                self.oddities()
            if number == min(BREAK_DELTAS, len(pieces)) and self._faults.breaks_at("answer"):
                self._out.put(Parcel(order="break"))
            sent += len(piece)
            self._sent_bytes[self._item] = sent
            await self._out.room()
            if speed > 0:
                await asyncio.sleep(began + sent / 2 / self._rate_hz / speed - loop.time())

    def _pieces(self, pcm: bytes) -> list[bytes]:
        size = max(2, int(self._rate_hz * self._faults.number("delta-ms") / 1000) * 2)
        shape = self._faults.word("delta-shape")
        if not pcm:
            return []
        if shape == "huge":
            return [(pcm * (HUGE_BYTES // len(pcm) + 1))[:HUGE_BYTES]]
        # An odd number of bytes cuts a sample in two: half of it comes with the next delta.
        size += shape == "odd"
        pieces = [pcm[start : start + size] for start in range(0, len(pcm), size)]
        return [b"", *pieces] if shape == "empty" else pieces

    def _close(self, text: str, status: str) -> None:
        self._out.event(audio_event("done", self._response, self._item))
        complete = status == "completed"
        shown = text if self._faults.flag("transcripts") else None
        item = message_item(self._item, "assistant", "completed" if complete else "incomplete", shown)
        self._out.item("done", item)
        if complete:
            # A word stands for a token: the service has no other unit to count in.
            spoken = len(text.split())
            counts = (self._heard_words, spoken, self._heard_words + spoken)
            usage = dict(zip(("input_tokens", "output_tokens", "total_tokens"), counts))
            self._done("completed", {"output": [item], "usage": usage})
        elif status == "failed":
            problem = {"code": "internal_error", "type": "server_error"}
            self._done("failed", {"status_details": {"type": "failed", "error": problem}})
        else:
            self._done("incomplete", {"status_details": {"reason": status}})

    # -- tool calls

    def call(self, requests: Sequence[Request]) -> list[str]:
        """Ask for tools, all in one response; the ids of the calls."""
        self._begin()
        call_ids = [self._call(index, request) for index, request in enumerate(requests)]
        if self._faults.breaks_at("call"):
            self._out.put(Parcel(order="break"))
        when = self._faults.word("tool-done")
        if when == "immediate":
            self._done("completed", {})
        elif when == "delayed":
            loop, response = asyncio.get_running_loop(), self._response
            self._later = loop.call_later(DELAYED_S, lambda: self._done("completed", {}, response))
        return call_ids

    def _call(self, index: int, request: Request) -> str:
        call_id = "call_again" if self._faults.flag("reuse-call-id") else self._out.pen.id("call")
        name = "no_such_tool" if self._faults.flag("unknown-tool") else request.tool
        arguments = json.dumps(dict(request.arguments))
        if self._faults.flag("bad-arguments"):
            arguments = '{"broken'
        item = self._out.pen.id("item")
        shown = {
            "type": "function_call",
            "role": "assistant",
            "status": "in_progress",
            "call_id": call_id,
            "name": name,
        }
        self._out.item("added", {"id": item, **shown})
        about: Event = {"response_id": self._response, "item_id": item, "output_index": index, "call_id": call_id}
        half = (len(arguments) + 1) // 2
        for number, delta in enumerate((arguments[:half], arguments[half:])):
            # Only the first delta is certain to carry the name (A3.2).
            first = {"name": name} if number == 0 else {}
            self._out.event({"type": "response.function_call_arguments.delta", **about, **first, "delta": delta})
        whole = {"type": "response.function_call_arguments.done", **about, "name": name, "arguments": arguments}
        for _ in range(2 if self._faults.flag("repeat-call") else 1):
            self._out.event(whole)
        return call_id

    # -- both

    def oddities(self) -> None:
        """Frames that no client expects."""
        if self._faults.flag("non-json"):
            self._out.put(Parcel("this is no JSON {"))
        if self._faults.flag("binary-frame"):
            self._out.put(Parcel(b"\x00\x01\x02\x03"))
        if self._faults.flag("unknown-event"):
            self._out.event({"type": "service.weather_report", "outlook": "fine"})

    def _begin(self) -> None:
        self._response = self._out.pen.id("resp")
        self._out.event({"type": "response.created", "response": {"id": self._response, "status": "in_progress"}})

    def _done(self, status: str, more: Mapping[str, object], response: str = "") -> None:
        for _ in range(2 if self._faults.flag("duplicate-done") else 1):
            self._out.event(done(response or self._response, status, more))
