"""Whom to dial next, and when: backoff and endpoints as one. Pure; time and chance come in."""

from __future__ import annotations

import logging
from typing import Sequence

from kioskd.core.words import Link
from kioskd.link.endpoints import EndpointSetup, Roster
from kioskd.link.failures import Ending, Failure
from kioskd.link.limits import Limits
from kioskd.wire.profile import Trouble

log = logging.getLogger(__name__)


class Course:
    """Loop only.

    Attributes:
        voiceless: names of endpoints that refused the configured voice; they are asked for none.
        failovers: how often another endpoint took over.
    """

    def __init__(self, endpoints: Sequence[EndpointSetup], limits: Limits) -> None:
        self._limits = limits
        self._backoff = limits.backoff()
        self.voiceless: set[str] = set()
        self.failovers = 0
        self.use(endpoints)

    def use(self, endpoints: Sequence[EndpointSetup]) -> None:
        """Begin anew with these endpoints: what was refused may have been changed. The bucket stays as it is.

        Raises:
            ValueError: there is none, or two have one name.
        """
        names = [setup.name for setup in endpoints]
        if not names or len(set(names)) != len(names):
            raise ValueError("the link needs at least one endpoint, and a name of its own for each")
        self._names = names
        self._roster = Roster(len(names), self._limits.refused_s, self._limits.press_s)
        self.voiceless.clear()

    @property
    def current(self) -> int:
        """Index of the endpoint that is next."""
        return self._roster.current

    def refused_s(self, now: float) -> float:
        """Seconds until any endpoint may be asked again, when all refused; else 0."""
        return self._roster.wait_s(now)

    def wait_s(self, now: float) -> float:
        """Seconds until the next attempt."""
        return max(self._roster.wait_s(now), self._backoff.wait_s(now))

    def fresh(self, now: float) -> None:
        """A conversation is opened: the preferred endpoint, at once if the bucket has a token."""
        self._roster.fresh(now)
        self._backoff.press(now)

    def press(self, now: float) -> None:
        """A person waits: at once, if the bucket has a token; a refused endpoint once a minute."""
        self._backoff.press(now)
        self._roster.press(now)

    def begin(self, now: float) -> bool:
        """Spend a token on an attempt with ``current``. False when it may not begin yet."""
        return self._roster.wait_s(now) <= 0.0 and self._backoff.begin(now)

    def ready(self, now: float) -> None:
        """The attempt led to a session."""
        self._backoff.ready(now)

    def completed(self) -> None:
        """The session gave a whole answer: only this proves a service (dialects reference 8.6)."""
        self._backoff.completed()
        self._roster.completed(self._roster.current)

    def rested(self, now: float) -> None:
        """The attempt, or its session, ended well."""
        self._backoff.rested(now)

    def failed(self, name: str, ending: Ending, now: float, chance: float, waiting: bool = False) -> None:
        """The attempt with the endpoint of that name failed, or its session was lost; is somebody ``waiting``?"""
        failure = ending.failure
        if name not in self._names:
            return  # it was taken out of the list meanwhile
        index = self._names.index(name)
        if ending.voice_refused and name not in self.voiceless:
            log.warning("= %s refused the voice; the next session asks for none (check service.voice)", name)
            self.voiceless.add(name)  # and at once again: nothing failed that a wait would cure
        elif failure.trouble is Trouble.FATAL:
            self._switch(self._roster.refused(index, now), now)
        else:
            full = failure.trouble is Trouble.CAPACITY
            self._backoff.failed(now, chance, full, failure.retry_after_s, waiting)
            self._switch(self._roster.failed(index, now), now)

    def prospect(self, failure: Failure, now: float) -> tuple[Link, str]:
        """What the link is while it waits after ``failure``, and when it will try again (the end of a sentence)."""
        state = Link.BUSY if failure.trouble is Trouble.CAPACITY else Link.OFFLINE
        if self.refused_s(now) > 0:
            state = Link.REFUSED
        return state, f"; trying again in {self.wait_s(now):.0f} s"

    def _switch(self, another: bool, now: float) -> None:
        if another:
            # It did nothing wrong: the wait belongs to the one before.
            self.failovers += 1
            self._backoff.press(now)
