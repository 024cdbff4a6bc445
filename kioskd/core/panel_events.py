"""Events of the panel beyond a press and its end (core/events.py): gestures, presses that are nobody's, contacts."""

from __future__ import annotations

from dataclasses import dataclass

from kioskd.core.events import Event


@dataclass(frozen=True, slots=True)
class Gestured(Event):
    """A button was used in a way to which the configuration gives a deed.

    Attributes:
        name: of the button, as under ``panel``.
        gesture: press, tap, double, hold or long.
        began: when the first press of it began.
        at: when it was certain that it is this gesture.
        mark: a word that no other gesture ever has; a call that comes of it is known by it, over a restart too.
    """

    name: str
    gesture: str
    began: float
    at: float
    mark: str


@dataclass(frozen=True, slots=True)
class PressVoided(Event):
    """A press that was under way is nobody's: the button is stuck, or its line is gone. ``Released`` follows.

    What a hand must do (confirm) such a press cannot do, however long it lasted.
    """

    name: str
    at: float
    why: str


@dataclass(frozen=True, slots=True)
class ContactChanged(Event):
    """A watched contact (``panel.contacts``) stands otherwise than before, or is seen for the first time.

    Attributes:
        at_rest: it stands as when all is well.
        alarm: away from rest, it is a fault (tamper).
    """

    name: str
    at_rest: bool
    alarm: bool
    at: float
