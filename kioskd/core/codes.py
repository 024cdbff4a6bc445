"""Codes that are typed while a confirmation is pending. Functions over the machine's state.

The keypad is read only then. What was typed before the question does not count; each attempt is counted before it is
compared, and kept over a restart: cutting the power at the right moment makes none of them free.
"""

from __future__ import annotations

from kioskd.core import auditing, lockout
from kioskd.core import confirm_events as ce
from kioskd.core.calls import show_refusal
from kioskd.core.confirm_effects import CheckCode
from kioskd.core.confirmation import give, withdraw
from kioskd.core.state import CallState, State

# Longer codes are wrong; what is typed beyond is not even kept.
MOST_DIGITS = 32
# Comparing takes a tenth of a second for each code on a small board; beyond this the worker hangs.
CHECK_S = 10.0


def typed(s: State, e: ce.KeyTyped, now: float) -> None:
    """A key went down."""
    call = s.confirming
    # Written so that a stamp that is no number counts for nothing.
    if call is None or s.keys_for != call.key or s.checking or not e.at > call.questioned_at:
        return
    if e.key == ce.CLEAR:
        s.typed = ""
    elif e.key == ce.ENTER:
        enter(s, call, now)
    elif len(s.typed) <= MOST_DIGITS:
        s.typed += e.key


def enter(s: State, call: CallState, now: float) -> None:
    """The code is complete, says the visitor."""
    code, s.typed = s.typed, ""
    if not code:
        return
    left_s = lockout.codes_locked_s(s, now)
    if left_s > 0:
        s.note("lockout", f"no code is taken for another {left_s:.0f} s", tool=call.tool.name)
        s.cue("refused")
        return
    s.attempts += 1
    s.checking = s.attempts
    lockout.strike(s, now)
    s.emit(CheckCode(call.key, s.attempts, code))
    s.set_timer("code", now + CHECK_S)


def checked(s: State, e: ce.CodeChecked, now: float) -> None:
    """The code was compared."""
    call = s.confirming
    if call is None or s.keys_for != call.key or e.key != call.key or not s.checking or e.number != s.checking:
        return
    s.checking = 0
    s.clear_timer("code")
    if e.problem or e.name:
        lockout.forgive(s, now)
    if e.problem:
        s.note("error", f"a code could not be compared: {e.problem}", tool=call.tool.name)
        s.cue("refused")
    elif e.name:
        give(s, call, "code", e.name, now)
    else:
        wrong(s, call, now)


def wrong(s: State, call: CallState, now: float) -> None:
    """It is nobody's."""
    s.counts.wrong_codes += 1
    s.note("tool", "a wrong code was entered", tool=call.tool.name)
    auditing.wrong_code(s, call)
    s.cue("refused")
    show_refusal(s, now)
    if not lockout.struck_out(s, now):
        return
    if lockout.needs_code(call.tool):
        say = "That was wrong too often. Please ask a person."
        withdraw(s, call, "locked", say, "too many wrong codes (confirm.wrong_codes)", now)


def check_expired(s: State, now: float) -> None:
    """Nobody compared it. It counts as an attempt all the same."""
    s.checking = 0
    s.note("error", f"a code was not compared within {CHECK_S:g} s")
    s.cue("refused")
