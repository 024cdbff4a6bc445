"""Waits until somebody says that they come: over a topic of the broker, or at an address that is asked again and again.

An answer names the ``answer_id`` of its call, which only those know who got the call, and serves once.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from typing import Callable

from kioskd.actions.summons import LONGEST_NAME, LONGEST_SAY, Summons, Taken, line, read_answer
from kioskd.actions.web import WebError, Wish, ask
from kioskd.actions.webhook import TOKEN_KEY, bearer
from kioskd.config.action import StaffAnswer
from kioskd.core.template import address

log = logging.getLogger(__name__)

MOST_ANSWER_BYTES = 16 * 1024
# So much of a poll's interval an answer may take.
LONGEST_POLL_S = 10.0
# How often the end of the process is looked for while only the broker is listened to.
LOOK_S = 0.25


class Answering:
    """Who answers. ``put`` may be called from any thread, ``wait_for`` in worker threads.

    Args:
        name: the tool's name.
        action: where, how often, how long.
        token: the webhook's token, sent along when the address is asked.
        wait: ``wait(seconds)`` pauses, and returns True when the process ends.
        lan: the address may be http:// in this network.
    """

    def __init__(
        self,
        name: str,
        action: StaffAnswer,
        token: Callable[[], str] | None,
        wait: Callable[[float], bool],
        lan: bool = False,
    ) -> None:
        self._name = name
        self._action = action
        self._token = token
        self._wait = wait
        self._lan = lan
        self._changed = threading.Condition()
        self._answers: dict[str, Taken | None] = {}  # by answer id: None until somebody answers
        self.strays = 0  # answers to no call that waits

    @property
    def say_nobody(self) -> str:
        """For the visitor, when nobody answers."""
        return self._action.say_nobody

    def say_answered(self, name: str) -> str:
        """For the visitor, when somebody does."""
        return self._action.say_answered.replace("{name}", name)

    def expect(self, answer_id: str) -> None:
        """Before the call is sent: an answer may come before ``wait_for`` is entered."""
        with self._changed:
            self._answers[answer_id] = None

    def forget(self, answer_id: str) -> None:
        """The call is over, one way or another."""
        with self._changed:
            self._answers.pop(answer_id, None)

    def put(self, payload: bytes) -> None:
        """Somebody said something: ``{"answer_id": ..., "answered_by": "Anna", "say": "I am coming."}``."""
        try:
            said = json.loads(payload[:MOST_ANSWER_BYTES])
        except (ValueError, RecursionError):
            said = None
        fields = said if isinstance(said, dict) else {}
        answer_id, name = fields.get("answer_id"), line(fields.get("answered_by"), LONGEST_NAME)
        with self._changed:
            if not isinstance(answer_id, str) or not name or self._answers.get(answer_id, Taken("")) is not None:
                self.strays += 1
                return
            self._answers[answer_id] = Taken("", line(fields.get("say"), LONGEST_SAY), name)
            self._changed.notify_all()

    def wait_for(self, summons: Summons) -> Taken:
        """Who answered this call; ``trouble`` when nobody did. Blocks up to ``within_s``."""
        deadline = time.monotonic() + self._action.within_s
        trouble = ""
        while True:
            if self._action.url is not None:
                found = self._asked(summons)
                # Asking again does not help then; but somebody may still say it over the broker.
                if found.answered_by or (found.trouble.endswith(TOKEN_KEY + ".") and self._action.topic is None):
                    return found
                trouble = found.trouble or trouble
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                because = f" ({trouble})" if trouble else ""
                return Taken(f"nobody answered within {self._action.within_s:g} s{because}")
            known = self._listen(summons.answer_id, min(left_s, self._action.every_s))
            if known is not None:
                return known

    def _listen(self, answer_id: str, seconds: float) -> Taken | None:
        """An answer over the broker within so long; a trouble when the process ends."""
        until = time.monotonic() + seconds
        while (left_s := until - time.monotonic()) > 0:
            if self._wait(0):
                return Taken("kioskd is ending; nobody has answered yet")
            with self._changed:
                self._changed.wait_for(lambda: self._answers.get(answer_id) is not None, min(left_s, LOOK_S))
                known = self._answers.get(answer_id)
            if known is not None:
                return known
        return None

    def _asked(self, summons: Summons) -> Taken:
        """What the address says now; an answer without a name is none yet."""
        values = {"answer_id": summons.answer_id, "call_id": summons.key.call_id, "kiosk": summons.kiosk}
        try:
            token = bearer(self._token, f"the token for {self._name}", TOKEN_KEY)
            url = address(self._action.url or "", values)
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            timeout_s = min(LONGEST_POLL_S, max(1.0, self._action.every_s))
            most = MOST_ANSWER_BYTES
            reply = ask(Wish(url, timeout_s, "the answer's address", "GET", None, headers, self._lan, most, TOKEN_KEY))
        except (WebError, ValueError) as error:
            if "HTTP 404" not in str(error):  # so a service says: not yet
                log.warning("%s: %s", self._name, error)
            return Taken(str(error))
        found = read_answer(reply.body)
        return found if found.answered_by else Taken("")
