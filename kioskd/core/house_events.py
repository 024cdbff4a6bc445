"""Events of the house around the conversation: a sleep of the device, the wall clock, contacts, the ledger's memory."""

from __future__ import annotations

from dataclasses import dataclass

from kioskd.core.events import Event
from kioskd.core.words import CallKey


@dataclass(frozen=True, slots=True)
class Suspended(Event):
    """The device slept for ``seconds``: CLOCK_BOOTTIME went on while CLOCK_MONOTONIC stood (clock_gettime(2)).

    All stamps are monotonic, so to them no time has passed. It is stepped before any event that came after waking.
    """

    seconds: float


@dataclass(frozen=True, slots=True)
class ClockTold(Event):
    """What the clock on the wall shows at this kiosk: told when its minute changes, after a jump, after a sleep.

    Attributes:
        date: ``2026-12-24``.
        weekday: 0 is Monday.
        minute: of the day, 0 to 1439.
        trusted: the clock has been set; a board without a clock of its own begins in the past.
    """

    date: str
    weekday: int
    minute: int
    trusted: bool


@dataclass(frozen=True, slots=True)
class InterlocksRead(Event):
    """A tool's interlocks were read for this call. ``problem``: a sentence for the owner; empty when all of them hold.

    ``name``: of the interlock that does not hold, as the owner calls it; empty when a line could not be read.
    """

    key: CallKey
    name: str
    problem: str


@dataclass(frozen=True, slots=True)
class LedgerRead(Event):
    """What the ledger remembers of the time before this process.

    Attributes:
        runs: tool and seconds since it ran, oldest first.
        locks: tool (empty: all of them) and seconds for which it stays locked.
    """

    runs: tuple[tuple[str, float], ...]
    locks: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class UnlockAsked(Event):
    """The owner ends every lock-out (``kioskctl unlock``).

    Attributes:
        uid: who asked, as the kernel has it; -1: not known, "other": neither root nor kioskd's own user.
        by: who asked, by their own word.
    """

    uid: int | str
    by: str = ""
