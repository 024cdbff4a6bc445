"""What the house's clocks show beside the monotonic one: whether the device slept, and what the wall says."""

from __future__ import annotations

import time
from datetime import datetime, timezone, tzinfo
from typing import Callable, Iterator

from kioskd.core.events import Event
from kioskd.core.house_events import ClockTold, Suspended

# Both clocks are read one after the other, and a thread may be held up between them; nothing sleeps for so short.
LEAST_SLEEP_S = 1.0
# When this version was written. A clock that shows less has not been set since the board was switched on.
BUILT = datetime(2026, 11, 1, tzinfo=timezone.utc).timestamp()


def boottime() -> float:
    """Seconds since the boot, sleep included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class SleepWatch:
    """Notices that the device slept. One thread.

    Args:
        boottime: seconds that go on in a sleep.
        monotonic: seconds that stand still in it.
    """

    def __init__(
        self, boottime: Callable[[], float] = boottime, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._boottime = boottime
        self._monotonic = monotonic
        self._apart_s = self._apart()

    def look(self) -> Suspended | None:
        """How long the device slept since the last look, if it did."""
        apart_s = self._apart()
        slept_s = apart_s - self._apart_s
        if slept_s < LEAST_SLEEP_S:
            # Kept as the least ever seen: a look that was held up between the two must not hide a sleep after it.
            self._apart_s = min(self._apart_s, apart_s)
            return None
        self._apart_s = apart_s
        return Suspended(slept_s)

    def _apart(self) -> float:
        before = self._monotonic()
        return self._boottime() - before


class Watches:
    """All of them, for the loop.

    Args:
        zone: see ``WallWatch``.
    """

    def __init__(self, zone: str | None, sleep: SleepWatch | None = None, wall: WallWatch | None = None) -> None:
        self._sleep = SleepWatch() if sleep is None else sleep
        self._wall = WallWatch(zone) if wall is None else wall
        self.problem = self._wall.problem

    def use(self, zone: str | None) -> None:
        """The wall is in another zone from now on; the next look is news."""
        self._wall = WallWatch(zone)
        self.problem = self._wall.problem

    def news(self, wall: bool) -> Iterator[Event]:
        """That the device slept, and, when that is so or ``wall`` is asked for, what the clock on the wall shows."""
        slept = self._sleep.look()
        if slept is not None:
            self._wall.forget()
            yield slept
        told = self._wall.look() if wall or slept is not None else None
        if told is not None:
            yield told


class WallWatch:
    """Tells what the clock on the wall shows, once for each minute of it. One thread.

    Args:
        zone: IANA name of the kiosk's time zone; None: the one of this machine.
        wall: seconds since 1970.

    Attributes:
        problem: a sentence when the zone is not known here; then every schedule refuses.
    """

    def __init__(self, zone: str | None, wall: Callable[[], float] = time.time) -> None:
        self._wall = wall
        self.problem = ""
        self._zone: tzinfo | None = None
        if zone is not None:
            # Imported here: most kiosks have no schedule, and none needs its tables for anything else.
            from zoneinfo import ZoneInfo

            try:
                self._zone = ZoneInfo(zone)
            except (OSError, ValueError, KeyError) as error:
                self.problem = (
                    f"the time zone {zone} is not known on this machine ({type(error).__name__}): install tzdata"
                )
        self._told: ClockTold | None = None

    def look(self) -> ClockTold | None:
        """What it shows, if that is news."""
        wall_s = self._wall()
        local = datetime.fromtimestamp(wall_s, self._zone)
        trusted = wall_s >= BUILT and not self.problem
        told = ClockTold(local.date().isoformat(), local.weekday(), local.hour * 60 + local.minute, trusted)
        if told == self._told:
            return None
        self._told = told
        return told

    def forget(self) -> None:
        """The next look is news."""
        self._told = None
