"""What the machine says about a run until its relay is energised: it may be called back while it waits, and is judged
once more when it has waited.
"""

from __future__ import annotations

import threading
from typing import Callable

from kioskd.core.action_events import OVER, MoveAsked
from kioskd.core.ports import Post
from kioskd.core.words import CallKey

# The loop answers within milliseconds. One that stands still moves nothing.
ANSWER_S = 1.0
UNANSWERED = "kioskd did not say in time whether it may still move, so it did not."


class Word:
    """About one run. Any thread.

    Args:
        ask: asks the machine whether it may be energised now; the answer comes by ``say``. None: nobody need be asked.
    """

    def __init__(self, ask: Callable[[], object] | None = None) -> None:
        self._ask = ask
        self._changed = threading.Condition()
        self._asked = False
        self._answered = False
        self._back = ""

    @property
    def back(self) -> str:
        """Why it is called back; empty: it is not."""
        return self._back

    def say(self, why: str) -> None:
        """Call it back, for this reason; or let it go on (empty), where it has asked. The first reason stays."""
        with self._changed:
            self._back = self._back or why
            self._answered = self._asked
            self._changed.notify_all()

    def pause(self, seconds: float) -> None:
        """Wait so long, or until it is called back."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._back), seconds)

    def may_move(self) -> str:
        """Ask, and wait for the answer: empty, or why not."""
        if self._ask is None:
            return self._back
        with self._changed:
            self._asked = True
        self._ask()
        with self._changed:
            if not self._changed.wait_for(lambda: bool(self._back) or self._answered, ANSWER_S):
                self._back = UNANSWERED  # an answer that comes later is none
            return self._back


class Words:
    """One for each run that goes on, by its key. Any thread.

    Args:
        post: takes MoveAsked.
    """

    def __init__(self, post: Post) -> None:
        self._post = post
        self._lock = threading.Lock()
        self._open: dict[CallKey, Word] = {}

    def open(self, key: CallKey) -> None:
        """A run begins."""
        with self._lock:
            self._open[key] = Word(lambda: self._post(MoveAsked(key)))

    def of(self, key: CallKey) -> Word:
        """About this run; one that has ended may not move."""
        with self._lock:
            word = self._open.get(key)
        if word is None:
            word = Word()
            word.say(OVER)
        return word

    def say(self, key: CallKey, why: str) -> None:
        """See ``Word.say``; of a run that has ended nothing is said any more."""
        with self._lock:
            word = self._open.get(key)
        if word is not None:
            word.say(why)

    def close(self, key: CallKey) -> None:
        """A run has ended, or is not awaited any more: what still hangs in it moves nothing."""
        with self._lock:
            word = self._open.pop(key, None)
        if word is not None:
            word.say(OVER)
