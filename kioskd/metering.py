"""Joins the meter and the budget to the house: what is counted, what follows, and what ``kioskctl usage`` is told."""

from __future__ import annotations

import logging
import time
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Mapping
from urllib.parse import urlsplit

from kioskd.config.addresses import is_loopback
from kioskd.config.sections import Config
from kioskd.core.books import Now
from kioskd.core.budget import VOICE, Level, Verdict, judge
from kioskd.core.catalogue import mark
from kioskd.core.events import Event, SessionEnded, SessionReady, ToolAsked
from kioskd.core.tally import Tally
from kioskd.core.usage_page import budget_row, days_asked, page
from kioskd.ops.meter import Meter, Session

if TYPE_CHECKING:
    from kioskd.app import House

log = logging.getLogger(__name__)

# glibc reads /etc/localtime again only when it is told to; a box that crosses a border is late by so much.
ZONE_S = 60.0


class Metering:
    """The meter of one house. Loop only, but for ``stop``."""

    def __init__(self, house: House) -> None:
        self._house = house
        self.clock = Clock(house.config.kiosk.time_zone)
        self.meter = Meter(house.config.ops.state_dir, self.clock.now, time.monotonic)
        self.stop = self.meter.stop
        self._turns = 0  # of the machine's count, those that were looked at
        self._waiting = 0  # turns that began before there was a session to say them in
        self._session: Session | None = None
        self._ended = False  # a session has, and what it used is to be kept soon
        self._restricted: Mapping[str, str] = {}
        self._told: tuple[object, ...] = ()
        self.verdict = Verdict(Level.NONE, "", (), {})

    # -- what is counted -------------------------------------------------------------------------

    def heard(self, event: Event) -> None:
        """After the machine has taken an event: whose turn, whose call, whose session it was."""
        if isinstance(event, SessionReady):
            self._session = Session(event.endpoint, event.session)
        elif isinstance(event, ToolAsked):
            self.meter.add(event.key.endpoint, Tally(calls=1))
        self._count_turns()
        if isinstance(event, SessionEnded):
            self._ended = True
            if self._session is not None and self._session.id == event.session:
                self._session = None

    def _count_turns(self) -> None:
        state = self._house.machine.state
        self._waiting += state.counts.turns - self._turns
        self._turns = state.counts.turns
        if self._waiting and self._session is not None:
            self.meter.add(self._session.service, Tally(turns=self._waiting))
            self._waiting = 0
        elif not state.wanted:
            self._waiting = 0  # given up before anybody heard it: no service was used for it

    # -- once a second ---------------------------------------------------------------------------

    def beat(self) -> None:
        """Book what is new, hold it against the budget, and tell the link whom not to call."""
        link = self._house.link
        self.meter.tick(self._readings(), self._session)
        if self._ended:
            self._ended = False
            self.meter.save()
        verdict = self.judge()
        if verdict.restricted != self._restricted:
            self._restricted = verdict.restricted
            link.restrict(verdict.restricted)
        self._tell(verdict)

    def last(self) -> None:
        """The link is closed: book the rest, and have it written."""
        self.meter.tick(self._readings())
        self.meter.save()

    def _readings(self) -> Mapping[str, Tally]:
        """What every service was used for since the start: the link's, and the house's voice."""
        announcing = getattr(self._house, "announcing", None)  # the last to be opened
        return self._house.link.readings() | dict(announcing.readings() if announcing is not None else {})

    def judge(self) -> Verdict:
        """How the budget stands now."""
        books, config = self.meter.books, self._house.config
        self.verdict = judge(config.budget, books.this_hour, books.today, services(config))
        return self.verdict

    def _tell(self, verdict: Verdict) -> None:
        """The journal hears of each limit once as it is neared and once as it is reached."""
        told = tuple((*line[:3], line.level) for line in verdict.lines if line.level is not Level.OK)
        if told == self._told:
            return
        if not told:
            log.info("budget: within its limits again")
        elif set(told) - set(self._told):
            log.warning("%s", verdict.sentence, extra=mark("budget"))
            self._house.timeline.note("budget", verdict.sentence, {"state": verdict.level.value})
        self._told = told

    # -- what is told ----------------------------------------------------------------------------

    @property
    def spent(self) -> str:
        """The sentence of a budget that is spent; else empty."""
        return self.verdict.sentence if self.verdict.level is Level.SPENT else ""

    def budget(self) -> dict[str, object]:
        """For status."""
        return budget_row(self._house.config.budget, self.verdict)

    def usage(self, request: Mapping[str, object]) -> Mapping[str, object]:
        """Answer to ``{"do": "usage", "days": 7}``.

        Raises:
            ValueError: with a sentence, for days that are not kept.
        """
        days, config = days_asked(request), self._house.config
        self.meter.tick(self._readings(), self._session)
        shown = page(self.meter.books, config.budget, self.judge(), services(config), days)
        return {"usage": {"kiosk": config.kiosk.name, **shown, "kept": self.meter.snapshot()}}


class Clock:
    """The time in three ways, in the zone of the box or in the one that the owner named."""

    def __init__(self, zone: str | None) -> None:
        self._looked_at = time.monotonic()
        self.use(zone)

    def use(self, zone: str | None) -> None:
        """Tell the time in this zone from now on."""
        self._zone: tzinfo | None = None
        if zone is not None:
            from zoneinfo import ZoneInfo  # most kiosks live where their box believes to be

            try:
                self._zone = ZoneInfo(zone)
            except (OSError, ValueError, KeyError) as error:
                log.warning("kiosk.time_zone %s is not known here (%s): usage goes by this machine's zone", zone, error)

    def now(self) -> Now:
        """Now."""
        wall = time.time()
        return Now(wall, self._offset_s(wall), time.clock_gettime(time.CLOCK_BOOTTIME))

    def _offset_s(self, wall: float) -> int:
        at = time.monotonic()
        if at - self._looked_at >= ZONE_S:
            self._looked_at = at
            time.tzset()
        try:
            if self._zone is not None:
                offset = datetime.fromtimestamp(wall, self._zone).utcoffset()
                return int(offset.total_seconds()) if offset is not None else 0
            return time.localtime(wall).tm_gmtoff
        except (OverflowError, OSError, ValueError):
            return 0  # a clock in a year that nobody can name


def services(config: Config) -> dict[str, bool]:
    """Names of the services in their order (as services.py gives them), then the house's voice (housevoice.py); and
    whether each is on this device.
    """
    names = {f"{one.dialect}-{number}": one.dialect == "local" for number, one in enumerate(config.service, start=1)}
    voice = config.announce.service
    return names if voice is None else names | {VOICE: is_loopback(urlsplit(voice.url).hostname or "")}
