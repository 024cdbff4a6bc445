"""Tool calls that wait for their outputs (Hydra reference A8): pure."""

from __future__ import annotations

from collections import deque
from typing import Iterable

# Late outputs of abandoned calls are still worth telling; so many calls back, and so many texts.
REMEMBERED = 64
NOTES = 16


class Calls:
    """The calls of the turn, and everything that the next narration will tell.

    Attributes:
        wanted: ``response.create`` came and was not served yet.
    """

    def __init__(self) -> None:
        self._open: dict[str, str | None] = {}
        self._abandoned: deque[str] = deque(maxlen=REMEMBERED)
        self._notes: deque[str] = deque(maxlen=NOTES)
        self.wanted = False

    def open(self, call_ids: Iterable[str]) -> None:
        """New calls went out."""
        self._open.update(dict.fromkeys(call_ids))

    def answer(self, call_id: str, output: str) -> bool:
        """An output came. False: no such call is known, or it has its output already."""
        if call_id in self._abandoned:
            self._abandoned.remove(call_id)
            self._notes.append(output)
            return True
        if call_id not in self._open or self._open[call_id] is not None:
            return False
        self._open[call_id] = output
        return True

    def note(self, text: str) -> None:
        """A text to tell; of many the newest are kept."""
        self._notes.append(text)

    @property
    def waiting(self) -> bool:
        """Some call has no output yet."""
        return None in self._open.values()

    @property
    def unfinished(self) -> bool:
        """Calls went out and were not told about yet."""
        return bool(self._open)

    def take(self) -> list[str]:
        """What to tell now: outputs first, then texts; all of it is forgotten."""
        told = [output for output in self._open.values() if output is not None] + list(self._notes)
        self._open.clear()
        self._notes.clear()
        self.wanted = False
        return told

    def abandon(self) -> None:
        """The outputs did not come in time: they are told when they do come."""
        self._notes.extend(output for output in self._open.values() if output is not None)
        self._abandoned.extend(call_id for call_id, output in self._open.items() if output is None)
        self._open.clear()
        self.wanted = False
