"""What one contact of the panel means: its settled edges become facts in the inbox and sentences for people.

Each watch is called under one lock (panel/contacts.py), by driver threads and by the panel's own.
"""

from __future__ import annotations

import secrets
from typing import Callable, Protocol

from kioskd.config import panel as sections
from kioskd.core.events import MuteSwitched, Pressed, Released
from kioskd.core.panel_events import Gestured, PressVoided
from kioskd.core.ports import Post
from kioskd.panel.button import Debounce, Fact, PushButton, What
from kioskd.panel.gestures import Recogniser, Seen
from kioskd.panel.pushed import Pushed
from kioskd.panel.troubles import Troubles

# A switch that cannot be read may well stand at mute: what people said to it with their hand comes before talking.
UNREAD = "; the microphone stays closed: mend it and restart kioskd, or take panel.mute out of the configuration"


class Watch(Protocol):
    """What the panel's shell asks of each contact."""

    @property
    def section(self) -> sections.Switch:
        """Its part of the configuration."""

    def start(self, active: bool) -> None:
        """So it stands now; edges that came before this do not count."""

    def edge(self, active: bool, at: float) -> None:
        """It changed."""

    def advance(self, now: float) -> None:
        """Time passed."""

    @property
    def due(self) -> float | None:
        """When ``advance`` would do something, if nothing else happens."""

    def unread(self, sentence: str, now: float) -> None:
        """It cannot be read, or not any more."""

    def stop(self) -> None:
        """Nothing it does counts from now on."""

    def snapshot(self) -> dict[str, object] | None:
        """For status; None while it cannot be read."""


class ButtonWatch:
    """A push button: presses with the times of their edges, and the gestures that are wanted.

    Args:
        name: as under ``panel``.
        section: its contact.
        stuck_s: no person holds it longer.
        recognisers: what its presses may become.
    """

    def __init__(
        self,
        name: str,
        section: sections.Button | sections.PushButton,
        stuck_s: float,
        recognisers: list[Recogniser],
        post: Post,
        troubles: Troubles,
    ) -> None:
        self.name = name
        self.section: sections.Button | sections.PushButton = section
        self._stuck_s = stuck_s
        self._recognisers = recognisers
        self._post = post
        self._troubles = troubles
        self._pushed: Pushed | None = None

    def start(self, active: bool) -> None:
        """A button that is held from the start counts when it was released."""
        glitch_s = self.section.glitch_ms / 1000
        button = PushButton(self.section.debounce_ms / 1000, self._stuck_s, active, glitch_s)
        self._pushed = Pushed(button, self._recognisers)
        if active:
            self._troubles.say(
                self.name,
                f"The {self.name} button on {self.section.pin} is held since the start and counts when it was "
                f"released; if nobody holds it, check its wires and its pull.",
            )

    def edge(self, active: bool, at: float) -> None:
        """It changed."""
        if self._pushed is not None:
            self._tell(self._pushed.edge(active, at))

    def advance(self, now: float) -> None:
        """Time passed."""
        if self._pushed is not None:
            self._tell(self._pushed.advance(now))

    @property
    def due(self) -> float | None:
        """See Watch."""
        return None if self._pushed is None else self._pushed.due

    def unread(self, sentence: str, now: float) -> None:
        """A button that was down is up now: nobody can release it any more."""
        pushed, self._pushed = self._pushed, None
        if pushed is not None and pushed.button.down:
            self._post(PressVoided(self.name, now, "its line is gone"))
            self._post(Released(self.name, now))
        self._troubles.say(self.name, f"The {self.name} button: {sentence}")

    def stop(self) -> None:
        """See Watch."""
        self._pushed = None

    def snapshot(self) -> dict[str, object] | None:
        """See Watch."""
        if self._pushed is None:
            return None
        button = self._pushed.button
        counted = {"presses": button.presses, "glitches": button.glitches, "gestures": self._pushed.gestures}
        return {"stuck": button.stuck, **counted, "times_stuck": button.times_stuck}

    def _tell(self, told: list[Fact | Seen]) -> None:
        for one in told:
            if isinstance(one, Seen):
                # Never the same word twice, over restarts too: calls that come of it are told apart by it.
                self._post(Gestured(self.name, one.gesture, one.began, one.at, secrets.token_hex(8)))
            else:
                self._fact(one)

    def _fact(self, fact: Fact) -> None:
        if fact.what is What.DOWN:
            self._post(Pressed(self.name, fact.at))
        elif fact.what is What.UP:
            self._post(Released(self.name, fact.at))
        elif fact.what is What.STUCK:
            self._post(PressVoided(self.name, fact.at, "the button is stuck"))
            self._troubles.say(
                self.name,
                f"The {self.name} button has been held for {self._stuck_s:g} s: it is stuck or something leans on it; "
                "it counts again when it was released.",
            )
        else:
            self._troubles.say(self.name, "")


class MuteWatch:
    """The mute switch; it may stay where it is for years.

    Attributes:
        muted: it stands at mute, or cannot be read.
    """

    def __init__(self, section: sections.Switch, post: Post, troubles: Troubles) -> None:
        self.section = section
        self.muted = False
        self._post = post
        self._troubles = troubles
        self._filter: Debounce | None = None

    def start(self, active: bool) -> None:
        """Its first position is told as well."""
        self._filter = Debounce(self.section.debounce_ms / 1000, active)
        self._say(active)

    def edge(self, active: bool, at: float) -> None:
        """It changed."""
        if self._filter is not None and self._filter.edge(active, at) is not None:
            self._say(self._filter.level)

    def advance(self, now: float) -> None:
        """Time passed."""
        if self._filter is not None and self._filter.settle(now) is not None:
            self._say(self._filter.level)

    @property
    def due(self) -> float | None:
        """See Watch."""
        return None if self._filter is None else self._filter.due

    def unread(self, sentence: str, now: float) -> None:
        """A switch that cannot be read counts as set to mute."""
        self._filter = None
        self._say(True)
        self._troubles.say("mute", f"The mute switch: {sentence.rstrip('.')}{UNREAD}")

    def stop(self) -> None:
        """See Watch."""
        self._filter = None

    def snapshot(self) -> dict[str, object] | None:
        """See Watch."""
        return None if self._filter is None else {"on": self._filter.level, "glitches": self._filter.glitches}

    def _say(self, on: bool) -> None:
        self.muted = on
        self._post(MuteSwitched(on))


def watches(
    panel: sections.Panel,
    wanted: Callable[[str], list[Recogniser]],
    post: Post,
    stuck_s: float,
    troubles: Troubles,
) -> dict[str, Watch]:
    """A watch for each contact of the panel that a hand moves, by its name.

    Args:
        wanted: the recognisers for a button's gestures.
    """
    made: dict[str, Watch] = {}
    if panel.talk is not None:
        made["talk"] = ButtonWatch("talk", panel.talk, stuck_s, wanted("talk"), post, troubles)
    for button in panel.buttons:
        made[button.name] = ButtonWatch(button.name, button, stuck_s, wanted(button.name), post, troubles)
    if panel.mute is not None:
        made["mute"] = MuteWatch(panel.mute, post, troubles)
    return made
