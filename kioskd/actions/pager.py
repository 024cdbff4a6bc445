"""Calls staff aloud: an announcement at the kiosk, in the voice that announces everything else."""

from __future__ import annotations

from kioskd.actions.summons import Summons, Taken
from kioskd.core.announce_events import PageAsked
from kioskd.core.ports import Post


class Pager:
    """One text. Any thread; it does not wait until it was spoken.

    Args:
        text: the owner's, spoken as it is: nothing that a visitor or the model said ever gets into it.
    """

    def __init__(self, text: str, post: Post) -> None:
        self._text = text
        self._post = post

    def call(self, summons: Summons) -> Taken:
        """Have it announced."""
        return Taken("" if self._post(PageAsked(self._text)) else "the page: kioskd is ending")
