"""Which answers were cancelled from here, and why. Pure.

Where the service does not end an answer by itself when the visitor speaks, the link asks it to (dialects reference 2.1,
8.4), and the machine, which hears of the same speech, may ask once more.
"""

from __future__ import annotations

import dataclasses

from kioskd.wire.facts import Ended


class Barge:
    """The answer in flight, as far as cancelling is concerned. Loop only.

    Attributes:
        generating: the answer that the service generates; empty: none.
    """

    def __init__(self) -> None:
        self.generating = ""
        self._cancelled = ""
        self._spoken_over = ""

    def began(self, response: str) -> None:
        """The service generates this one."""
        self.generating = response

    def cancel(self, response: str, spoken_over: bool = False) -> bool:
        """Whether to ask for it; False: that was done already.

        Args:
            spoken_over: the visitor's speech is the reason.
        """
        if spoken_over:
            self._spoken_over = response
        asked = bool(response) and response == self._cancelled
        self._cancelled = response
        return not asked

    def ended(self, ended: Ended) -> Ended:
        """How it ended: what the visitor spoke over was interrupted, whatever the service calls that."""
        if ended.response == self.generating:
            self.generating = ""
        if ended.response and ended.response == self._spoken_over and ended.status in ("completed", "cancelled"):
            return dataclasses.replace(ended, status="cancelled", reason="interrupted")
        return ended
