"""Calls a person, by every way that the owner gave, and tells the visitor who comes."""

from __future__ import annotations

import json
import logging
import secrets
import time
from typing import Callable, Mapping, Protocol, Sequence

from kioskd.actions.answering import Answering
from kioskd.actions.outcome import Outcome, failed
from kioskd.actions.summons import Summons, Taken
from kioskd.core.words import CallKey

log = logging.getLogger(__name__)


class Way(Protocol):
    """One way to reach people."""

    def call(self, summons: Summons) -> Taken:
        """Call; blocks."""


class Staff:
    """All ways of one tool. Any thread.

    Args:
        name: the tool's name.
        kiosk_name: sent along, so that staff know where to go.
        ways: tried one after another, all of them.
        answering: waits until somebody answers; None: nobody is waited for.
        wall: seconds since 1970.
    """

    def __init__(
        self,
        name: str,
        kiosk_name: str,
        ways: Sequence[Way],
        answering: Answering | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        if not ways:
            raise LookupError("it has no way to reach anybody")
        self._name = name
        self._kiosk_name = kiosk_name
        self._ways = tuple(ways)
        self._answering = answering
        self._wall = wall

    def rename(self, kiosk_name: str) -> None:
        """The kiosk has another name, from the next call on. Any thread."""
        self._kiosk_name = kiosk_name

    def call(self, key: CallKey, arguments: Mapping[str, object]) -> Outcome:
        """Call. Blocks for as long as the ways and the answer take: a worker thread only."""
        # Not to be guessed: whoever names it has got the call.
        answer_id = secrets.token_urlsafe(12)
        summons = Summons(self._kiosk_name, self._name, key, answer_id, arguments, self._wall())
        if self._answering is not None:
            self._answering.expect(answer_id)
        try:
            return self._call(summons)
        finally:
            if self._answering is not None:
                self._answering.forget(answer_id)

    def _call(self, summons: Summons) -> Outcome:
        went = [way.call(summons) for way in self._ways]
        troubles = " ".join(taken.trouble for taken in went if taken.trouble)
        if all(taken.trouble for taken in went):
            return failed(f"{self._name}: {troubles}")
        if troubles:
            log.warning("%s reached somebody, but not by every way: %s", self._name, troubles)
        say = next((taken.say for taken in went if taken.say), "")
        known = next((taken for taken in went if taken.answered_by), None)
        reason = f"{self._name}: {troubles}" if troubles else ""
        if self._answering is None:
            told = {"called": True, "say": say}
            if known is not None:
                told["answered_by"] = known.answered_by
            return Outcome(True, _json(told), say, reason)
        return self._answered(known or self._answering.wait_for(summons), reason)

    def _answered(self, answer: Taken, reason: str) -> Outcome:
        assert self._answering is not None
        if answer.answered_by:
            say = answer.say or self._answering.say_answered(answer.answered_by)
            return Outcome(True, _json({"called": True, "answered_by": answer.answered_by, "say": say}), say, reason)
        say = self._answering.say_nobody
        why = f"{self._name}: somebody was called, and {answer.trouble}. {reason}".rstrip()
        return Outcome(False, _json({"called": True, "answered_by": None, "say": say}), say, why)


def _json(told: Mapping[str, object]) -> str:
    return json.dumps(told, ensure_ascii=False)
