"""Buttons, mute switch, watched contacts and lamp, as configured. What cannot be had is said; the rest works."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import Callable, Iterator, Mapping, Protocol

from kioskd.config import panel as sections
from kioskd.config.keys import words
from kioskd.config.sections import Config
from kioskd.core.lamp import Light
from kioskd.core.ports import InputLine, LampLine, Post
from kioskd.panel.contacts import ButtonLines, Contacts
from kioskd.panel.gestures import Recogniser, recognisers
from kioskd.panel.guards import Guards, Rounds, guards
from kioskd.panel.lamp import Lamp
from kioskd.panel.troubles import Troubles
from kioskd.panel.watches import watches

# A lamp that could not be written to is tried again this often, while its rhythm would go on. A guess.
RETRY_S = 2.0


class Lines(ButtonLines, Protocol):
    """What the panel needs of the lines. An OSError's text is a sentence for people."""

    def lamp(self, single: str | None, red: str | None, green: str | None, blue: str | None, active: str) -> LampLine:
        """Open a lamp."""

    def press(self, pin: str) -> None:
        """Press a simulated button."""

    def release(self, pin: str) -> None:
        """Release a simulated button."""


class PanelError(Exception):
    """A button cannot be pressed from outside; the text is a sentence for people."""


class Panel:
    """The whole panel. Opening never fails: what cannot be had is told as PartChanged("panel", FAILED, sentences).

    Args:
        config: ``panel``, and the contacts that the tools' interlocks name; a button held longer than
            ``talk.longest_turn_s`` is stuck.
        lines: where lines come from; they outlive the panel.
        post: the inbox.
        clock: monotonic seconds, the clock of the lines.
        inputs: the contacts' lines by pin, opened already.
        strip: opens a strip of lamps; it outlives the panel too.
    """

    def __init__(
        self,
        config: Config,
        lines: Lines,
        post: Post,
        clock: Callable[[], float] = time.monotonic,
        inputs: Mapping[str, InputLine] | None = None,
        strip: Callable[[sections.Strip], LampLine] | None = None,
    ) -> None:
        self._section = config.panel
        self._lines = lines
        self._clock = clock
        self._open_strip = strip
        self._troubles = Troubles(post)
        self._lamp_failed = False  # opened, but could not be written to
        lamp = config.panel.lamp
        self._lamp = Lamp(self._open_lamp(), 1.0 if lamp is None or lamp.strip else lamp.brightness)
        longest_s = config.talk.longest_turn_s
        self._contacts = Contacts(
            watches(config.panel, self._recognisers, post, longest_s, self._troubles), lines, post, clock
        )
        self._guards = Guards(guards(config), inputs or {}, post, self._troubles)
        self._rounds = Rounds(self._guards, post, self._troubles)
        self._troubles.begin()

    def _recognisers(self, name: str) -> list[Recogniser]:
        wanted = {gesture for button, gesture in sections.deeds_of(self._section) if button == name}
        return recognisers(wanted, self._section.gestures)

    def _open_lamp(self) -> LampLine | None:
        lamp = self._section.lamp
        if lamp is None:
            return None
        try:
            if lamp.strip is not None and self._open_strip is not None:
                return self._open_strip(lamp.strip)
            return self._lines.lamp(lamp.single, lamp.red, lamp.green, lamp.blue, lamp.active)
        except OSError as error:
            self._troubles.say("lamp", f"The lamp: {error}")
            return None

    @property
    def muted(self) -> bool:
        """The mute switch stands at mute, or there is one that cannot be read. Any thread."""
        return self._contacts.muted

    def look(self, now: float) -> None:
        """Have the watched contacts looked at. Loop only, about once a second; never blocks."""
        self._rounds.begin(now)

    def show(self, light: Light) -> None:
        """Show this from now on; call ``tick`` at ``light.next_change``. Loop only; never raises."""
        with self._lamp_said():
            self._lamp.show(light)

    def tick(self, t: float) -> float | None:
        """Go on with the rhythm. Loop only; never raises.

        Returns:
            when to call again (monotonic seconds), or None: not until the next ``show``.
        """
        again: float | None = t + RETRY_S
        with self._lamp_said():
            again = self._lamp.tick(t)
        return again

    @contextmanager
    def _lamp_said(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._lamp_failed = True
            self._troubles.say("lamp", f"The lamp: {error}")
        else:
            if self._lamp_failed:
                self._lamp_failed = False
                self._troubles.say("lamp", "")

    def press(self, name: str) -> None:
        """Press a button of a simulated panel, or make one of its contacts active. Any thread.

        Raises:
            PanelError: the panel is real, or has no such button.
        """
        self._simulate(name, self._lines.press)

    def release(self, name: str) -> None:
        """Release a button of a simulated panel, or make one of its contacts inactive, as ``press``."""
        self._simulate(name, self._lines.release)

    def _simulate(self, name: str, do: Callable[[str], None]) -> None:
        section = self._section
        pins = {name: one.pin for name, one in (("talk", section.talk), ("mute", section.mute)) if one is not None}
        pins.update({button.name: button.pin for button in section.buttons})
        pins.update({contact.name: contact.pin for contact in section.contacts})
        if name not in pins:
            known = words(list(pins), "and")
            raise PanelError(f"This panel has no button {name!r}; it has {known or 'none at all'}.")
        try:
            do(pins[name])
        except OSError as error:
            raise PanelError(str(error)) from error

    def snapshot(self) -> dict[str, object]:
        """For status. Loop only."""
        light = self._lamp.light
        return self._contacts.snapshot() | {
            "contacts": self._guards.snapshot(self._clock()),
            "lamp": light and light.name,
            "troubles": self._troubles.sentences(),
        }

    def close(self) -> None:
        """Report nothing more. The lamp stays as it is; its line is closed by those who opened the lines."""
        self._rounds.close()
        self._contacts.close()
