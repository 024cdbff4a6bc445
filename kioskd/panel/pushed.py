"""One push button and the gestures that are wanted of it. Pure: edges and times in, facts and gestures out."""

from __future__ import annotations

from typing import Sequence

from kioskd.panel.button import Fact, PushButton
from kioskd.panel.gestures import Recogniser, Seen


class Pushed:
    """A settled button behind which recognisers wait.

    Args:
        button: settles the contact.
        recognisers: what its facts may become.
    """

    def __init__(self, button: PushButton, recognisers: Sequence[Recogniser]) -> None:
        self.button = button
        self._recognisers = recognisers
        self.gestures = 0

    def edge(self, down: bool, at: float) -> list[Fact | Seen]:
        """The contact changed; what is certain by then."""
        told = self.advance(at)
        return told + self._take(self.button.edge(down, at))

    def advance(self, now: float) -> list[Fact | Seen]:
        """Time passed; what is certain by now."""
        told = self._take(self.button.advance(now))
        for recogniser in self._recognisers:
            told += self._seen(recogniser.advance(self.button.certain(now)))
        return told

    @property
    def due(self) -> float | None:
        """When ``advance`` would say something, if nothing else happens."""
        times = [self.button.due]
        if not self.button.settling:  # else nothing can be certain before it has settled
            times += [recogniser.due for recogniser in self._recognisers]
        return min((time for time in times if time is not None), default=None)

    def _take(self, facts: list[Fact]) -> list[Fact | Seen]:
        told: list[Fact | Seen] = []
        for fact in facts:
            told.append(fact)
            for recogniser in self._recognisers:
                told += self._seen(recogniser.take(fact))
        return told

    def _seen(self, seen: Seen | None) -> list[Fact | Seen]:
        if seen is None:
            return []
        self.gestures += 1
        return [seen]
