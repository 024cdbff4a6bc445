"""What confirms a call: a hand at the button here, codes (codes.py), people elsewhere (acknowledging.py).

The hand is a new press on a line that was not held, held long enough. While it is awaited, the talk button belongs to
it: the press is consumed and is not talk. Functions over the machine's state.
"""

from __future__ import annotations

from kioskd.config.means import means
from kioskd.core import auditing, lockout
from kioskd.core.calls import decide, facts, finish
from kioskd.core.confirm_effects import AskStaff, ForgetStaff, ListenToKeys
from kioskd.core.effects import CutPlayback
from kioskd.core.policy import Decision, Verdict, judge
from kioskd.core.regions import CALL, Signal, move
from kioskd.core.state import TALK, CallState, State

# A hold timer that comes later than this was held up together with everything else (a frozen process, a suspend). The
# finger may have left meanwhile and its edge be unread yet: a loop that turns is on time by milliseconds. By so much at
# most a hold may have been too short when the process stood still right at its end.
LATE_S = 0.02
# So long the threads that read edges get to catch up. A guess: they need a few milliseconds, and the debounce time.
CATCH_UP_S = 0.25
NOBODY = "Nobody confirmed, so nothing was done."
NOTED = {"button": "hand", "code": "a code", "staff": "staff"}


def takes_press(call: CallState) -> bool:
    """Whether a press belongs to this confirmation, also one that comes after it was held."""
    return "button" in means(call.tool).kinds


def press(s: State, call: CallState, at: float, now: float) -> None:
    """A press while a confirmation is pending: it belongs to the confirmation, never to talking."""
    if call.confirmed_at or "button" in call.given:
        return  # it has been given already; something else is awaited, or the interlocks are read once more
    if at <= call.questioned_at:
        return  # the finger was there before the question
    s.pending_press = at
    # From now on, when the contact has settled, and not from its edge: the edge of a finger that leaves has settled too
    # by then, and no shorter press confirms.
    wait_for_hold(s, now + call.tool.policy.hold_ms / 1000 + leaves_later_s(s))
    s.note("tool", "the button is held to confirm", tool=call.tool.name)


def leaves_later_s(s: State) -> float:
    """So much later at most than a press is known that the finger left: a press is known after glitch_ms, its end after
    debounce_ms, and glitch_ms more where interference closed the contact just then (panel/button.py)."""
    talk = s.config.panel.talk
    return 0.0 if talk is None or talk.glitch_ms >= talk.debounce_ms else talk.debounce_ms / 1000


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
        give(s, call, "button", "", now)
    else:
        s.note("tool", f"held for {held_ms:.0f} ms, {call.tool.policy.hold_ms} are wanted", tool=call.tool.name)


def stop_holding(s: State) -> None:
    """The press that is confirming turned out to be nobody's: it confirms nothing, however long it lasts."""
    if s.pending_press is not None:
        s.pending_press = None
        s.clear_timer("hold")


def hold_expired(s: State, now: float) -> None:
    """Held long enough."""
    call = s.confirming
    if call is None or s.pending_press is None or TALK not in s.down:
        return
    if now - s.hold_due_at > LATE_S:
        wait_for_hold(s, now + CATCH_UP_S)
        return
    s.pending_press = None
    give(s, call, "button", "", now)


def give(s: State, call: CallState, kind: str, by: str, now: float) -> None:
    """One of what must confirm has. ``by``: whose code it was, or who answered; empty for a hand."""
    needed = means(call.tool)
    if kind not in needed.kinds or kind in call.given:
        return
    call.given[kind] = by
    if kind != "staff":
        s.last_person_at = now  # a hand at the button or the keypad is a person at this panel
    s.note("tool", f"confirmed by {NOTED[kind]}", tool=call.tool.name, call=call.key.call_id)
    auditing.confirmed(s, call, kind, by, now)
    if len(call.given) >= needed.needed:
        confirmed(s, call, now)
    else:
        s.cue("confirm")  # something else is still wanted


def confirmed(s: State, call: CallState, now: float) -> None:
    """One confirmation serves one call; everything else must still hold."""
    s.clear_timer("confirm")
    s.clear_timer("hold")
    s.pending_press = None
    call.confirmed_at = now
    again = judge(call.tool, s.config.kiosk, "", facts(s, call.key, call.tool, now))
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
    lockout.refused(s, call.key.endpoint, call.tool, "expired", now)
    finish(s, call, "expired", NOBODY, f"nobody confirmed within {call.tool.policy.confirm_s:g} s", now)


def withdraw(s: State, call: CallState, code: str, say: str, why: str, now: float) -> None:
    """It cannot be confirmed any more: refused."""
    s.clear_timer("confirm")
    s.clear_timer("hold")
    s.pending_press = None
    call.state = move(CALL, call.state, Signal.REFUSED)
    lockout.refused(s, call.key.endpoint, call.tool, code, now)
    finish(s, call, "refused", say, why, now)


def look_around(s: State, now: float) -> None:
    """From the state alone, after every event: keys are read, and staff is asked, exactly while a call waits for it.

    So no way out of a confirmation (cancel, mute, barge-in, expiry, the end) can forget to stop them.
    """
    call = s.confirming
    if call is not None and call.confirmed_at:
        call = None
    missing = [] if call is None else [kind for kind in means(call.tool).kinds if kind not in call.given]
    keys_for = call.key if call is not None and "code" in missing else None
    staff_for = call.key if call is not None and "staff" in missing else None
    if keys_for != s.keys_for:
        s.typed, s.checking = "", 0
        s.clear_timer("code")
        if (keys_for is None) != (s.keys_for is None):
            s.emit(ListenToKeys(keys_for is not None))
        s.keys_for = keys_for
    if staff_for != s.staff_for:
        if s.staff_for is not None:
            s.emit(ForgetStaff(s.staff_for))
        if call is not None and staff_for is not None:
            left_s = call.questioned_at + call.tool.policy.confirm_s - now
            s.emit(AskStaff(staff_for, call.tool.name, left_s))
        s.staff_for = staff_for
