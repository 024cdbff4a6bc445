"""Events about what confirms beside the talk button: keys, codes that were checked, people elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field

from kioskd.core.events import Event
from kioskd.core.words import CallKey

# Keys that are no part of a code.
ENTER, CLEAR = "enter", "clear"


@dataclass(frozen=True, slots=True)
class KeyTyped(Event):
    """A key of the keypad went down: one character, ``ENTER`` or ``CLEAR``. Never shown: it is part of a secret."""

    key: str = field(repr=False)
    at: float


@dataclass(frozen=True, slots=True)
class CodeChecked(Event):
    """A code was compared with all that are known.

    Attributes:
        key: the call that it was entered for.
        number: of the attempt, as CheckCode had it.
        name: whose code it is; empty: nobody's.
        problem: a sentence: it could not be compared.
    """

    key: CallKey
    number: int
    name: str
    problem: str = ""


@dataclass(frozen=True, slots=True)
class StaffAnswered(Event):
    """Somebody elsewhere said yes or no to this very call, by an answer that is signed, in time, and the first one."""

    key: CallKey
    ok: bool
    by: str


@dataclass(frozen=True, slots=True)
class StaffUnreached(Event):
    """Nobody elsewhere can be asked about this call; ``reason`` is a sentence."""

    key: CallKey
    reason: str
