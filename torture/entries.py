"""What was typed on the keypad, told from the world alone: stamps, keys, and what they were compared with."""

from __future__ import annotations

from dataclasses import dataclass, field

from kioskd.core import confirm_effects as cf
from kioskd.core import confirm_events as ce
from kioskd.core import events as ev
from kioskd.core.words import CallKey
from torture.tools import RIGHT, WRONG


@dataclass(slots=True)
class Entry:
    """A right code, whole, with enter behind it.

    Attributes:
        began: the stamp of its first key.
        right_at: when it was found right, for which call; None: it was not yet.
    """

    code: str
    began: float
    ended: float
    right_at: float | None = None
    key: CallKey | None = None
    used: bool = False


@dataclass(slots=True)
class Entries:
    """All of them."""

    keys: list[tuple[str, float]] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    checks: dict[tuple[CallKey, int], Entry | None] = field(default_factory=dict)  # being compared; None: a wrong one
    wrong_at: list[float] = field(default_factory=list)

    def happened(self, event: ev.Event, now: float) -> None:
        """A key, or the answer about a code."""
        if isinstance(event, ce.KeyTyped):
            self._typed(event, now)
        elif isinstance(event, ce.CodeChecked):
            known = (event.key, event.number) in self.checks
            entry = self.checks.pop((event.key, event.number), None)
            if known and not event.problem and not event.name:
                self.wrong_at.append(now)
            if entry is not None and event.name:
                entry.right_at, entry.key = now, event.key

    def _typed(self, event: ce.KeyTyped, now: float) -> None:
        if event.key == ce.CLEAR:
            self.keys.clear()
        elif event.key != ce.ENTER:
            self.keys.append((event.key, event.at))
        else:
            last = self.keys[-4:]
            code = "".join(key for key, _ in last)
            if code in RIGHT:
                self.entries.append(Entry(code, min(at for _, at in last), now))
            self.keys.clear()

    def too_many(self, effect: cf.CheckCode, now: float) -> bool:
        """A code is about to be compared: whether so many were wrong lately that it must not be."""
        last = self.entries[-1] if self.entries else None
        self.checks[(effect.key, effect.number)] = last if last is not None and last.code == effect.code else None
        return sum(now - at < WRONG.per_s - 1e-9 for at in self.wrong_at) >= WRONG.refusals

    def right_one(self, asked_at: float, key: CallKey) -> Entry | None:
        """A right code that was typed wholly after the call was asked for, compared for it, and has served none yet."""
        fits = (e for e in self.entries if e.key == key and not e.used and e.began > asked_at)
        return next(fits, None)

    @property
    def used(self) -> int:
        """How many have confirmed something."""
        return sum(entry.used for entry in self.entries)
