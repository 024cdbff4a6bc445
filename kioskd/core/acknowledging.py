"""People elsewhere who say yes or no while a confirmation is pending. Functions over the machine's state.

Whether an answer is theirs, of this device, for this call and the first one is proven before it comes here
(actions/acknowledgement.py).
"""

from __future__ import annotations

from kioskd.config.means import means
from kioskd.core import confirm_events as ce
from kioskd.core.confirmation import give, withdraw
from kioskd.core.state import State


def answered(s: State, e: ce.StaffAnswered, now: float) -> None:
    """They have said it."""
    call = s.confirming
    if call is None or s.staff_for != call.key or e.key != call.key:
        return
    if e.ok:
        give(s, call, "staff", e.by, now)
        return
    withdraw(s, call, "declined", "I am sorry, that was not confirmed.", f"{e.by or 'staff'} said no", now)


def unreached(s: State, e: ce.StaffUnreached, now: float) -> None:
    """Nobody can be asked. What can be confirmed otherwise goes on waiting."""
    call = s.confirming
    if call is None or s.staff_for != call.key or e.key != call.key:
        return
    s.note("error", f"nobody can be asked to confirm: {e.reason}", tool=call.tool.name)
    needed = means(call.tool)
    if len(set(needed.kinds) - {"staff"}) < needed.needed:
        say = "I cannot reach anybody who could confirm that."
        withdraw(s, call, "unreachable", say, f"nobody can be asked to confirm: {e.reason}", now)
