"""Outcomes on their way to the disk: they wait in memory while it takes none. The ledger's thread only."""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING, Callable

from kioskd.actions.jobs import Ending, about
from kioskd.actions.trail import Trail

if TYPE_CHECKING:
    from kioskd.actions.store import Store

log = logging.getLogger(__name__)

# Kept in memory while the disk takes none.
MOST_UNWRITTEN = 1000
MOST_WHY = 300


class Endings:
    """First in, first out.

    Args:
        trail: gets a line for each, once, before the ledger does.
        clock: seconds since 1970.
    """

    def __init__(self, trail: Trail, clock: Callable[[], float]) -> None:
        self._trail = trail
        self._clock = clock
        self._waiting: deque[Ending] = deque()
        self._first_told = False  # the trail has the first of them
        self.recorded = 0
        self.lost = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, ending: Ending) -> None:
        """One more; beyond the bound the oldest is lost, loudly."""
        self._waiting.append(ending)
        if len(self._waiting) > MOST_UNWRITTEN:
            lost = self._waiting.popleft()
            self._first_told = False
            self.lost += 1
            log.error("the outcome of %s (%s: %s) is lost: the disk takes nothing", lost.tool, lost.key, lost.outcome)

    def write(self, store: Store) -> None:
        """Write all of them.

        Raises:
            sqlite3.Error, OSError: the disk does not take them; the rest waits.
        """
        while self._waiting:
            ending = self._waiting[0]
            if ending.told and not self._first_told:
                told = about(ending.key, ending.tool) | {"outcome": ending.outcome, "why": ending.reason[:MOST_WHY]}
                self._trail.append("outcome", told)
                self._first_told = True
            self._trail.sync()
            store.record(
                ending.key, ending.tool, ending.outcome, ending.reason, at=self._clock(), head=self._trail.synced
            )
            self._waiting.popleft()
            self._first_told = False
            self.recorded += 1
