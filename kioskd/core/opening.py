"""How a person opens a conversation, and ends it: talk button and wake word. Functions over the machine's state."""

from __future__ import annotations

from kioskd.core import confirmation, examining, turns
from kioskd.core import events as ev
from kioskd.core.regions import Signal
from kioskd.core.sounding import barge_in
from kioskd.core.state import TALK, State
from kioskd.core.words import Link


def pressed(s: State, e: ev.Pressed, now: float) -> None:
    """The talk button went down."""
    s.down[e.name] = e.at
    if e.name != TALK:
        return
    examining.disturb(s, "the talk button was pressed")
    call = s.confirming
    if call is not None and confirmation.takes_press(call):
        s.taken_press = e.at
        confirmation.press(s, call, e.at, now)
        return
    s.note("turn", "talk pressed")
    if s.muted:
        s.note("turn", "muted: the press is not heard")
        s.cue("refused")
        return
    s.last_person_at = now
    if s.speaking:
        barge_in(s, "the talk button")
    if s.config.talk.mode == "push_to_talk":
        s.talking = True
        turns.fed(s, now, "the talk button")
    elif s.opened_by_hand:
        tapped(s)
    else:
        turns.want(s, "the talk button")


def tapped(s: State) -> None:
    """A tap opens the conversation; a tap while it is open ends it."""
    if s.talking:
        turns.leave_turn(s, Signal.HUSHED)
        turns.leave(s, "the talk button ended the conversation")
    else:
        begin(s, "the talk button")


def wake_heard(s: State, e: ev.WakeHeard, now: float) -> None:
    """The wake word opens the conversation; what follows it is speech like any other."""
    if s.muted or s.examining or s.talking or s.stopping or s.config.talk.mode != "wake_word":
        return  # it was on its way when that changed
    s.note("turn", f"woken by {e.word}", at=e.at)
    s.last_person_at = now
    if s.speaking:
        barge_in(s, "the wake word")
    begin(s, "the wake word")


def begin(s: State, reason: str) -> None:
    """Open a conversation, and say with a sound whether the visitor may hope to be heard."""
    s.talking = True
    turns.want(s, reason)
    s.cue({Link.BUSY: "busy", Link.OFFLINE: "offline", Link.REFUSED: "offline"}.get(s.link, "woken"))


def released(s: State, e: ev.Released, now: float) -> None:
    """The talk button came up. The turn itself ends with the hangover (GateClosed)."""
    s.down.pop(e.name, None)
    if e.name != TALK:
        return
    confirmation.release(s, e.at, now)
    if s.config.talk.mode == "push_to_talk" and s.talking:
        s.talking = False
        s.note("turn", "talk released")
