"""What the link claims to be, since when and why: told to the machine, to the journal and to status."""

from __future__ import annotations

import dataclasses
import logging
from typing import Callable, Mapping

from kioskd.core.events import Event, LinkChanged
from kioskd.core.words import Link
from kioskd.link.failures import Failure
from kioskd.link.reader import Heard
from kioskd.link.writer import Sent

log = logging.getLogger(__name__)

# Names of usage that are counted; a service may invent as many as it likes.
USAGE_NAMES = 16

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
    usage: dict[str, int] = dataclasses.field(default_factory=dict)

    def add_usage(self, usage: Mapping[str, int]) -> None:
        """Add what one response used."""
        for name, count in usage.items():
            if name in self.usage or len(self.usage) < USAGE_NAMES:
                self.usage[name] = self.usage.get(name, 0) + count

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
            "last_failure": None if last is None else last.sentence,
            **dataclasses.asdict(totals),
        }
