"""The visitor's hand: a new press on a line that was not held, held long enough. Functions over the machine's state.

While a confirmation is pending, the talk button belongs to it: the press is consumed and is not talk.
"""

from __future__ import annotations

from kioskd.core import auditing, lockout
from kioskd.core.calls import decide, facts, finish
from kioskd.core.effects import CutPlayback
from kioskd.core.policy import Decision, Verdict, judge
from kioskd.core.regions import CALL, Signal, move
from kioskd.core.state import TALK, CallState, State

# A hold timer that comes later than this was held up together with everything else (a frozen process, a suspend). The
# finger may have left meanwhile and its edge be unread yet: a loop that turns is on time by milliseconds.
LATE_S = 0.1
# So long the threads that read edges get to catch up. A guess: they need a few milliseconds, and the debounce time.
CATCH_UP_S = 0.25
NOBODY = "Nobody confirmed, so nothing was done."


def press(s: State, call: CallState, at: float, now: float) -> None:
    """A press while a confirmation is pending: it belongs to the confirmation, never to talking."""
    if call.confirmed_at:
        return  # it has been confirmed already; its interlocks are being read once more
    if at <= call.questioned_at:
        return  # the finger was there before the question
    s.pending_press = at
    wait_for_hold(s, now + call.tool.policy.hold_ms / 1000)
    s.note("tool", "the button is held to confirm", tool=call.tool.name)


def wait_for_hold(s: State, at: float) -> None:
    """Look again then."""
    s.hold_due_at = at
    s.set_timer("hold", at)


def release(s: State, at: float, now: float) -> None:
    """The confirming finger left."""
    began, s.pending_press = s.pending_press, None
    call = s.confirming
    s.clear_timer("hold")
    if began is None or call is None:
        return
    held_ms = (at - began) * 1000
    if held_ms >= call.tool.policy.hold_ms:
        confirmed(s, call, now)
    else:
        s.note("tool", f"held for {held_ms:.0f} ms, {call.tool.policy.hold_ms} are wanted", tool=call.tool.name)


def hold_expired(s: State, now: float) -> None:
    """Held long enough."""
    call = s.confirming
    if call is None or s.pending_press is None or TALK not in s.down:
        return
    if now - s.hold_due_at > LATE_S:
        wait_for_hold(s, now + CATCH_UP_S)
        return
    s.pending_press = None
    confirmed(s, call, now)


def confirmed(s: State, call: CallState, now: float) -> None:
    """One confirmation serves one call; everything else must still hold."""
    s.clear_timer("confirm")
    s.clear_timer("hold")
    call.confirmed_at = now
    # The hand at the button is a person at this panel.
    s.last_person_at = now
    s.note("tool", "confirmed by hand", tool=call.tool.name, call=call.key.call_id)
    auditing.confirmed(s, call)
    again = judge(call.tool, s.config.kiosk, "", facts(s, call.key, call.tool, now, confirmed=True))
    if again.verdict is Verdict.CONFIRM:
        again = Decision(Verdict.REFUSE, "confirm", call.tool.say_failed, "policy asks for a confirmation twice")
    if s.speaking:
        # "Please hold the button" has been heard; what counts now is whether it opens.
        s.emit(CutPlayback(s.sounding_id))
    decide(s, call, again, now)


def confirm_expired(s: State, now: float) -> None:
    """Nobody confirmed."""
    call = s.confirming
    if call is None:
        return
    s.clear_timer("hold")
    s.pending_press = None
    call.state = move(CALL, call.state, Signal.EXPIRED)
    lockout.refused(s, call.tool, "expired", now)
    finish(s, call, "expired", NOBODY, f"nobody confirmed within {call.tool.policy.confirm_s:g} s", now)
