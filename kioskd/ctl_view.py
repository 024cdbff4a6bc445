"""What stands below the notes of ``kioskctl watch`` on a terminal: lamp, level, phase, link, the last turns."""

from __future__ import annotations

import shutil
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from kioskd.ctl_lamp import Footer
from kioskd.ctl_page import number, part
from kioskd.ctl_watch import DIM, GOOD, Paint, clean

# The daemon makes a page in a few milliseconds, and a person sees a level move. While nobody looks nobody asks.
LOOK_S = 0.25
# Silence and a voice that is too loud, at the ends of the meter.
QUIETEST_DBFS, LOUDEST_DBFS = -70.0, -6.0
METER = 24
FULL, EMPTY = "█", "·"
PLAIN = {FULL: "#", EMPTY: "."}
TURNS = 3

Page = Mapping[str, object]


@dataclass(slots=True)
class Turn:
    """What one word of a visitor brought about, in the words of the notes."""

    at: str
    latency: str = ""
    outcome: str = ""

    def shown(self) -> str:
        """One line."""
        return "  ".join(part for part in (self.at, self.latency or "no sound yet", self.outcome) if part)


def meter(level_dbfs: float, plain: bool = False) -> str:
    """A level as METER signs. Pure."""
    share = (level_dbfs - QUIETEST_DBFS) / (LOUDEST_DBFS - QUIETEST_DBFS)
    full = round(METER * min(1.0, max(0.0, share)))
    signs = FULL * full + EMPTY * (METER - full)
    return "".join(PLAIN[sign] for sign in signs) if plain else signs


def rows(page: Page | None, turns: Sequence[Turn], paint: Paint, columns: int, plain: bool = False) -> list[str]:
    """The lines below the lamp; none wraps. Pure.

    Args:
        page: of ``kioskctl status``; None: the daemon did not answer.
        turns: the last ones, oldest first.
    """

    def line(name: str, text: str, code: str = "") -> str:
        text = clean(text)[: max(0, columns - 9)]
        return paint(DIM, f"{name:<6}"[: max(0, columns - 1)]) + " " + (paint(code, text) if code else text)

    last = [line("turn", turn.shown()) for turn in turns]
    if page is None:
        return [line("mic", "kioskd does not answer now"), *last]
    mic, link = part(page, "audio", "capture"), part(page, "link")
    if mic.get("state") == "running":
        level_dbfs, gate = number(mic, "level_dbfs"), mic.get("gate", "")
        heard = f"{meter(level_dbfs, plain)} {level_dbfs:4.0f} dBFS  {gate}"
        found = [line("mic", heard, GOOD if gate in ("speaking", "stopping") else "")]
    else:
        found = [line("mic", f"{mic.get('state', '')}  {mic.get('reason', '')}")]
    muted = "  MUTED" if page.get("muted") else ""
    found.append(line("phase", f"{page.get('phase', '')}  turn {part(page, 'session').get('turn', '')}{muted}"))
    found.append(line("link", "  ".join(str(link.get(name, "")) for name in ("state", "endpoint", "reason"))))
    return found + last


class View(Footer):
    """The lamp, and below it what a person wants to see move.

    Args:
        look: the daemon's page now; None when it does not answer.
    """

    def __init__(self, paint: Paint, clock: Callable[[], float], look: Callable[[], Page | None]) -> None:
        super().__init__("", paint, clock)
        self._look = look
        self._page: Page | None = None
        self._due_at = float("-inf")
        self._turns: deque[Turn] = deque(maxlen=TURNS)

    def heard(self, note: Mapping[str, object]) -> None:
        """A note: of it the turns are told."""
        super().heard(note)
        kind, text = note.get("kind"), clean(note.get("text", ""))
        if kind == "gate" and text.startswith("speech heard"):
            self._turns.append(Turn(_clock(note)))
        elif self._turns and kind == "latency" and not self._turns[-1].latency:
            self._turns[-1].latency = text.partition(" from ")[0]
        elif self._turns and kind in ("decision", "tool"):
            self._turns[-1].outcome = text

    def draw(self) -> float | None:
        """Draw it as it is now; seconds until it looks different."""
        if self._gone:
            return None
        now = self._clock()
        if now >= self._due_at:
            self._page = self._look()
            self._due_at = self._clock() + LOOK_S
            lamp = part(self._page, "panel").get("lamp")
            self._name = str(lamp) if lamp else self._name or "no answer"
        blink_s = super().draw()
        look_s = max(0.0, self._due_at - self._clock())
        return look_s if blink_s is None else min(blink_s, look_s)

    def lines(self, now: float) -> list[str]:
        """The lamp's line and those below it, as many as the terminal has room for."""
        size = shutil.get_terminal_size()
        below = rows(self._page, self._turns, self._paint, size.columns, self._plain)
        return [*super().lines(now), *below][: max(1, size.lines // 2)]


def _clock(note: Mapping[str, object]) -> str:
    try:
        return datetime.fromisoformat(str(note["wall"])).astimezone().strftime("%H:%M:%S")
    except (KeyError, ValueError):
        return ""
