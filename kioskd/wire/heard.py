"""What was generated of each answer, item by item, so that the service can be told how much of it was heard.

The bound of every item is what came of it: beyond that services complain, and over several items nothing may be added
up (dialects reference 4.6, 9.6).
"""

from __future__ import annotations

from typing import NamedTuple

# An answer may still sound when the next ones are already generated; more than a few are long cut or played.
REMEMBERED = 8
# An answer has one item, a long one a few (dialects reference 4.4). A service that invents them gets no more.
ITEMS = 64


class Cut(NamedTuple):
    """One item of which ``heard_ms`` were heard; 0: nothing, the item is to be deleted."""

    item: str
    heard_ms: int


class Heard:
    """Bytes of audio by response and item. S16_LE mono."""

    def __init__(self) -> None:
        self._items: dict[str, dict[str, int]] = {}

    def took(self, response: str, item: str, size_bytes: int) -> None:
        """Audio of an item came."""
        items = self._items.get(response)
        if items is None:
            if len(self._items) >= REMEMBERED:
                del self._items[next(iter(self._items))]
            items = self._items[response] = {}
        if item in items or len(items) < ITEMS:
            items[item] = items.get(item, 0) + size_bytes

    def cut(self, response: str, heard_ms: int, rate_hz: int, complete: bool) -> list[Cut]:
        """What to tell of a response of which ``heard_ms`` were heard; once.

        Args:
            complete: it was generated to its end. One that was heard to there is left as it is; one that was not
                is cut where its audio ends, for the service may have generated more.
        """
        items = self._items.pop(response, {})
        left_ms = max(0, heard_ms)
        cuts = []
        for number, (item, size_bytes) in enumerate(items.items(), start=1):
            length_ms = size_bytes * 1000 // (2 * rate_hz)
            mine_ms = min(left_ms, length_ms)
            left_ms -= mine_ms
            whole = mine_ms == length_ms and (complete or number < len(items))
            if item and not whole:
                cuts.append(Cut(item, mine_ms))
        return cuts
