"""Interlocks: the lines that must stand right before a tool may move anything."""

from __future__ import annotations

import time
from typing import Mapping, Sequence

from kioskd.actions.outcome import Outcome
from kioskd.config.sections import Interlock
from kioskd.core.ports import InputLine

# What took longer to read is old, and so is the wish that waited for it. Policy has given a look up by then.
STALE_S = 1.0


def boottime() -> float:
    """Seconds since the boot, sleep included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Interlocks:
    """The interlocks of one tool. Any thread; reading a line may block for as long as its driver does.

    Args:
        tool: its name.
        interlocks: as configured.
        lines: by pin; one that is not there could not be had.
    """

    def __init__(self, tool: str, interlocks: Sequence[Interlock], lines: Mapping[str, InputLine]) -> None:
        self._tool = tool
        self._interlocks = tuple(interlocks)
        self._lines = lines

    def read(self) -> Outcome:
        """Read all of them. Not ok: ``reason`` is a sentence for the owner, ``say`` the name of the one that forbids
        it (empty when a line cannot be read). What cannot be read forbids."""
        began = boottime()
        for interlock in self._interlocks:
            line = self._lines.get(interlock.pin)
            if line is None:
                return self._unread(interlock, "the line could not be had")
            try:
                active = line.active
            except OSError as error:
                return self._unread(interlock, str(error))
            if active != (interlock.must_be == "active"):
                stands = "active" if active else "inactive"
                why = f"{interlock.name} ({interlock.pin}) is {stands} and must be {interlock.must_be} for {self._tool}"
                return Outcome(False, say=interlock.name, reason=why)
        took_s = boottime() - began
        if took_s > STALE_S:
            return Outcome(False, reason=f"the interlocks of {self._tool} took {took_s:.1f} s to read; it is refused")
        return Outcome(True)

    def _unread(self, interlock: Interlock, why: str) -> Outcome:
        reason = f"{interlock.name} ({interlock.pin}) cannot be read, so {self._tool} is refused: {why}"
        return Outcome(False, reason=reason)
