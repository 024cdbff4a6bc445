"""Door and tamper contacts: looked at about once a second, told when they changed, shown in status.

They are read in a thread of their own (Rounds): a driver may take its time, the loop may not. A tool's interlocks are
read anew whenever a call is judged (core/vigil.py); what stands here is for people.
"""

from __future__ import annotations

import logging
import threading
from typing import Mapping, NamedTuple

from kioskd.config.sections import Config
from kioskd.core.events import ThreadDied
from kioskd.core.panel_events import ContactChanged
from kioskd.core.ports import InputLine, Post
from kioskd.panel.troubles import Troubles

log = logging.getLogger(__name__)

THREAD = "panel-contacts"
# A line is read in microseconds, through an expander on a slow bus in milliseconds; a bus that hangs gives up after one
# or two seconds, or never. A guess.
HANGS_S = 3.0
STOP_S = 0.5


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
        self.reads = ""  # the contact that is being read
        self._since: dict[str, float] = {}
        self.changes = 0

    def look(self, now: float) -> None:
        """Read them all; takes microseconds a line. Never raises."""
        for guard in self._watched:
            if guard.pin in self._inputs:
                self.reads = f"{guard.name} on {guard.pin}"
                self._look(guard, self._inputs[guard.pin], now)

    @property
    def any(self) -> bool:
        """Whether there is one that can be read."""
        return any(guard.pin in self._inputs for guard in self._watched)

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
        self._since[guard.pin] = now  # first: status reads both in another thread
        self._stands[guard.pin] = at_rest
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


class Rounds:
    """Has the contacts looked at, each time in a thread of its own. Loop only.

    Args:
        guards: looks.
        post: the inbox, for the last word of the thread.
        troubles: where it is said that a driver hangs.
    """

    def __init__(self, guards: Guards, post: Post, troubles: Troubles) -> None:
        self._guards = guards
        self._post = post
        self._troubles = troubles
        self._changed = threading.Condition()
        self._wanted: float | None = None
        self._began: float | None = None  # a look is under way since then
        self._late = self._stopping = False
        self._thread: threading.Thread | None = None

    def begin(self, now: float) -> None:
        """Have them looked at, soon; never blocks."""
        if not self._guards.any:
            return
        with self._changed:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=THREAD, daemon=True)
                self._thread.start()
            self._wanted = now
            late = self._began is not None and now - self._began > HANGS_S
            self._changed.notify()
        if late != self._late:
            self._late = late
            hangs = f"The contact {self._guards.reads} does not answer, its driver hangs: no contact is watched."
            self._troubles.say("contacts", f"{hangs} Look at its chip and bus, and restart kioskd." if late else "")

    def close(self) -> None:
        """End the thread. Idempotent."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(STOP_S)
            if self._thread.is_alive():
                log.error("the thread that reads the contacts did not end within %s s", STOP_S)

    def _run(self) -> None:
        try:
            while (now := self._next()) is not None:
                self._guards.look(now)
        except Exception as error:
            # The boundary of this thread: its last word goes to the machine.
            log.exception("the thread that reads the contacts failed")
            self._post(ThreadDied(THREAD, f"{type(error).__name__}: {error}"))

    def _next(self) -> float | None:
        """When the next look was asked for; None: the end."""
        with self._changed:
            self._began = None
            self._changed.wait_for(lambda: self._stopping or self._wanted is not None)
            now, self._wanted = self._wanted, None
            self._began = now
            return None if self._stopping else now


def _level(active: bool) -> str:
    return "active" if active else "inactive"
