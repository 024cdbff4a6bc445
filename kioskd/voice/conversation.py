"""What a session hears and answers, between the frames that come in and the outbox. Loop only.

    audio -> TurnDetector -> Recogniser -> interpret -> plan -> Responses

A plan is made when a turn is understood and carried out by ``_advance`` as soon as nobody speaks; so a cough after a
request does not lose it, while a new request replaces it.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any, Callable, Coroutine, Mapping, NamedTuple

from kioskd.voice import hydra, sentences
from kioskd.voice.calls import Calls
from kioskd.voice.faults import Faults
from kioskd.voice.grammar import Grammar, build
from kioskd.voice.intents import Intent, Kind, interpret
from kioskd.voice.options import Options
from kioskd.voice.outbox import Outbox, Parcel
from kioskd.voice.recogniser import Recogniser
from kioskd.voice.responses import Responses
from kioskd.voice.synthesiser import Synthesiser
from kioskd.voice.turns import Began, Ended, TurnDetector

# Less voice than this is a cough, whatever a recogniser makes of it: espeak-ng's fastest "hello" has 260 ms.
SHORTEST_TURN_MS = 160
# OpenAI's family takes no commit of less than 100 ms (dialects reference 4.3).
SHORTEST_COMMIT_BYTES = 3_200

_FIXED_ANSWERS = {
    Kind.GREETING: sentences.GREETING,
    Kind.THANKS: sentences.WELCOME,
    Kind.NEGATED: sentences.NEGATED,
    Kind.CONTRARY: sentences.CONTRARY,
    Kind.UNKNOWN: sentences.NOT_UNDERSTOOD,
}

# Starts a task whose exception ends the session.
Spawn = Callable[[Coroutine[Any, Any, None]], "asyncio.Task[None]"]


class Room(NamedTuple):
    """What all sessions share. ``now`` gives local time, ``hex16`` 16 new hex digits."""

    options: Options
    ears: Recogniser
    mouth: Synthesiser
    now: Callable[[], datetime]
    hex16: Callable[[], str]


class Conversation:
    """One visitor's words and the service's.

    Args:
        rate_hz: of the answers.
    """

    def __init__(self, out: Outbox, room: Room, faults: Faults, rate_hz: int, spawn: Spawn) -> None:
        self._out, self._room, self._faults, self._spawn = out, room, faults, spawn
        self.responses = Responses(out, room.mouth, faults, rate_hz, self._advance, spawn)
        self._calls = Calls()
        self._grammar = Grammar()
        self._detector = TurnDetector(room.options.longest_turn_ms)
        self._speaking = False  # the visitor is
        self._hearing: asyncio.Task[None] | None = None
        self._plan: Intent | None = None
        self._heard_words = 0
        self._item = ""
        self._rejects_left = int(faults.number("reject-turns"))
        self._tool_timer: asyncio.TimerHandle | None = None
        self._held: list[bytes] | None = None  # what was said since the last commit; None: the service finds turns

    def use_tools(self, tools: tuple[Mapping[str, Any], ...]) -> None:
        """Listen for the phrases of these tools from now on."""
        self._grammar = build(tools)
        self._spawn(self._room.ears.prepare(self._grammar))

    def greet(self) -> None:
        """Speak first."""
        self.responses.say(sentences.GREETING)

    def by_hand(self) -> None:
        """The client ends turns from now on."""
        self._held = []

    def commit(self) -> bool:
        """The client ended a turn; False: the service does that, or there is nothing to end."""
        pcm = b"".join(self._held or ())
        if len(pcm) < SHORTEST_COMMIT_BYTES:
            return False
        self._held = []
        self._item = self._out.pen.id("item")
        self._out.event({"type": "input_audio_buffer.committed", "item_id": self._item})
        self._out.item("added", hydra.message_item(self._item, "user", "in_progress"))
        self._hearing = self._spawn(self._hear(Ended(0, pcm, SHORTEST_TURN_MS), self._item, self._hearing))
        return True

    def clear(self) -> None:
        """The client takes back what it said since the last commit."""
        if self._held is not None:
            self._held = []
        self._out.event({"type": "input_audio_buffer.cleared"})

    def feed(self, pcm: bytes) -> None:
        """Audio of the visitor, S16_LE mono 16 kHz."""
        if self._held is not None:
            if sum(map(len, self._held)) < self._room.options.longest_turn_ms * 32:
                self._held.append(pcm)
            return
        for found in self._detector.feed(pcm):
            if isinstance(found, Began):
                self._began(found)
            else:
                self._ended(found)

    def output(self, call_id: str, output: str) -> bool:
        """A tool's output; False when no call waits for it."""
        taken = self._calls.answer(call_id, output)
        self._advance()
        return taken

    def note(self, text: str) -> None:
        """A text to be told with the next response."""
        self._calls.note(text)

    def create(self) -> None:
        """The client wants a response: now, or as soon as all outputs are there and nobody speaks."""
        self._calls.wanted = True
        self._advance()

    def cancel(self, response: object) -> None:
        """The client wants silence. ``response``: only this one, or None; nothing happens if nothing is in flight."""
        if response in (None, self.responses.response_id):
            self.responses.cancel("client_cancelled")
            self._advance()

    def stop(self) -> None:
        """The session is over."""
        self.responses.stop()
        self._stop_tool_timer()

    # -- what is heard

    def _began(self, began: Began) -> None:
        self._speaking = True
        self._item = self._out.pen.id("item")
        started = {"audio_start_ms": began.at_ms, "item_id": self._item}
        self._out.event({"type": "input_audio_buffer.speech_started", **started})
        if self._out.dialect.cancels:
            self.responses.cancel("interrupted")
        self._out.item("added", hydra.message_item(self._item, "user", "in_progress"))

    def _ended(self, ended: Ended) -> None:
        self._speaking = False
        stopped = {"audio_end_ms": ended.at_ms, "item_id": self._item}
        self._out.event({"type": "input_audio_buffer.speech_stopped", **stopped})
        if self._faults.breaks_at("speech"):
            self._out.put(Parcel(order="break"))
        self._hearing = self._spawn(self._hear(ended, self._item, self._hearing))

    async def _hear(self, ended: Ended, item: str, before: asyncio.Task[None] | None) -> None:
        """Understand one turn; turns are understood in their order."""
        if before:
            await before
        heard = await self._room.ears.recognise(self._grammar, ended.pcm)
        noise = heard.noise or ended.voiced_ms < SHORTEST_TURN_MS
        if self._rejects_left:
            self._rejects_left, noise = self._rejects_left - 1, True
        text = heard.text if self._faults.flag("transcripts") else None
        self._out.item("done", hydra.message_item(item, "user", "incomplete" if noise else "completed", text))
        if self._out.dialect.user_transcripts and not noise:
            said = {"item_id": item, "transcript": heard.text}
            self._out.event({"type": "conversation.item.input_audio_transcription.completed", **said})
        if not noise:
            self._heard_words = len(heard.text.split())
            self._plan = interpret(heard.text, self._grammar)
        if self._hearing is asyncio.current_task():
            self._hearing = None
        self._advance()

    # -- what is answered

    def _advance(self) -> None:
        """Begin what is next, if nobody speaks and nothing is being understood."""
        if self._speaking or self._hearing or self.responses.active:
            return
        asked = self._held is None or self._calls.wanted or self._out.dialect.commit_answers
        if self._plan and asked:
            self._calls.wanted = self._calls.wanted and self._held is None
            plan, self._plan = self._plan, None
            self._answer(plan)
        elif self._calls.wanted and not self._calls.waiting and self._plan is None:
            self._stop_tool_timer()
            told = self._calls.take()
            if told and self._faults.flag("mute-after-tool"):
                return
            self.responses.say(sentences.tell_all(told) if told else sentences.GREETING)

    def _answer(self, plan: Intent) -> None:
        if plan.kind is Kind.CALLS:
            self._calls.open(self.responses.call(plan.calls))
            self._stop_tool_timer()
            if self._faults.flag("mute-after-tool"):
                return
            window_s = self._faults.number("tool-timeout")
            self._tool_timer = asyncio.get_running_loop().call_later(window_s, self._tools_late)
        elif plan.kind is Kind.TIME:
            now = self._room.now()
            self.responses.say(sentences.spoken_time(now.hour, now.minute), self._heard_words)
        elif plan.kind is Kind.HELP:
            self.responses.say(sentences.help_text(self._grammar), self._heard_words)
        else:
            self.responses.say(_FIXED_ANSWERS[plan.kind], self._heard_words)

    def _tools_late(self) -> None:
        """No outputs with response.create in time: the turn is abandoned, the session goes on (A8)."""
        self._tool_timer = None
        self._calls.abandon()
        self._out.event(hydra.error("tool_response_timeout", "no tool output came in time; the turn is abandoned"))

    def _stop_tool_timer(self) -> None:
        if self._tool_timer:
            self._tool_timer.cancel()
            self._tool_timer = None
