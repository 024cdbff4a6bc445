"""Talk button, mute switch and lamp, as configured. What cannot be had is said; the rest works."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import Callable, Iterator, Protocol

from kioskd.config import sections
from kioskd.core.lamp import Light
from kioskd.core.ports import LampLine, Post
from kioskd.panel.contacts import ButtonLines, Contacts
from kioskd.panel.lamp import Lamp
from kioskd.panel.troubles import Troubles


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
        section: ``panel`` of the configuration.
        lines: where lines come from; they outlive the panel.
        post: the inbox.
        clock: monotonic seconds, the clock of the lines.
        longest_press_s: a button held longer is stuck (``talk.longest_turn_s``).
    """

    def __init__(
        self,
        section: sections.Panel,
        lines: Lines,
        post: Post,
        clock: Callable[[], float] = time.monotonic,
        longest_press_s: float = 45.0,
    ) -> None:
        self._section = section
        self._lines = lines
        self._troubles = Troubles(post)
        self._lamp_failed = False  # opened, but could not be written to
        self._lamp = Lamp(self._open_lamp())
        self._contacts = Contacts(section, lines, post, clock, longest_press_s, self._troubles)
        self._troubles.begin()

    def _open_lamp(self) -> LampLine | None:
        lamp = self._section.lamp
        if lamp is None:
            return None
        try:
            return self._lines.lamp(lamp.single, lamp.red, lamp.green, lamp.blue, lamp.active)
        except OSError as error:
            self._troubles.say("lamp", f"The lamp: {error}")
            return None

    @property
    def muted(self) -> bool:
        """The mute switch stands at mute, or there is one that cannot be read. Any thread."""
        return self._contacts.muted

    def show(self, light: Light) -> None:
        """Show this from now on; call ``tick`` at ``light.next_change``. Loop only; never raises."""
        with self._lamp_said():
            self._lamp.show(light)

    def tick(self, t: float) -> float | None:
        """Go on with the rhythm. Loop only; never raises.

        Returns:
            when to call again (monotonic seconds), or None: not until the next ``show``.
        """
        again = None
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
        """Press a button of a simulated panel. Any thread.

        Raises:
            PanelError: the panel is real, or has no such button.
        """
        self._simulate(name, self._lines.press)

    def release(self, name: str) -> None:
        """Release a button of a simulated panel, as ``press``."""
        self._simulate(name, self._lines.release)

    def _simulate(self, name: str, do: Callable[[str], None]) -> None:
        button = {"talk": self._section.talk, "mute": self._section.mute}.get(name)
        if button is None:
            known = " and ".join(have for have in ("talk", "mute") if getattr(self._section, have) is not None)
            raise PanelError(f"This panel has no button {name!r}; it has {known or 'none at all'}.")
        try:
            do(button.pin)
        except OSError as error:
            raise PanelError(str(error)) from error

    def snapshot(self) -> dict[str, object]:
        """For status. Any thread."""
        light = self._lamp.light
        return self._contacts.snapshot() | {"lamp": light and light.name, "troubles": self._troubles.sentences()}

    def close(self) -> None:
        """Report nothing more. The lamp stays as it is; its line is closed by those who opened the lines."""
        self._contacts.close()
