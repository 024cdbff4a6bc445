"""Whom to dial next, and when: backoff and endpoints as one. Pure; time and chance come in."""

from __future__ import annotations

import logging
from typing import Mapping, Sequence

from kioskd.core.words import Link
from kioskd.config.addresses import is_loopback
from kioskd.link.endpoints import EndpointSetup, Roster
from kioskd.link.failures import Ending, Failure
from kioskd.link.limits import Allowance, Limits
from kioskd.wire.profile import Trouble

log = logging.getLogger(__name__)

INVALID_PAYLOAD = 1007  # RFC 6455, 7.4.1


class Course:
    """Loop only.

    Attributes:
        voiceless: names of endpoints that refused the configured voice; they are asked for none.
        failovers: how often another endpoint took over.
        restrictions: endpoints that are not to be asked now, with a sentence each.
    """

    def __init__(self, endpoints: Sequence[EndpointSetup], limits: Limits) -> None:
        self._limits = limits
        self._backoff = limits.backoff()
        self.restrictions: Mapping[str, str] = {}
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
        limits = self._limits
        self._roster = Roster(len(names), limits.refused_s, limits.press_s, limits.well_s, limits.well_probes)
        self._probed = {
            index for index, setup in enumerate(endpoints) if limits.probe_s > 0 and not is_loopback(setup.host)
        }
        self._passing: set[str] = set()  # refused for what may pass by itself: a login page, a wrong clock
        self._spoilt = [Allowance(limits.spoilt - 1, limits.spoilt_s) for _ in names]
        self.voiceless.clear()
        self.restrict(self.restrictions)

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
        self._roster.fresh(now, self._probed)
        self._backoff.press(now)

    def press(self, now: float) -> None:
        """A person waits: at once, if the bucket has a token; a refused endpoint once a minute."""
        self._backoff.press(now)
        self._roster.press(now)

    def nudge(self, now: float) -> None:
        """Something has changed that may have been the trouble: at once, if the bucket has a token."""
        for name in tuple(self._passing):
            self.reached(name, now)
        self._backoff.nudge(now)

    def reached(self, name: str, now: float) -> None:
        """What stood in the way of that endpoint may have passed, or a probe came through to it."""
        if name in self._passing:
            self._passing.discard(name)
            self.pardon(name, now, idle=True)

    def pardon(self, name: str, now: float, idle: bool) -> bool:
        """What that endpoint refused may have been put right; False: it had not refused. ``idle``: ask it next."""
        if name not in self._names or not self._roster.refuses(index := self._names.index(name), now):
            return False
        self._roster.pardon(index, now)
        if idle:
            self._roster.fresh(now, self._probed)
            self._backoff.nudge(now)
        return True

    def restrict(self, reasons: Mapping[str, str]) -> None:
        """Endpoints that are not to be asked now, with a sentence each; all others may be."""
        self.restrictions = dict(reasons)
        for index, name in enumerate(self._names):
            self._roster.bar(index, self.restrictions.get(name, ""))

    @property
    def barred(self) -> str:
        """The sentences, when no endpoint may be asked; else empty."""
        reasons = [self._roster.barred(index) for index in range(len(self._names))]
        return "; ".join(dict.fromkeys(reasons)) if all(reasons) else ""

    def unfit(self, name: str) -> str:
        """Why a session with that endpoint ought to end at a quiet moment; empty: it may last."""
        return self.restrictions.get(name, "") if name in self._names else ""

    def better(self, name: str, now: float) -> str:
        """An endpoint before that one that is well (again) and may be asked; empty: there is none."""
        index = self._names.index(name) if name in self._names else 0
        best = self._roster.preferred(now, index, self._probed)
        return "" if best is None else self._names[best]

    def return_to(self, name: str) -> None:
        """Ask that one next."""
        self._roster.return_to(self._names.index(name))

    def ailing(self, name: str, now: float) -> int | None:
        """Index of the first sick endpoint before that one whose health a probe could tell; None: there is none."""
        before = range(self._names.index(name) if name in self._names else 0)
        sick = (i for i in before if i in self._probed and self._roster.sick(i) and not self._roster.refuses(i, now))
        return next(sick, None)

    def probed(self, name: str, well: bool, now: float) -> None:
        """What a probe of a sick endpoint found."""
        if name in self._names:
            self._roster.probed(self._names.index(name), well, now)

    def begin(self, now: float) -> bool:
        """Spend a token on an attempt with ``current``. False when it may not begin yet."""
        return self._roster.wait_s(now) <= 0.0 and self._backoff.begin(now)

    def ready(self, now: float) -> None:
        """The attempt led to a session."""
        self._backoff.ready(now)

    def completed(self, name: str) -> None:
        """Its session gave a whole answer: only this proves a service (dialects reference 8.6)."""
        self._backoff.completed()
        if name in self._names:
            self._roster.completed(self._names.index(name))

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
        elif failure.trouble is Trouble.EXPIRY and ending.was_ready:
            self._backoff.rested(now)  # the session was used up, not the service: the next one at once
        elif failure.trouble is Trouble.FATAL or self._is_spoilt(index, failure, now):
            if failure.passing:
                self._passing.add(name)
            self._switch(self._roster.refused(index, now, failure.patience_s), now)
        else:
            full = failure.trouble is Trouble.CAPACITY
            self._backoff.failed(now, chance, full, failure.retry_after_s, waiting)
            self._switch(self._roster.failed(index, now), now)

    def prospect(self, failure: Failure, now: float) -> tuple[Link, str]:
        """What the link is while it waits after ``failure``, and when it will try again (the end of a sentence)."""
        state = Link.BUSY if failure.trouble is Trouble.CAPACITY else Link.OFFLINE
        if self.refused_s(now) > 0 and not failure.passing:
            state = Link.REFUSED
        return state, f"; trying again in {self.wait_s(now):.0f} s"

    def _switch(self, another: bool, now: float) -> None:
        if another:
            # It did nothing wrong: the wait belongs to the one before.
            self.failovers += 1
            self._backoff.anew(now)

    def _is_spoilt(self, index: int, failure: Failure, now: float) -> bool:
        """Whether it closed with 1007 so often that the next session would end so too (dialects reference 8.6)."""
        return failure.close_code == INVALID_PAYLOAD and self._spoilt[index].exceeded(now)
