"""Calls a person over a webhook: one HTTP POST with a JSON body, tried again when trying again can help.

No redirect is followed. The receiver can tell a repetition by ``answer_id``, and by ``Idempotency-Key``.
"""

from __future__ import annotations

import logging
import random
from typing import Callable

from kioskd.actions.jobs import once
from kioskd.actions.summons import Summons, Taken, read_answer
from kioskd.actions.web import Wish, ask, unsafe, WebError
from kioskd.config.action import StaffAction, webhook_s

log = logging.getLogger(__name__)

# What is read of a reply; one sentence is wanted. A guess.
MOST_REPLY_BYTES = 16 * 1024
JITTER = 0.2
TOKEN_KEY = "action.staff.token"


class Webhook:
    """One webhook. Any thread.

    Args:
        name: the tool's name.
        action: address, timeout, attempts.
        token: reads the Bearer token, None without one; called for each call, so that a token can be replaced.
        wait: ``wait(seconds)`` pauses, and returns True when the process ends (``threading.Event.wait``).
        pause_s: before the second attempt; doubles.
        chance: 0.0 to 1.0, for the jitter.

    Raises:
        ValueError: nothing may be sent to this address.
    """

    def __init__(
        self,
        name: str,
        action: StaffAction,
        token: Callable[[], str] | None,
        wait: Callable[[float], bool],
        pause_s: float = 1.0,
        chance: Callable[[], float] = random.random,
    ) -> None:
        trouble = unsafe(action.url or "", action.lan)
        if trouble:
            raise ValueError(trouble)
        self._name = name
        self._action = action
        self._token = token
        self._wait = wait
        self._pause_s = pause_s
        self._chance = chance

    @property
    def longest_s(self) -> float:
        """All attempts and pauses together, when every attempt runs into its timeout."""
        return webhook_s(self._action)

    def call(self, summons: Summons) -> Taken:
        """Call. Blocks up to ``longest_s``: a worker thread only."""
        try:
            token = bearer(self._token, f"the token for {self._name}", TOKEN_KEY)
        except ValueError as error:
            return Taken(str(error))
        headers = {"Content-Type": "application/json", "Idempotency-Key": once(summons.key)} | (
            {"Authorization": f"Bearer {token}"} if token else {}
        )
        taken = self._until_taken(summons.body(), headers)
        return Taken(*(text.replace(token, "***") for text in taken)) if token else taken

    def _until_taken(self, body: bytes, headers: dict[str, str]) -> Taken:
        taken = Taken("no attempt was made")
        for attempt in range(self._action.attempts):
            if attempt and self._wait(self._pause(attempt)):
                return Taken(f"kioskd is ending; the last attempt said: {taken.trouble}")
            wish = Wish(
                self._action.url or "",
                self._action.timeout_s,
                "the webhook",
                "POST",
                body,
                headers,
                self._action.lan,
                MOST_REPLY_BYTES,
                TOKEN_KEY,
            )
            try:
                reply = ask(wish)
            except WebError as error:
                taken = Taken(str(error))
                log.warning("%s, attempt %d of %d: %s", self._name, attempt + 1, self._action.attempts, error)
                if not error.again:
                    return taken
                continue
            if reply.cut:
                log.warning("%s: the webhook took the call, and %s", self._name, reply.cut)
            return read_answer(reply.body)
        return taken

    def _pause(self, attempt: int) -> float:
        return self._pause_s * 2.0 ** (attempt - 1) * (1.0 + JITTER * (2.0 * self._chance() - 1.0))


def bearer(token: Callable[[], str] | None, what: str, key: str) -> str:
    """The token, read now; empty where none is wanted.

    Raises:
        ValueError: it cannot be read or sent; the text is a sentence that quotes nothing of it.
    """
    if token is None:
        return ""
    try:
        text = token()
    except (OSError, ValueError, KeyError) as error:
        # Without its text: it may quote what it could not take.
        raise ValueError(f"{what} cannot be read ({type(error).__name__}); see {key}.") from None
    if not all("!" <= character <= "~" for character in text):
        raise ValueError(f"{what} holds characters that no token has; see {key}.")
    return text
