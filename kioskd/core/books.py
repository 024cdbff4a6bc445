"""What was used, hour by hour and day by day, in the box's own time; right whatever the clock does. Pure.

What is used now is booked on the hour and the day that the clock shows. A box without a battery clock starts years
behind, and somebody may set a clock by hand: when the wall clock leaves the time since boot, what was booked within
the last day is dated anew by the corrected clock, so that nothing is lost, counted twice or forgiven.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Mapping, NamedTuple

from kioskd.core.tally import ZERO, Tally

HOUR_S, DAY_S = 3600, 86400
HOURS, DAYS = 48, 400  # kept
# While entries lie ahead of the clock it may be behind, and the newest truth looks farthest away: so much is kept more.
SLACK = 31
# NTP slews below half a second and steps beyond; a person's hand is off by more. A guess.
JUMP_S = 5.0
# What is dated anew moves in pieces of this length; an hour's budget is as exact as that after a jump.
SLOT_S = 600.0
# A day's budget looks back for a day, 25 hours long when summer time ends.
MOVABLE_S = 26 * HOUR_S
# Years that datetime can say, with room for a zone.
FIRST_S, LAST_S = 0.0, 253_402_000_000.0

Bucket = Mapping[str, Tally]  # by service
EMPTY: Bucket = {}


class Now(NamedTuple):
    """The time, in three ways.

    Attributes:
        wall: seconds since 1970, as the clock of the box shows them, right or wrong.
        offset_s: of local time from UTC, now.
        boot: seconds of CLOCK_BOOTTIME: goes on while the box is suspended, and never jumps.
    """

    wall: float
    offset_s: int
    boot: float


class Hour(NamedTuple):
    """One hour. The one that summer time's end repeats is two, told apart by their offset."""

    start: int
    offset_s: int

    @property
    def label(self) -> str:
        """As ISO 8601: ``2026-11-21T16:00+01:00``."""
        zone = timezone(timedelta(seconds=self.offset_s))
        return datetime.fromtimestamp(self.start, zone).isoformat(timespec="minutes")


def hour_of(wall: float, offset_s: int) -> Hour:
    """The hour of the local clock in which that moment lies."""
    local = int(min(max(wall, FIRST_S), LAST_S)) + offset_s
    return Hour(local - local % HOUR_S - offset_s, offset_s)


def day_of(wall: float, offset_s: int) -> str:
    """The local date of that moment: ``2026-11-21``."""
    zone = timezone(timedelta(seconds=offset_s))
    return datetime.fromtimestamp(min(max(wall, FIRST_S), LAST_S), zone).date().isoformat()


def hour_named(label: str) -> Hour:
    """The hour of that label.

    Raises:
        ValueError: it is none.
    """
    at = datetime.fromisoformat(label)
    offset = at.utcoffset()
    if offset is None or not FIRST_S - DAY_S <= at.timestamp() <= LAST_S:
        raise ValueError("an hour has an offset from UTC")
    return Hour(int(at.timestamp()), int(offset.total_seconds()))


@dataclass(slots=True)
class _Slot:
    """What was booked within a few minutes, and where."""

    boot: float
    hour: Hour
    day: str
    amounts: dict[str, Tally] = field(default_factory=dict)


