"""When a contact really changed. Pure: edges and times in, facts out; when it is asked does not matter.

Long wires near a lift motor make edges that nobody pressed, contacts bounce, and buttons get stuck. The driver's own
bounce filters lose events or none of this, so the filter is ours and works on the edges' time stamps.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class Change(NamedTuple):
    """The contact is at ``level`` since ``at``."""

    level: bool
    at: float


class Debounce:
    """A change counts when the contact has stayed there for ``settle_s``; its time is when that stay began.

    Args:
        settle_s: shorter stays are glitches (bouncing, EMI).
        level: how the contact stands at the start.
        rise_s: the same for going up to True, where that must be known sooner; None: as long. A return to True that is
            shorter takes no way down back: interference that closes the contact now and then holds no button.
    """

    def __init__(self, settle_s: float, level: bool, rise_s: float | None = None) -> None:
        self._settle_s = settle_s
        self._rise_s = settle_s if rise_s is None else min(rise_s, settle_s)
        self.level = level
        self.since: float | None = None  # since when the contact is at the other level
        self._back: float | None = None  # ... and since when it is at the old one again, which may be interference
        self.glitches = 0

    def edge(self, level: bool, at: float) -> Change | None:
        """The contact went to ``level`` at ``at``.

        Returns:
            the change that had settled by then: the caller may come late, the time stamps do not.
        """
        settled = self.settle(at)
        if level == self.level and self.since is not None:
            self._back = at if self._back is None else self._back
            self.settle(at)
        elif level != self.level and self.since is None:
            self.since = at
        elif level != self.level and self._back is not None:
            self._back = None
            self.glitches += 1
        return settled

    def settle(self, now: float) -> Change | None:
        """The change that has settled by ``now``, if there is one."""
        due = self.due
        if self.since is None or due is None or now < due:
            return None
        if self._back is not None:
            self.since = self._back = None
            self.glitches += 1
            return None
        change = Change(not self.level, self.since)
        self.level, self.since = change.level, None
        return change

    @property
    def due(self) -> float | None:
        """When ``settle`` would find something, if nothing else happens."""
        if self._back is not None:
            return self._back + (self._rise_s if self.level and self._rise_s < self._settle_s else 0.0)
        if self.since is None:
            return None
        return self.since + (self._settle_s if self.level else self._rise_s)


class What(Enum):
    """What a push button did."""

    DOWN = "down"
    UP = "up"
    STUCK = "stuck"
    FREED = "freed"


class Fact(NamedTuple):
    """``what`` happened ``at``."""

    what: What
    at: float


class PushButton:
    """A debounced button that notices when it is stuck.

    A press that lasts longer than ``stuck_s`` ends there (STUCK, then UP), and counts for nothing until the button
    came up (FREED). So does a button that is down from the start: nobody pressed it for this kiosk to hear.

    A press counts after ``glitch_s`` and not after ``settle_s``: bouncing comes behind the first touch and is told from
    a release by ``settle_s``; what comes out of silence is interference, and that is shorter.

    Args:
        settle_s: see Debounce; a contact that opens for less, while it is pressed, bounces.
        stuck_s: no person holds the button longer.
        down: whether it is held at the start.
        glitch_s: the shortest press; None: settle_s.
    """

    def __init__(self, settle_s: float, stuck_s: float, down: bool, glitch_s: float | None = None) -> None:
        self._filter = Debounce(settle_s, down, glitch_s)
        self._stuck_s = stuck_s
        self._down_at: float | None = None
        self.stuck = down
        self.presses = 0
        self.times_stuck = int(down)

    def edge(self, down: bool, at: float) -> list[Fact]:
        """The contact changed; the facts that are certain by then."""
        facts = self.advance(at)
        self._filter.edge(down, at)
        return facts + self._overdue(at)

    def advance(self, now: float) -> list[Fact]:
        """Time passed; the facts that are certain by now."""
        settled = self._filter.settle(now)
        if settled is None:
            return self._overdue(now)
        before = self._overdue(settled.at)
        return before + self._take(settled) + self._overdue(now)

    @property
    def due(self) -> float | None:
        """When ``advance`` would say something, if nothing else happens."""
        if self._filter.due is not None or self._down_at is None:
            return self._filter.due
        return self._down_at + self._stuck_s

    @property
    def down(self) -> bool:
        """A press is under way: DOWN was said, UP was not."""
        return self._down_at is not None

    def certain(self, now: float) -> float:
        """Up to when all is known: the contact may have come up a moment ago, and that has not settled yet."""
        return now if self._filter.since is None else min(now, self._filter.since)

    @property
    def settling(self) -> bool:
        """The contact has changed and it is not known yet whether that counts."""
        return self._filter.since is not None

    @property
    def glitches(self) -> int:
        """Changes too short to count."""
        return self._filter.glitches

    def _overdue(self, now: float) -> list[Fact]:
        if self._down_at is None:
            return []
        at = self._down_at + self._stuck_s
        # While the contact may just have come up, it is not stuck: that is decided when it has settled.
        coming_up = self._filter.since is not None and self._filter.since < at
        if now < at or coming_up:
            return []
        self._down_at, self.stuck = None, True
        self.times_stuck += 1
        return [Fact(What.STUCK, at), Fact(What.UP, at)]

    def _take(self, settled: Change | None) -> list[Fact]:
        if settled is None:
            return []
        if settled.level:
            self._down_at = settled.at
            self.presses += 1
            return [Fact(What.DOWN, settled.at)]
        if self.stuck:
            self.stuck = False
            return [Fact(What.FREED, settled.at)]
        self._down_at = None
        return [Fact(What.UP, settled.at)]
