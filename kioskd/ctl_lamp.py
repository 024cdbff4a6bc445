"""The kiosk's lamp in a terminal: the last line of ``kioskctl watch``, drawn by the function that drives the lamp.

Whoever watches on the kiosk itself sees it blink in time with the lamp: both count the same monotonic seconds.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping

from kioskd.core.lamp import LADDER, glow
from kioskd.ctl_watch import NoLamp, Paint

# The lamp's colours in a terminal's own ones, and what stands for a lamp where a terminal cannot draw one.
CODES = {"red": "31", "green": "32", "yellow": "33", "blue": "34", "magenta": "35", "cyan": "36", "white": "37"}
LIT, DARK = "●", "○"
PLAIN = {LIT: "#", DARK: "."}
_RUNGS = {rung.name: rung for rung in LADDER}


def picture(name: str, t: float, paint: Paint, columns: int, plain: bool = False) -> str:
    """One line: the lamp at ``t`` (monotonic seconds), its word, its rhythm in words, and what it means. Pure.

    Args:
        columns: of the terminal; the line is one shorter.
        plain: only characters that every terminal has.
    """
    rung = _RUNGS.get(name)
    if rung is None:
        return f"? {name}"[: columns - 1]
    lit = glow(name, t)
    lamp = LIT if max(lit.red, lit.green, lit.blue) > 0 else DARK
    text = f" {rung.name} ({rung.colour_name}, {rung.look}): {rung.meaning}"[: max(0, columns - 2)]
    return paint(CODES[rung.colour_name], PLAIN[lamp] if plain else lamp) + text


class Footer(NoLamp):
    """Keeps the lamp on the last line of the terminal, below what is printed.

    Args:
        name: of the rung that is shown when this begins; empty: not known yet.
        paint: colours, if they are wanted.
        clock: monotonic seconds.
    """

    def __init__(self, name: str, paint: Paint, clock: Callable[[], float]) -> None:
        self._name = name
        self._paint = paint
        self._clock = clock
        self._plain = (sys.stdout.encoding or "").lower() not in ("utf-8", "utf8")
        self._drawn = 0  # lines
        self._gone = False  # the terminal

    def heard(self, note: Mapping[str, object]) -> None:
        """A note of the daemon: of kind ``lamp`` it names the rung that is shown from now on."""
        if note.get("kind") == "lamp" and str(note.get("text")) in _RUNGS:
            self._name = str(note["text"])

    def draw(self) -> float | None:
        """Draw it as it is now.

        Returns:
            seconds until it looks different; None: not by itself.
        """
        if self._gone or not self._name:
            return None
        now = self._clock()
        lines = self.lines(now)
        self._write(self._home() + "\n".join(f"{line}\033[K" for line in lines) + "\033[J")
        self._drawn = len(lines)
        change = glow(self._name, now).next_change if self._name in _RUNGS else None
        return None if change is None else max(0.0, change - now)

    def lines(self, now: float) -> list[str]:
        """What it draws at ``now`` (monotonic seconds)."""
        return [picture(self._name, now, self._paint, shutil.get_terminal_size().columns, self._plain)]

    def clear(self) -> None:
        """Make room for a line."""
        if self._drawn:
            self._write(self._home() + "\033[J")
            self._drawn = 0

    def _home(self) -> str:
        """To the first sign of what was drawn last."""
        return "\r" + (f"\033[{self._drawn - 1}A" if self._drawn > 1 else "")

    def _write(self, text: str) -> None:
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
        except OSError:
            self._gone = True  # the next line that is printed ends the watch
