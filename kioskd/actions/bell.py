"""Rings a bell at the kiosk: a line that is pulsed a few times, or a cue."""

from __future__ import annotations

from typing import Callable

from kioskd.actions.relay import Relay
from kioskd.actions.summons import Summons, Taken
from kioskd.config.action import StaffBell


class Bell:
    """One bell.

    Args:
        action: how it rings.
        relay: the bell's line, as a relay that keeps its own bound; None: it is a cue.
        sound: plays a cue.
        wait: ``wait(seconds)`` pauses, and returns True when the process ends.
    """

    def __init__(
        self, action: StaffBell, relay: Relay | None, sound: Callable[[str], object], wait: Callable[[float], bool]
    ) -> None:
        self._action = action
        self._relay = relay
        self._sound = sound
        self._wait = wait

    def call(self, summons: Summons) -> Taken:
        """Ring. Blocks until it has rung: a worker thread only."""
        if self._relay is None:
            self._sound(self._action.cue or "done")
            return Taken("")
        for ring in range(self._action.rings):
            if ring and self._wait(self._action.pause_ms / 1000):
                return Taken("")  # it has rung, if not as often as it should
            outcome = self._relay.pulse()
            if not outcome.ok:
                return Taken("" if ring else f"the bell: {outcome.reason}")
        return Taken("")
