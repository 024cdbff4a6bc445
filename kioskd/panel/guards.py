"""Door and tamper contacts: looked at about once a second, told when they changed, shown in status. Loop only.

A tool's interlocks are read anew whenever a call is judged (core/vigil.py); what stands here is for people.
"""

from __future__ import annotations

from typing import Mapping, NamedTuple

from kioskd.config.sections import Config
from kioskd.core.panel_events import ContactChanged
from kioskd.core.ports import InputLine, Post
from kioskd.panel.troubles import Troubles


class Guard(NamedTuple):
    """One contact.

    Attributes:
        name: as people call it.
        pin: its line.
        rest: the level at which all is well: active.
        alarm: away from rest is a fault.
    """

    name: str
    pin: str
    rest: bool
    alarm: bool


def guards(config: Config) -> list[Guard]:
    """What is watched: ``panel.contacts``, and what the tools' interlocks read beside."""
    found = {one.pin: Guard(one.name, one.pin, one.rest == "active", one.alarm) for one in config.panel.contacts}
    for tool in config.tools:
        for lock in tool.policy.interlocks:
            found.setdefault(lock.pin, Guard(lock.name, lock.pin, lock.must_be == "active", False))
    return list(found.values())


class Guards:
    """Looks at the contacts.

    Args:
        watched: which.
        inputs: their lines by pin; one that is missing could not be had, and that was said where it was opened.
        post: the inbox.
        troubles: where what is wrong is said.
    """

    def __init__(self, watched: list[Guard], inputs: Mapping[str, InputLine], post: Post, troubles: Troubles) -> None:
        self._watched = watched
        self._inputs = inputs
        self._post = post
        self._troubles = troubles
        self._stands: dict[str, bool | None] = {}  # by pin: at rest; None: it cannot be read
        self._since: dict[str, float] = {}
        self.changes = 0

    def look(self, now: float) -> None:
        """Read them all; takes microseconds a line. Never raises."""
        for guard in self._watched:
            if guard.pin in self._inputs:
                self._look(guard, self._inputs[guard.pin], now)

    def _look(self, guard: Guard, line: InputLine, now: float) -> None:
        key = f"contact {guard.name}"
        try:
            at_rest = line.active == guard.rest
        except OSError as error:
            self._troubles.say(key, f"The contact {guard.name}: {error}")
            self._stands[guard.pin] = None
            return
        before = self._stands.get(guard.pin)
        if at_rest is before:
            return
        self._stands[guard.pin], self._since[guard.pin] = at_rest, now
        self.changes += 1
        self._post(ContactChanged(guard.name, at_rest, guard.alarm, now))
        away = f"The contact {guard.name} on {guard.pin} is {_level(not guard.rest)}: look whether somebody opened it."
        self._troubles.say(key, away if guard.alarm and not at_rest else "")

    def snapshot(self, now: float) -> dict[str, object]:
        """For status: each contact by its name."""
        return {guard.name: self._shown(guard, now) for guard in self._watched}

    def _shown(self, guard: Guard, now: float) -> dict[str, object]:
        at_rest = self._stands.get(guard.pin)
        shown: dict[str, object] = {"pin": guard.pin, "alarm": guard.alarm, "at_rest": at_rest}
        if at_rest is None:
            return shown | {"stands": "unread"}
        return shown | {"stands": _level(at_rest == guard.rest), "for_s": round(now - self._since[guard.pin], 1)}


def _level(active: bool) -> str:
    return "active" if active else "inactive"
