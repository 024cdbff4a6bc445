"""What a part of the audio wing says of itself: told when it changes, logged when it is an outage."""

from __future__ import annotations

import logging
from typing import Callable

from kioskd.core.events import PartChanged
from kioskd.core.ports import Post
from kioskd.core.words import PartState

log = logging.getLogger(__name__)


class Claim:
    """One part's claim. Its own thread says it, any thread reads it.

    Args:
        part: its name in PartChanged.
        device: what people call it, for the log.
        post: hands the fact to the machine.
        clock: monotonic seconds.

    Attributes:
        since: monotonic seconds of the last change of ``state``.
    """

    def __init__(self, part: str, device: str, post: Post, clock: Callable[[], float]) -> None:
        self._part, self._device, self._post, self._clock = part, device, post, clock
        self.state, self.reason, self.since = PartState.STARTING, "", clock()

    def say(self, state: PartState, reason: str) -> None:
        """Claim this; nothing is told twice."""
        if state is self.state and reason == self.reason:
            return
        was, now = self.state, self._clock()
        if state is PartState.ABSENT:
            level = logging.DEBUG if was is state else logging.WARNING
            log.log(level, "= %s absent: %s", self._device, reason)
        elif state is PartState.RUNNING and was is PartState.ABSENT:
            log.info("= %s back after %.1f s", self._device, now - self.since)
        if state is not was:
            self.since = now
        self.state, self.reason = state, reason
        self._post(PartChanged(self._part, state, reason))