class Books:
    """Hours and days, bounded. No lock: for the loop alone, but ``kept`` may be given away.

    Attributes:
        hours, days: buckets are replaced, never changed, so that a copy of the outer mapping is a copy.
        jumps: how often the clock has jumped.
    """

    def __init__(self, now: Now, hours: Mapping[Hour, Bucket] = {}, days: Mapping[str, Bucket] = {}) -> None:
        self.hours = dict(hours)
        self.days = dict(days)
        self.jumps = 0
        self._slots: deque[_Slot] = deque()
        self._now = now
        self._show(now)

    def tick(self, now: Now) -> None:
        """It is now so late. Call it before anything is booked or asked; it costs next to nothing."""
        shift = (now.wall - now.boot) - (self._now.wall - self._now.boot)
        self._now = now
        self._show(now)
        while self._slots and now.boot - self._slots[0].boot > MOVABLE_S:
            self._slots.popleft()
        if abs(shift) > JUMP_S:
            self.jumps += 1
            self._date_anew()

    def book(self, service: str, used: Tally) -> None:
        """This was used since the last time."""
        slot = self._slots[-1] if self._slots else None
        if slot is None or (slot.hour, slot.day) != (self.hour, self.day) or self._now.boot - slot.boot >= SLOT_S:
            slot = _Slot(self._now.boot, self.hour, self.day)
            self._slots.append(slot)
            self._add(self.hour, self.day, service, used)
            self._prune()
        else:
            self._add(self.hour, self.day, service, used)
        slot.amounts[service] = slot.amounts.get(service, ZERO).plus(used)

    @property
    def this_hour(self) -> Bucket:
        """What was used in the hour that runs."""
        return self.hours.get(self.hour, EMPTY)

    @property
    def today(self) -> Bucket:
        """What was used in the day that runs."""
        return self.days.get(self.day, EMPTY)

    def day_before(self, days: int) -> str:
        """The date so many days ago; today's for 0. Plain dates: a day of 23 hours is one too."""
        date = datetime.fromisoformat(self.day)
        return (date - timedelta(days=min(days, date.toordinal() - 1))).date().isoformat()

    # -- inside ----------------------------------------------------------------------------------

    def _show(self, now: Now) -> None:
        self.hour, self.day = hour_of(now.wall, now.offset_s), day_of(now.wall, now.offset_s)

    def _add(self, hour: Hour, day: str, service: str, used: Tally) -> None:
        for bucket, put in ((self.hours.get(hour, EMPTY), hour), (self.days.get(day, EMPTY), day)):
            new = {**bucket, service: bucket.get(service, ZERO).plus(used)}
            if isinstance(put, Hour):
                self.hours[put] = new
            else:
                self.days[put] = new

    def _take(self, hour: Hour, day: str, service: str, used: Tally) -> None:
        hours, days = self.hours.get(hour), self.days.get(day)
        if hours is not None and service in hours:
            self.hours[hour] = _without(hours, service, used)
        if days is not None and service in days:
            self.days[day] = _without(days, service, used)

    def _date_anew(self) -> None:
        """The clock was corrected: what this process booked lately moves to when it really was."""
        for slot in self._slots:
            wall = self._now.wall - (self._now.boot - slot.boot)
            hour, day = hour_of(wall, self._now.offset_s), day_of(wall, self._now.offset_s)
            if (hour, day) == (slot.hour, slot.day):
                continue
            for service, used in slot.amounts.items():
                self._take(slot.hour, slot.day, service, used)
                self._add(hour, day, service, used)
            slot.hour, slot.day = hour, day
        self.hours = {hour: bucket for hour, bucket in self.hours.items() if bucket}
        self.days = {day: bucket for day, bucket in self.days.items() if bucket}
        self._prune()

    def _prune(self) -> None:
        """Forget what lies farthest from now, be it past or a future that some wrong clock has seen."""
        if len(self.hours) > HOURS:
            ahead = any(hour.start > self.hour.start for hour in self.hours)
            far = sorted(self.hours, key=lambda hour: abs(hour.start - self.hour.start))
            for hour in far[HOURS + (SLACK if ahead else 0) :]:
                del self.hours[hour]
        if len(self.days) > DAYS:
            today = datetime.fromisoformat(self.day).toordinal()
            by_day = sorted(self.days, key=lambda day: abs(datetime.fromisoformat(day).toordinal() - today))
            for day in by_day[DAYS + (SLACK if any(day > self.day for day in self.days) else 0) :]:
                del self.days[day]


def _without(bucket: Bucket, service: str, used: Tally) -> Bucket:
    left = bucket[service].minus(used)
    if left == ZERO:
        return {name: tally for name, tally in bucket.items() if name != service}
    return {**bucket, service: left}
