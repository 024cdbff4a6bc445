"""Holes in answers: how often the service was too late with the rest, and for how long. Pure: time comes in."""

from __future__ import annotations

# A longer hole is a pause of the service: it thinks, or a tool runs. A guess.
PAUSE_S = 0.5


class Holes:
    """Counts them. One thread.

    Attributes:
        underruns: holes so far.
        missing_s: how long they were, together.
        open: an answer has broken off, and nothing has sounded since.
    """

    def __init__(self) -> None:
        self.underruns = 0
        self.missing_s = 0.0
        self.open = False
        self._response = ""
        self._since = 0.0

    def broke(self, response: str, now: float) -> None:
        """There is no more of ``response`` to play: it has ended, or its rest is late."""
        self.open, self._response, self._since = True, response, now

    def sounded(self, response: str, now: float) -> None:
        """Sound was handed over: of this response, or of none."""
        if self.open and response == self._response and now - self._since < PAUSE_S:
            self.underruns += 1
            self.missing_s += now - self._since
        self.open = False

    def cut(self) -> None:
        """Nothing more is expected."""
        self.open = False
