"""Which key went down. Pure: what the matrix shows at one look after the other goes in, one key at a time comes out."""

from __future__ import annotations

from typing import Collection, Mapping

from kioskd.core.confirm_events import CLEAR, ENTER

# A contact bounces for 1 to 5 ms (data sheets of membrane keypads): two looks 10 ms apart that agree are a key.
LOOKS = 2
# What is printed on a key, and what it means where that is no part of a code.
MEANING: Mapping[str, str] = {"#": ENTER, "*": CLEAR}
# Of an input device (linux/input-event-codes.h): both rows of digits, enter, and what takes back.
CODES: Mapping[int, str] = {
    **{code: str((code - 1) % 10) for code in range(2, 12)},
    **dict(zip((82, 79, 80, 81, 75, 76, 77, 71, 72, 73), "0123456789")),
    **dict(zip((30, 48, 46, 32), "ABCD")),
    **{28: ENTER, 96: ENTER, 1: CLEAR, 14: CLEAR, 55: CLEAR, 111: CLEAR},
}


class OneKey:
    """One key at a time: a matrix without diodes shows keys that nobody presses when three are down."""

    def __init__(self) -> None:
        self._seen: frozenset[str] = frozenset()
        self._looks = 0
        self._armed = False  # everything was up; what is held from the start counts after it came up

    def look(self, down: Collection[str]) -> str:
        """What the matrix shows now; the key that has just gone down for certain, or nothing."""
        now = frozenset(down)
        self._looks = self._looks + 1 if now == self._seen else 1
        self._seen = now
        if self._looks < LOOKS:
            return ""
        if not now:
            self._armed = True
            return ""
        if not self._armed:
            return ""
        self._armed = False
        return MEANING.get(key, key) if len(now) == 1 and (key := next(iter(now))) else ""
