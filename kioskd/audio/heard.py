"""How much of an answer has really been heard. Pure: time comes in."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple


class Cut(NamedTuple):
    """What a cut took away: ``response``, of which ``heard_ms`` had been heard."""

    response: str
    heard_ms: int


class Heard:
    """Counts the sound of one response, the latest of which some was handed over. One thread."""

    def __init__(self) -> None:
        self.response = ""  # empty: none
        self._handed_s = 0.0
        self._ahead: deque[tuple[float, float]] = deque()  # when the device ends playing it, and its length

    def handed(self, response: str, length_s: float, now: float, latency_s: float) -> None:
        """A device took so much of ``response``; it ends playing it ``latency_s`` from ``now``."""
        if response != self.response:
            self.response, self._handed_s = response, 0.0
            self._ahead.clear()
        self._handed_s += length_s
        self._ahead.append((now + latency_s, length_s))
        while self._ahead and self._ahead[0][0] <= now:
            self._ahead.popleft()

    def cut(self, now: float) -> Cut:
        """The response is cut: what was heard of it, without what the device still holds. Then start afresh."""
        unheard_s = sum(min(length_s, max(0.0, until - now)) for until, length_s in self._ahead)
        was = Cut(self.response, max(0, round((self._handed_s - unheard_s) * 1000)))
        self.response, self._handed_s = "", 0.0
        self._ahead.clear()
        return was
