"""Lock-out after refusals: who asks again and again for what is refused gets a pause. Functions over the state.

Counted for each tool and for all together. What is refused because of the moment alone (muted, just started, busy,
already locked) counts for nothing: nobody can be locked out by asking at a bad time. What a model does wrong by itself
counts for the tool alone. A lock ends at its time whatever is asked meanwhile, and for as long again none follows it:
a hostile service shuts its own calls for half of the time at most. Buttons of this panel are counted and locked apart.
"""

from __future__ import annotations

from collections import deque

from kioskd.config.means import means
from kioskd.config.sections import Lockout, Tool
from kioskd.core.effects import Audit, KeepLock
from kioskd.core.house_events import UnlockAsked
from kioskd.core.policy import SETTLED
from kioskd.core.state import PANEL, State

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
        "unfit",
    )
)
# Refusals that a model earns alone, whoever stands at the panel: they never lock all tools together.
OWN_FAULTS = frozenset(("unknown_tool", "arguments", "not_allowed", "unconfirmed", "stale"))
# No tool is called so: before the name of a lock that holds for calls of this panel's buttons, and for nothing else.
BUTTONS = "#button-"
# No tool is called so. Under the first, no code is taken; under the others, each attempt is counted for a while: locks
# outlive a restart, and so do attempts.
CODES = "#codes"
STRIKE = "#code-"


def locked_s(s: State, tool: Tool, now: float, endpoint: str = "") -> float:
    """So long the tool stays locked for who asks; 0 when it is not, or moves nothing: calling for help stays possible.

    ``endpoint``: of the call's key.
    """
    if tool.class_ not in SETTLED:
        return 0.0
    codes_s = codes_locked_s(s, now) if needs_code(tool) else 0.0
    names = (_lock(endpoint, tool.name), _lock(endpoint, ALL))
    return max(codes_s, *(s.locks.get(name, now) - now for name in names), 0.0)


def _lock(endpoint: str, name: str) -> str:
    return BUTTONS + name if endpoint == PANEL else name


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


def refused(s: State, endpoint: str, tool: Tool | None, code: str, now: float) -> None:
    """A call of this endpoint was refused, or nobody confirmed it."""
    if code in INNOCENT:
        return
    if tool is not None and tool.class_ in SETTLED:
        _count(s, _lock(endpoint, tool.name), tool.policy.lockout, now)
    if code not in OWN_FAULTS:
        _count(s, _lock(endpoint, ALL), s.config.kiosk.lockout, now)


def _count(s: State, name: str, lockout: Lockout, now: float) -> None:
    # Neither while it is locked, nor for as long after it: else who goes on asking keeps it locked for ever.
    if name in s.locks and not now >= s.locks[name] + lockout.for_s:
        return
    times = s.refusals.setdefault(name, deque(maxlen=lockout.refusals))
    times.append(now)
    if len(times) < lockout.refusals or now - times[0] > lockout.per_s:
        return
    times.clear()
    s.locks[name] = now + lockout.for_s
    s.counts.lockouts += 1
    s.emit(KeepLock(name, lockout.for_s))
    what, tool = shown(name)
    s.note("lockout", f"{what} for {lockout.for_s:g} s after {lockout.refusals} refusals", tool=tool)


def shown(name: str) -> tuple[str, str]:
    """Of a lock: what is locked, as a sentence begins, and the tool's name (empty: all of them)."""
    if name == CODES:
        return "no code is taken", ""
    tool = name.removeprefix(BUTTONS)
    what = f"{tool} is locked" if tool else "all tools that move something are locked"
    return f"{what} for the buttons of this panel" if name.startswith(BUTTONS) else what, tool


def standing(s: State, now: float) -> list[dict[str, object]]:
    """Every lock-out that holds: what is locked, a sentence's beginning, and for how long."""
    held = ((name, until - now) for name, until in s.locks.items() if not name.startswith(STRIKE))
    return [{"what": shown(name)[0], "for_s": round(left_s, 1)} for name, left_s in held if left_s > 0.0]


def lifted(s: State, e: UnlockAsked, now: float) -> None:
    """The owner ends every lock, and forgets the refusals and wrong codes that led to them."""
    held = "; ".join(str(lock["what"]) for lock in standing(s, now)) or "nothing was locked"
    for name in s.locks:
        s.emit(KeepLock(name, 0.0))
    s.locks.clear()
    s.refusals.clear()
    s.note("unlock", f"the owner ended every lock-out: {held}")
    s.emit(Audit("unlock", (("uid", e.uid), ("by", e.by), ("ended", held))))
