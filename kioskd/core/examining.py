"""While the doctor measures the room (``kioskctl doctor audio``): the kiosk is deaf to its own sweep, and anybody who
wants something of it comes first. Functions over the machine's state.
"""

from __future__ import annotations

from kioskd.core import events as ev
from kioskd.core.effects import CutPlayback
from kioskd.core.state import State
from kioskd.core.words import Response, Turn

# The doctor is done within 20 s (kioskd/doctor.py); one that never says so must not leave the kiosk deaf.
LONGEST_S = 30.0


def hindrance(s: State) -> str:
    """Why the doctor cannot begin now, a sentence; empty when it can."""
    if s.stopping:
        return "kioskd is ending."
    if s.muted:
        return "The kiosk is muted: unmute it first, its microphone is needed."
    if s.examining:
        return "The doctor is at work already: wait until it is done."
    if s.speaking or s.tail or s.announcing:
        return "The kiosk speaks: try again when it is silent."
    return "Somebody uses the kiosk: try again when it is idle." if in_use(s) else ""


def in_use(s: State) -> bool:
    """Whether anybody, visitor or service, is in the middle of something."""
    return s.talking or bool(s.calls) or s.turn is not Turn.QUIET or s.response is not Response.NONE


def began(s: State, e: ev.DoctorBegan, now: float) -> None:
    """The doctor wants to measure; ``examining`` says whether it may."""
    refusal = hindrance(s)
    if refusal:
        s.note("doctor", f"not begun: {refusal}")
        return
    s.examining = True
    s.set_timer("examine", now + LONGEST_S)
    s.note("doctor", "measures the room")


def ended(s: State, e: ev.DoctorEnded, now: float) -> None:
    """The doctor is done, or has given up."""
    _leave(s, e.reason or "done")


def disturb(s: State, why: str) -> None:
    """Somebody comes first: silence now, and the kiosk hears again. Nothing happens when nobody measures."""
    if s.examining:
        s.emit(CutPlayback(""))
        _leave(s, f"given up: {why}")


def expired(s: State, now: float) -> None:
    """The doctor never said that it is done."""
    disturb(s, f"it was not done within {LONGEST_S:g} s")


def look_around(s: State) -> None:
    """After every event: what makes the doctor give up, from the state alone."""
    if s.examining and (s.stopping or s.muted or in_use(s)):
        disturb(s, "the kiosk is muted" if s.muted else "kioskd ends" if s.stopping else "the kiosk is needed")


def _leave(s: State, how: str) -> None:
    if s.examining:
        s.examining = False
        s.clear_timer("examine")
        s.note("doctor", how)
