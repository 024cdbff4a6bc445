"""Lock-out after refusals: who asks again and again for what is refused gets a pause. Functions over the state.

Counted for each tool and for all together. What is refused because of the moment alone (muted, just started, busy,
already locked) counts for nothing: nobody can be locked out by asking at a bad time.
"""

from __future__ import annotations

from collections import deque

from kioskd.config.sections import Lockout, Tool
from kioskd.core.effects import KeepLock
from kioskd.core.policy import SETTLED
from kioskd.core.state import State

# Under this name all tools are locked together.
ALL = ""
# Refusals that say nothing about who asks.
INNOCENT = frozenset(
    ("settling", "muted", "not_live", "gap", "rate", "busy_confirming", "too_many", "interlock", "clock", "locked")
)


def locked_s(s: State, tool: Tool, now: float) -> float:
    """So long the tool stays locked; 0 when it is not, or moves nothing: calling for help stays possible."""
    if tool.class_ not in SETTLED:
        return 0.0
    return max(0.0, s.locks.get(tool.name, now) - now, s.locks.get(ALL, now) - now)


def refused(s: State, tool: Tool | None, code: str, now: float) -> None:
    """A call was refused, or nobody confirmed it."""
    if code in INNOCENT:
        return
    if tool is not None and tool.class_ in SETTLED:
        _count(s, tool.name, tool.policy.lockout, now)
    _count(s, ALL, s.config.kiosk.lockout, now)


def _count(s: State, name: str, lockout: Lockout, now: float) -> None:
    if s.locks.get(name, now) > now:
        return
    times = s.refusals.setdefault(name, deque(maxlen=lockout.refusals))
    times.append(now)
    if len(times) < lockout.refusals or now - times[0] > lockout.per_s:
        return
    times.clear()
    s.locks[name] = now + lockout.for_s
    s.counts.lockouts += 1
    s.emit(KeepLock(name, lockout.for_s))
    what = f"{name} is" if name else "all tools that move something are"
    s.note("lockout", f"{what} locked for {lockout.for_s:g} s after {lockout.refusals} refusals", tool=name)
