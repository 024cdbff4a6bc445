"""What the link claims to be, since when and why: told to the machine, to the journal and to status."""

from __future__ import annotations

import dataclasses
import logging
from typing import Callable, Mapping

from kioskd.core.events import Event, LinkChanged
from kioskd.core.tally import USAGE_NAMES, ZERO, Tally, more
from kioskd.core.words import Link
from kioskd.link.failures import Failure
from kioskd.link.reader import Heard
from kioskd.link.writer import Sent

log = logging.getLogger(__name__)

__all__ = ["USAGE_NAMES", "Record", "Totals", "Traffic"]

# Seconds in session, and what went up and came down, of one connection.
Traffic = Callable[[], tuple[float, Sent, Heard]]

# An outage that begins within this time of the last one that was told is the same one. A guess.
SAME_OUTAGE_S = 60.0


@dataclasses.dataclass(slots=True)
class Totals:
    """Since the daemon started.

    Attributes:
        attempts: dials.
        connects: upgrades that were answered by 101.
        sessions: sessions that became ready.
        failures: attempts that failed and sessions that were lost.
        probes: looks at a sleeping link.
        dropped_chunks: chunks given up because the session they were meant for was lost.
        late_outputs: outputs and requests for a session that was gone.
        faults: errors of the link itself; the journal has the tracebacks.
        session_s: seconds in which a session was ready: what minutes are billed for.
        usage: what services said about usage, added up by name.
    """

    attempts: int = 0
    connects: int = 0
    sessions: int = 0
    failures: int = 0
    probes: int = 0
    dropped_chunks: int = 0
    late_outputs: int = 0
    faults: int = 0
    session_s: float = 0.0
    frames_up: int = 0
    bytes_up: int = 0
    frames_down: int = 0
    bytes_down: int = 0
    usage: Mapping[str, float] = dataclasses.field(default_factory=dict)

    def add_usage(self, usage: Mapping[str, float]) -> None:
        """Add what one response used."""
        self.usage = more(self.usage, usage)

    def add_traffic(self, session_s: float, sent: Sent, heard: Heard) -> None:
        """Add what went over one connection."""
        self.session_s = round(self.session_s + session_s, 1)
        self.frames_up += sent.frames
        self.bytes_up += sent.bytes
        self.frames_down += heard.frames
        self.bytes_down += heard.bytes


class Record:
    """State, reason and history of the link. Loop only.

    The first failure of an outage is a WARNING, the following are DEBUG, its end is INFO with how long it took.
    """

    def __init__(self, report: Callable[[Event], object], clock: Callable[[], float]) -> None:
        self._report = report
        self._clock = clock
        self._outage_since: float | None = None
        self._told = False  # the journal knows of this outage
        self._told_at = float("-inf")
        self.state = Link.ASLEEP
        self.endpoint = ""
        self.reason = "no session was wanted yet"
        self.since = clock()
        self.last_failure: Failure | None = None
        self.totals = Totals()
        self._accounts: dict[str, Tally] = {}  # by endpoint, of what is over
        self._open: list[tuple[str, Traffic]] = []  # connections that are there

    def set(self, state: Link, endpoint: str, reason: str) -> None:
        """Claim a state. Told only when something changed."""
        if (state, endpoint, reason) == (self.state, self.endpoint, self.reason):
            return
        if state is not self.state:
            self.since = self._clock()
        self.state, self.endpoint, self.reason = state, endpoint, reason
        log.debug("= link %s %s: %s", state.value, endpoint, reason)
        self._report(LinkChanged(state, endpoint, reason))

    def failed(self, endpoint: str, failure: Failure) -> None:
        """An attempt failed or a session was lost."""
        self.totals.failures += 1
        self.last_failure = failure
        now = self._clock()
        if self._outage_since is None:
            self._outage_since = now
            # A service that opens and breaks sessions in turns would fill the journal with news of the same outage.
            self._told = now - self._told_at >= SAME_OUTAGE_S
            self._told_at = now if self._told else self._told_at
            level = logging.WARNING if self._told else logging.DEBUG
        else:
            level = logging.DEBUG
        log.log(level, "! %s: %s", endpoint, failure.sentence)

    def healthy(self, endpoint: str) -> None:
        """A session is ready, or a probe came through."""
        if self._outage_since is not None:
            level = logging.INFO if self._told else logging.DEBUG
            log.log(level, "= %s is back after %.1f s", endpoint, self._clock() - self._outage_since)
            self._outage_since = None

    @property
    def outage(self) -> Failure | None:
        """What failed last, if nothing has worked since."""
        return None if self._outage_since is None else self.last_failure

    # -- the meter -------------------------------------------------------------------------------

    def attempted(self, endpoint: str) -> None:
        """It was dialled."""
        self.totals.attempts += 1
        self._account(endpoint, Tally(attempts=1))

    def began(self, endpoint: str) -> None:
        """A session with it is ready."""
        self.totals.sessions += 1
        self._account(endpoint, Tally(sessions=1))

    def used(self, endpoint: str, usage: Mapping[str, float]) -> None:
        """It said what one response used."""
        self.totals.add_usage(usage)
        self._account(endpoint, Tally(usage=usage))

    def connected(self, endpoint: str, traffic: Traffic) -> None:
        """A connection is there; ``traffic`` is asked what goes over it, until ``disconnected``."""
        self.totals.connects += 1
        self._open.append((endpoint, traffic))

    def disconnected(self, endpoint: str, traffic: Traffic) -> None:
        """It is gone; what went over it is added up for good."""
        self._open.remove((endpoint, traffic))
        carried = traffic()
        self.totals.add_traffic(*carried)
        self._account(endpoint, tally_of(carried))

    def readings(self) -> dict[str, Tally]:
        """What each endpoint was used for since the daemon started, up to now; no counter in it ever falls."""
        now = dict(self._accounts)
        for endpoint, traffic in self._open:
            now[endpoint] = now.get(endpoint, ZERO).plus(tally_of(traffic()))
        return now

    def _account(self, endpoint: str, used: Tally) -> None:
        self._accounts[endpoint] = self._accounts.get(endpoint, ZERO).plus(used)

    # -- status ----------------------------------------------------------------------------------

    def snapshot(self, live: tuple[float, Sent, Heard] | None = None) -> dict[str, object]:
        """For status: plain values only. ``live``: what went over the connection that is open, as for the totals."""
        last = self.last_failure
        totals = dataclasses.replace(self.totals)
        if live is not None:
            totals.add_traffic(*live)
        return {
            "state": self.state.value,
            "endpoint": self.endpoint,
            "reason": self.reason,
            "for_s": round(self._clock() - self.since, 1),
            "last_close": None if last is None else last.close_code,
            "last_http_status": None if last is None else last.http_status,
            "last_cause": None if last is None else last.cause.value,
            "last_failure": None if last is None else last.sentence,
            **dataclasses.asdict(totals),
        }


def tally_of(traffic: tuple[float, Sent, Heard]) -> Tally:
    """What went over one connection, as the meter counts it."""
    session_s, sent, heard = traffic
    return Tally(session_s=session_s, bytes_up=sent.bytes, bytes_down=heard.bytes)
