"""How each endpoint is, for status: also those that do not serve at the moment. Loop only."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Callable, Mapping, Sequence

from kioskd.link.failures import Failure
from kioskd.wire.profile import Trouble

# States of an endpoint.
UNKNOWN, SERVING, WELL = "unknown", "serving", "well"
FAILING, BUSY, REFUSED, RECOVERING, BARRED = "failing", "busy", "refused", "recovering", "barred"

_OF_TROUBLE = {Trouble.FATAL: REFUSED, Trouble.CAPACITY: BUSY}

# States that somebody should look at.
TROUBLED = (FAILING, REFUSED)


@dataclass(slots=True)
class _Row:
    state: str
    reason: str
    since: float  # monotonic seconds


class Standings:
    """One row for each endpoint.

    Args:
        clock: monotonic seconds.
        wall: seconds since 1970.
    """

    def __init__(self, names: Sequence[str], clock: Callable[[], float], wall: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._wall = wall
        self._rows: dict[str, _Row] = {}
        self.use(names)

    def use(self, names: Sequence[str]) -> None:
        """Other endpoints; what is known of those that stay is kept, but for what was refused: it may be put right."""
        known = {name: row for name, row in self._rows.items() if row.state != REFUSED}
        self._rows = {name: known.get(name) or _Row(UNKNOWN, "", self._clock()) for name in names}

    def set(self, name: str, state: str, reason: str = "") -> None:
        """That endpoint is so."""
        row = self._rows.get(name)
        if row is None:
            return  # it was taken out of the list meanwhile
        if row.state != state:
            row.state, row.since = state, self._clock()
        row.reason = reason

    def ended(self, name: str) -> None:
        """A session with it ended well."""
        self.set(name, WELL)

    def failed(self, name: str, failure: Failure) -> None:
        """It failed or refused."""
        self.set(name, _OF_TROUBLE.get(failure.trouble, FAILING), failure.sentence)

    def probed(self, name: str, failure: Failure | None) -> None:
        """A probe found this. It opens no session, so what was refused stays refused."""
        row = self._rows.get(name)
        if row is None or row.state in (REFUSED, SERVING):
            return
        if failure is not None:
            self.failed(name, failure)
        elif row.state in (FAILING, BUSY):
            self.set(name, RECOVERING, row.reason)

    def troubles(self) -> dict[str, str]:
        """What is wrong with whom, by name: also while another serves."""
        return {name: row.reason if row.state in TROUBLED else "" for name, row in self._rows.items()}

    def snapshot(self, barred: Mapping[str, str]) -> list[dict[str, object]]:
        """Name, state, reason and since when (UTC), in order of preference.

        Args:
            barred: endpoints that are not to be asked now, with the reason.
        """
        now, wall_s = self._clock(), self._wall()
        return [
            {
                "name": name,
                "state": BARRED if barred.get(name) else row.state,
                "reason": barred.get(name) or row.reason,
                "since": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(wall_s - (now - row.since))),
                "for_s": round(now - row.since, 1),
            }
            for name, row in self._rows.items()
        ]
