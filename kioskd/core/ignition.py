"""What a line that tells of the power's end comes to: blips, grace, the moment to switch off. Pure: time comes in."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

# A line that has never been on since the start may be wired or configured the wrong way round: nobody could reach a
# kiosk that switches itself off at every boot. Ten minutes are enough to log in and mend it; and a car that was
# switched off again while the kiosk booted does not lose its battery. A guess.
UNSEEN_S = 600.0


class Power(Enum):
    """Where it stands."""

    ON = "on"
    BLIP = "blip"  # off, but for so short that it may be nothing
    ENDING = "ending"  # off: within grace, everything goes on
    OFF = "off"  # the machine is to be switched off; nothing leads back


@dataclass(slots=True)
class Ignition:
    """One line. One thread.

    Args:
        debounce_s: the line must be off for so long before it counts; and on, before it was ever on: a line that is
            wired the wrong way round may pick up a spike.
        grace_s: from then on, until the machine is switched off; power that returns within ends it.
        unseen_s: in place of ``grace_s`` where the line has not been on since the start.

    Attributes:
        blips: how often it was off for less than ``debounce_s``.
        returned: how often the power came back within the grace.
    """

    debounce_s: float
    grace_s: float
    unseen_s: float = UNSEEN_S
    state: Power = Power.ON
    seen: bool = False
    blips: int = 0
    returned: int = 0
    _off_at: float = 0.0
    _on_at: float | None = None

    def level(self, on: bool, now: float) -> Power:
        """The line stands so now; the state after that and after the time that has passed."""
        if self.state is Power.OFF:
            return self.state
        if on and self._on_at is None:
            self._on_at = now
        self.seen = self.seen or self._on_at is not None and now - self._on_at >= self.debounce_s
        if on:
            if self.state is Power.BLIP:
                self.blips += 1
            elif self.state is Power.ENDING:
                self.returned += 1
            self.state = Power.ON
            return self.state
        self._on_at = None
        if self.state is Power.ON:
            self.state, self._off_at = Power.BLIP, now
        if self.state is Power.BLIP and now - self._off_at >= self.debounce_s:
            self.state = Power.ENDING
        if self.state is Power.ENDING and now >= self.off_at:
            self.state = Power.OFF
        return self.state

    @property
    def off_at(self) -> float:
        """When the machine is switched off, if the line stays off."""
        grace_s = self.grace_s if self.seen else max(self.grace_s, self.unseen_s)
        return self._off_at + self.debounce_s + grace_s

    @property
    def due(self) -> float | None:
        """When to look again although nothing moves; None: only an edge changes anything."""
        if self.state is Power.BLIP:
            return self._off_at + self.debounce_s
        return self.off_at if self.state is Power.ENDING else None
