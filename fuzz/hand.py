"""Where the actions of a kiosk would be: a hand that only counts, and what it says when something moves."""

from __future__ import annotations

from fuzz.tools import MOVES
from kioskd.core import effects as ef
from kioskd.core import events as ev
from kioskd.core.words import CallKey


class Moved(AssertionError):
    """A relay was pulsed, and nobody had pressed."""


class Broken(AssertionError):
    """Something left the bounds that its documentation gives it."""


class Hand:
    """Where the actions would be: counts pulses, remembers intents over sessions as the ledger does."""

    def __init__(self) -> None:
        self.pulses = 0
        self.runs = 0
        self._intents: set[CallKey] = set()
        self._ran: set[CallKey] = set()

    def commit(self, effect: ef.CommitIntent) -> ev.Event:
        """Write down."""
        fresh = effect.key not in self._intents
        self._intents.add(effect.key)
        return ev.IntentCommitted(effect.key, fresh)

    def run(self, effect: ef.RunAction) -> ev.Event:
        """Move: here, count.

        Raises:
            Moved: it was a relay.
            Broken: this call had run, or was never written down.
        """
        self.runs += 1
        if effect.tool in MOVES:
            self.pulses += 1
            raise Moved(f"{effect.tool} pulsed its relay for {effect.key}")
        if effect.key in self._ran or effect.key not in self._intents:
            raise Broken(f"{effect.tool} ran twice, or without an intent: {effect.key}")
        self._ran.add(effect.key)
        return ev.ActionEnded(effect.key, True, '{"reading": 21.5}', "21.5 degrees", "")
