"""Responses from their beginning to their end: which one a frame belongs to, whole samples, nothing after the end."""

from __future__ import annotations

from dataclasses import dataclass

from kioskd.wire.counters import Counters
from kioskd.wire.facts import Audio, AudioDone, Began, Fact
from kioskd.wire.heard import Cut, Heard
from kioskd.wire.text import identifier

# A response that called tools may never be ended (Hydra reference A8), so open ones are bounded and the oldest
# gives way. One answer and one narration is the honest number; 16 is a guess with room.
OPEN_RESPONSES = 16
# Stragglers come for the response that was just cut; 256 ended ids are minutes of the fastest conversation.
REMEMBERED_ENDS = 256

# What the id of a response without one begins with. Such an id never goes back to the service.
UNNAMED = "unnamed-"
ABANDONED = "abandoned"


@dataclass(slots=True)
class Open:
    """A response that is being generated. ``half``: the first byte of a sample of ``item``, waiting for its other."""

    id: str
    item: str = ""
    half: bytes = b""


class Answers:
    """All responses of one session. New facts are appended to ``facts``.

    Attributes:
        hushed: audio that names no response belongs to one that was cut, until the next ``response.created``
            (dialects reference 8.4).
    """

    def __init__(self, counters: Counters, facts: list[Fact]) -> None:
        self._counters = counters
        self._facts = facts
        self._open: dict[str, Open] = {}
        self._ended: dict[str, str] = {}
        self._heard = Heard()
        self._unnamed = 0
        self.hushed = False

    @property
    def current(self) -> str:
        """The response that began last and has not ended; empty: none."""
        return next(reversed(self._open), "")

    def is_open(self, response: str) -> bool:
        """Whether it began and has not ended."""
        return response in self._open

    def end_of(self, response: str) -> str:
        """How a response ended; empty: it has not, or it is long forgotten."""
        return self._ended.get(response, "")

    def created(self, response_id: str | None) -> None:
        """``response.created``. One that began implicitly is only confirmed."""
        self.hushed = False
        response = identifier(response_id) or self._unnamed_id()
        if response in self._open or response in self._ended:
            self._counters.duplicate_created += 1
            return
        self._begin(response)

    def audio(self, response_id: str | None, item_id: str | None, pcm: bytes, rate_hz: int) -> None:
        """A delta: what makes whole samples becomes Audio, an odd byte waits for the next delta of the item."""
        if not pcm:
            self._counters.empty_audio += 1
            return
        item = identifier(item_id)
        answer = self._answer(response_id)
        if answer is None:
            self._counters.late_audio += 1
            return
        if answer.half:
            if item and answer.item and item != answer.item:
                self._counters.lost_bytes += 1
            else:
                pcm = answer.half + pcm
            answer.half = b""
        if len(pcm) % 2:
            self._counters.odd_bytes += 1
            answer.half, pcm = pcm[-1:], pcm[:-1]
            answer.item = item
        if pcm:
            self._heard.took(answer.id, item, len(pcm))
            self._facts.append(Audio(answer.id, pcm, rate_hz))

    def heard(self, response: str, heard_ms: int, rate_hz: int) -> list[Cut]:
        """How its items are to be truncated, when only so much of it was heard."""
        return self._heard.cut(response, heard_ms, rate_hz, self._ended.get(response) == "completed")

    def audio_done(self, response_id: str | None) -> None:
        """``response.output_audio.done``; nothing for a response that is not open."""
        answer = self._open.get(response_id or self.current)
        if answer is not None:
            self._lose_half(answer)
            self._facts.append(AudioDone(answer.id))

    def done(self, response_id: str | None, status: str) -> str | None:
        """``response.done``: the id it belongs to, or None when it says nothing new."""
        response = identifier(response_id) or self.current
        if response in self._ended:
            self._counters.duplicate_done += 1
            return None
        answer = self._open.pop(response, None)
        if answer is not None:
            self._lose_half(answer)
        if response:
            self._remember(response, status)
        if answer is None:
            self._counters.unknown_done += 1
            return None
        return response

    def _answer(self, response_id: str | None) -> Open | None:
        """The open response that a delta belongs to; opened here if nobody did. None: it has ended."""
        answer = self._open.get(response_id or self.current)
        if answer is not None or (self.hushed and not response_id):
            return answer
        response = identifier(response_id) or self._unnamed_id()
        if response in self._ended:
            return None
        self._counters.implicit_responses += 1
        return self._begin(response)

    def _begin(self, response: str) -> Open:
        if len(self._open) >= OPEN_RESPONSES:
            oldest = self._open.pop(next(iter(self._open)))
            self._lose_half(oldest)
            self._remember(oldest.id, ABANDONED)
            self._counters.abandoned += 1
        answer = self._open[response] = Open(response)
        self._facts.append(Began(response))
        return answer

    def _unnamed_id(self) -> str:
        self._unnamed += 1
        return f"{UNNAMED}{self._unnamed}"

    def _remember(self, response: str, status: str) -> None:
        if len(self._ended) >= REMEMBERED_ENDS:
            del self._ended[next(iter(self._ended))]
        self._ended[response] = status

    def _lose_half(self, answer: Open) -> None:
        self._counters.lost_bytes += len(answer.half)
        answer.half = b""
