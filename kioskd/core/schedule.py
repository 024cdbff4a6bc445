"""Whether a tool's hours and holidays let it run. Pure: what the wall clock shows comes in."""

from __future__ import annotations

from typing import NamedTuple

from kioskd.config.hours import hours
from kioskd.config.sections import Policy


class Wall(NamedTuple):
    """What the clock on the wall shows (house_events.ClockTold): date, weekday from Monday, minute of the day."""

    date: str
    weekday: int
    minute: int
    trusted: bool


class Shut(NamedTuple):
    """Why not now: a word, a sentence for the visitor, one for the owner."""

    code: str
    say: str
    why: str


def closed(policy: Policy, wall: Wall | None) -> Shut | None:
    """Why the schedule forbids it at this moment; None: it does not."""
    if not policy.hours and not policy.holidays:
        return None
    if wall is None or not wall.trusted:
        return Shut(
            "clock",
            "I cannot tell what time it is, so I may not do that. Please ask a person.",
            "it has a schedule, and the clock of this machine is not set or its time zone not known; see timedatectl",
        )
    if wall.date in policy.holidays:
        return Shut("holiday", "That is not possible today.", f"{wall.date} is a holiday (policy.holidays)")
    if policy.hours and not any(_holds(text, wall) for text in policy.hours):
        at = f"{wall.minute // 60:02}:{wall.minute % 60:02} on {wall.date}"
        why = f"{at} is outside {', '.join(policy.hours)} (policy.hours)"
        return Shut("hours", "That is not possible at this time of day.", why)
    return None


def _holds(text: str, wall: Wall) -> bool:
    try:
        return hours(text).hold(wall.weekday, wall.minute)
    except ValueError:
        return False  # the check names it; here it allows nothing
