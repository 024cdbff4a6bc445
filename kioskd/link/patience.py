"""What is done when a service says nothing: timers of one session that end with it. Loop only."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Callable

from kioskd.wire.session import Session

# So long may audio of a cut answer still come, where the service does not say whose it is (dialects reference 8.4).
LATE_S = 2.0


class Patience:
    """Waits for words that a dialect may leave out.

    Args:
        told: called when the session has new facts.
    """

    def __init__(self, session: Session, told: Callable[[], None]) -> None:
        self._session = session
        self._told = told
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._cancelled = ""

    def handshake(self) -> None:
        """The handshake has reached a state; called for each."""
        self._begin("handshake", self._session.patience_s, self._session.press_on)

    def cancelled(self, response: str) -> None:
        """This answer was cancelled: the service may or may not say that it has ended."""
        patience_s = self._session.profile.cancel_patience_s or float("inf")
        self._cancelled = response
        self._begin("cancel", patience_s, partial(self._session.assume_done, response))

    def cut(self) -> None:
        """An answer was cut: what still comes without a name is of it, for a while."""
        self._session.hush(True)
        self._begin("hush", LATE_S, partial(self._session.hush, False))

    def turn_over(self) -> None:
        """A whole turn went up: what comes from here on is the answer to it, be it soon, and without a name."""
        if "cancel" in self._timers:
            self._end("cancel")
            self._over(partial(self._session.assume_done, self._cancelled))
        self._end("hush")
        self._session.hush(False)

    def stop(self) -> None:
        """The session is over."""
        for name in tuple(self._timers):
            self._end(name)

    def _begin(self, name: str, seconds: float, then: Callable[[], None]) -> None:
        self._end(name)
        if seconds < float("inf"):
            self._timers[name] = asyncio.get_running_loop().call_later(seconds, self._over, then)

    def _end(self, name: str) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()

    def _over(self, then: Callable[[], None]) -> None:
        then()
        self._told()
