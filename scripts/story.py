"""The terminal's side of scripts/run: the timeline as a person likes to read it."""

from __future__ import annotations

import sys
from typing import Mapping

COLOURS = {
    "gate": "36",
    "turn": "36",
    "link": "34",
    "session": "34",
    "lamp": "33",
    "tool": "35",
    "decision": "1;35",
    "relay": "1;32",
    "speech": "32",
    "latency": "2",
    "hand": "1;33",
    "error": "1;31",
}


class Story:
    """Prints one row for each note: time, kind, text."""

    def __init__(self, colour: bool | None = None) -> None:
        self._colour = sys.stdout.isatty() if colour is None else colour

    def paint(self, code: str, text: str) -> str:
        """The text in that colour, where colours are shown."""
        return f"\033[{code}m{text}\033[0m" if self._colour else text

    def row(self, t: float, kind: str, text: str) -> None:
        """One line of the timeline."""
        self.line(f"{t:8.3f} s  {self.paint(COLOURS.get(kind, '0'), f'{kind:<9}')} {text}")

    def note(self, note: Mapping[str, object]) -> None:
        """A row of timeline.jsonl."""
        t = note.get("t")
        self.row(float(t) if isinstance(t, (int, float)) else 0.0, str(note.get("kind", "")), str(note.get("text", "")))

    def line(self, text: str = "") -> None:
        """Anything else. Any thread: a line is written whole."""
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    def verdict(self, good: bool, text: str) -> None:
        """How it ended."""
        self.line(self.paint("1;32" if good else "1;31", ("OK  " if good else "NOT DONE  ") + text))
