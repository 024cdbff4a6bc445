"""What the house tells beside the conversation: it slept, what time it is, how contacts stand, what was before it.

Functions over the machine's state.
"""

from __future__ import annotations

from collections import deque

from kioskd.core import calls, lockout
from kioskd.core import house_events as he
from kioskd.core.policy import SETTLED, Contacts
from kioskd.core.schedule import Wall
from kioskd.core.state import MOST_RUNS, State
from kioskd.core.words import Call


def suspended(s: State, e: he.Suspended, now: float) -> None:
    """The device slept. No stamp knows of it: what was said, pressed or confirmed before the sleep counts no more."""
    s.note(
        "suspend", f"the device slept for {e.seconds:.0f} s; who was here before it must ask again", slept_s=e.seconds
    )
    s.last_person_at = None
    s.wall = None
    calls.cancel_calls(s, "the device slept meanwhile", lambda call: True)


def clock_told(s: State, e: he.ClockTold, now: float) -> None:
    """The wall clock's minute changed, or it jumped."""
    s.wall = Wall(e.date, e.weekday, e.minute, e.trusted)
    s.wall_at = now


def interlocks_read(s: State, e: he.InterlocksRead, now: float) -> None:
    """The contacts of one call were read."""
    call = s.calls.get(e.key)
    if call is not None and call.looking:
        calls.looked(s, call, Contacts(e.name, e.problem), now)


def ledger_read(s: State, e: he.LedgerRead, now: float) -> None:
    """What ran, and what was locked, before this process began: limits outlive a restart.

    A slow or full disk tells it late: what would move, and was judged without it, must be asked for again.
    """
    calls.cancel_calls(
        s,
        "what ran before this start had not been read yet",
        lambda call: call.state is Call.COMMITTING and call.tool.class_ in SETTLED,
    )
    for tool, age_s in e.runs:
        s.runs.setdefault(tool, deque(maxlen=MOST_RUNS)).append(now - max(0.0, age_s))
    for tool, times in s.runs.items():
        s.runs[tool] = deque(sorted(times), maxlen=MOST_RUNS)
    if s.checking:  # it was entered while nobody knew how often that was done before the start; its attempt counts
        s.checking = 0
        s.clear_timer("code")
    for tool, left_s in e.locks:
        s.locks[tool] = max(s.locks.get(tool, now), now + left_s)
        if tool.startswith(lockout.STRIKE):
            continue  # one wrong code is no news
        what, name = lockout.shown(tool)
        s.note("lockout", f"as before the start, for another {left_s:.0f} s: {what}", tool=name)
