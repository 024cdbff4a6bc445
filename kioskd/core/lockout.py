"""Lock-out after refusals: who asks again and again for what is refused gets a pause. Functions over the state.

Counted for each tool and for all together. What is refused because of the moment alone (muted, just started, busy,
already locked) counts for nothing: nobody can be locked out by asking at a bad time.
"""

from __future__ import annotations

from collections import deque

from kioskd.config.means import means
from kioskd.config.sections import Lockout, Tool
from kioskd.core.effects import KeepLock
from kioskd.core.policy import SETTLED
from kioskd.core.state import State

# Under this name all tools are locked together.
ALL = ""
# Refusals that say nothing about who asks.
INNOCENT = frozenset(
    (
        "settling",
        "muted",
        "not_live",
        "gap",
        "rate",
        "busy_confirming",
        "too_many",
        "interlock",
        "clock",
        "locked",
        "unreachable",
    )
)
# No tool is called so. Under the first, no code is taken; under the others, each attempt is counted for a while: locks
# outlive a restart, and so do attempts.
CODES = "#codes"
STRIKE = "#code-"


def locked_s(s: State, tool: Tool, now: float) -> float:
    """So long the tool stays locked; 0 when it is not, or moves nothing: calling for help stays possible."""
    if tool.class_ not in SETTLED:
        return 0.0
    codes_s = codes_locked_s(s, now) if needs_code(tool) else 0.0
    return max(codes_s, s.locks.get(tool.name, now) - now, s.locks.get(ALL, now) - now, 0.0)


def needs_code(tool: Tool) -> bool:
    """Whether nothing else than a code can confirm it."""
    needed = means(tool)
    return "code" in needed.kinds and len(needed.kinds) - 1 < needed.needed


def codes_locked_s(s: State, now: float) -> float:
    """So long no code is taken: after too many wrong ones, or because all attempts are used up for now."""
    free_at = min(s.locks.get(name, now) for name in _strikes(s))
    return max(0.0, s.locks.get(CODES, now) - now, free_at - now)


def strike(s: State, now: float) -> None:
    """One attempt at a code, counted before it is compared."""
    per_s = s.config.confirm.wrong_codes.per_s
    s.strike = next(name for name in _strikes(s) if s.locks.get(name, now) <= now)
    s.locks[s.strike] = now + per_s
    s.emit(KeepLock(s.strike, per_s))


def forgive(s: State, now: float) -> None:
    """The last attempt was none."""
    s.locks.pop(s.strike, None)
    s.emit(KeepLock(s.strike, 0.0))


def struck_out(s: State, now: float) -> bool:
    """The last attempt was wrong: whether it was the one too many. Then no code is taken for a while."""
    if min(s.locks.get(name, now) for name in _strikes(s)) <= now:
        return False
    rule = s.config.confirm.wrong_codes
    s.locks[CODES] = now + rule.for_s
    s.emit(KeepLock(CODES, rule.for_s))
    for name in _strikes(s):
        s.locks.pop(name, None)
        s.emit(KeepLock(name, 0.0))
    s.counts.lockouts += 1
    s.note("lockout", f"no code is taken for {rule.for_s:g} s after {rule.refusals} wrong ones")
    return True


def _strikes(s: State) -> list[str]:
    return [f"{STRIKE}{number}" for number in range(s.config.confirm.wrong_codes.refusals)]


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
