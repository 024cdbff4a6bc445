"""What a press becomes: tap, double, hold, long. One pure recogniser for each; none of them knows the others.

Each takes the settled facts of one button (panel/button.py) in their order, and is told how late it is; when that is
does not matter, all counting is done on the facts' time stamps. A press that is stuck becomes nothing more.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from kioskd.config import panel as sections
from kioskd.panel.button import Fact, What


class Seen(NamedTuple):
    """A gesture was made.

    Attributes:
        gesture: ``press``, ``tap``, ``double``, ``hold`` or ``long``.
        began: when its first press began.
        at: when it was certain.
    """

    gesture: str
    began: float
    at: float


class Recogniser(Protocol):
    """Waits for one gesture."""

    def take(self, fact: Fact) -> Seen | None:
        """The button did this; the gesture, if that completes it."""

    def advance(self, now: float) -> Seen | None:
        """Nothing else happened until ``now``; the gesture, if that completes it."""

    @property
    def due(self) -> float | None:
        """When ``advance`` would say something, if nothing else happens."""


class Press:
    """Down. Known at once."""

    due: float | None = None

    def take(self, fact: Fact) -> Seen | None:
        """Any press."""
        return Seen("press", fact.at, fact.at) if fact.what is What.DOWN else None

    def advance(self, now: float) -> Seen | None:
        """Nothing more to wait for."""
        return None


class Tap:
    """Down and soon up again.

    Args:
        tap_s: shorter than this.
        wait_s: a second tap that begins within this takes the first away: both are a double. 0: nobody wants doubles.
    """

    def __init__(self, tap_s: float, wait_s: float = 0.0) -> None:
        self._tap_s, self._wait_s = tap_s, wait_s
        self._down_at: float | None = None
        self._tapped: Seen | None = None  # over, and a second may follow
        self._second = False  # the press under way is a second one

    def take(self, fact: Fact) -> Seen | None:
        """A tap that waited is certain when no second one came."""
        seen = self.advance(fact.at)
        if fact.what is What.DOWN:
            self._second = self._tapped is not None
            self._down_at = fact.at
        elif fact.what is What.UP and self._down_at is not None:
            began, self._down_at = self._down_at, None
            if fact.at < began + self._tap_s:  # the same sum as in ``due``: no float falls between them
                return self._taken(Seen("tap", began, fact.at)) or seen
        return seen

    def _taken(self, tap: Seen) -> Seen | None:
        if self._second:
            self._tapped, self._second = None, False  # a double, whoever counts those
            return None
        if self._wait_s <= 0.0:
            return tap
        self._tapped = tap
        return None

    def advance(self, now: float) -> Seen | None:
        """The wait for a second tap may be over, or the second press too long for one."""
        due = self.due
        if due is None or now < due:
            return None
        tapped, self._tapped = self._tapped, None
        self._second = False
        return tapped

    @property
    def due(self) -> float | None:
        """While a tap waits: when no second one can come any more."""
        if self._tapped is None:
            return None
        if self._second and self._down_at is not None:
            return self._down_at + self._tap_s
        return self._tapped.at + self._wait_s


class Double:
    """Two taps.

    Args:
        tap_s: shorter than this, each.
        gap_s: the second begins within this after the end of the first.
    """

    due: float | None = None

    def __init__(self, tap_s: float, gap_s: float) -> None:
        self._tap_s, self._gap_s = tap_s, gap_s
        self._down_at: float | None = None
        self._first: Seen | None = None
        self._second = False

    def take(self, fact: Fact) -> Seen | None:
        """The end of the second tap makes it."""
        if fact.what is What.DOWN:
            self._down_at = fact.at
            self._second = self._first is not None and fact.at < self._first.at + self._gap_s
            return None
        if fact.what is not What.UP or self._down_at is None:
            return None
        tap, self._down_at = Seen("tap", self._down_at, fact.at), None
        first, self._first = self._first, None
        if tap.at >= tap.began + self._tap_s:
            return None
        if self._second and first is not None:
            return Seen("double", first.began, fact.at)
        self._first = tap
        return None

    def advance(self, now: float) -> Seen | None:
        """Only a tap can complete it."""
        return None


class Held:
    """Down for so long; known while it is still down.

    Args:
        gesture: ``hold`` or ``long``.
        for_s: so long.
        below_s: what lasts as long as this is another gesture: known when the button came up. None: there is none.
    """

    def __init__(self, gesture: str, for_s: float, below_s: float | None = None) -> None:
        self._gesture, self._for_s, self._below_s = gesture, for_s, below_s
        self._down_at: float | None = None

    def take(self, fact: Fact) -> Seen | None:
        """Up too soon, or up in time."""
        seen = self.advance(fact.at)
        if fact.what is What.DOWN:
            self._down_at = fact.at
            return seen
        began, self._down_at = self._down_at, None
        if began is None or self._below_s is None or fact.what is not What.UP:
            return seen
        if began + self._for_s <= fact.at < began + self._below_s:
            return Seen(self._gesture, began, fact.at)
        return seen

    def advance(self, now: float) -> Seen | None:
        """It may have been held long enough."""
        due = self.due
        if due is None or self._down_at is None or now < due:
            return None
        began, self._down_at = self._down_at, None
        return Seen(self._gesture, began, due)

    @property
    def due(self) -> float | None:
        """When it has lasted long enough."""
        if self._down_at is None or self._below_s is not None:
            return None
        return self._down_at + self._for_s


def recognisers(wanted: set[str], timing: sections.Gestures) -> list[Recogniser]:
    """Those that are needed for the gestures to which the configuration gives a deed, and no more: who waits for a
    second tap makes the first one slow.
    """
    tap_s, gap_s = timing.tap_ms / 1000, timing.double_ms / 1000
    long_s = timing.long_ms / 1000
    made: dict[str, Recogniser] = {
        "press": Press(),
        "tap": Tap(tap_s, gap_s if "double" in wanted else 0.0),
        "double": Double(tap_s, gap_s),
        "hold": Held("hold", timing.hold_ms / 1000, long_s if "long" in wanted else None),
        "long": Held("long", long_s),
    }
    return [made[gesture] for gesture in sections.GESTURES if gesture in wanted]
