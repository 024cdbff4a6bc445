"""Mute: two switches, and the hardware one wins. It means that the capture device is closed."""

from __future__ import annotations

from kioskd.core import calls, recording, turns
from kioskd.core import events as ev
from kioskd.core.effects import DropUplink, KeepMute, Mute as MuteEffect
from kioskd.core.regions import MUTE, Mute, MuteSignal, Signal, move
from kioskd.core.state import State

# The owner's own mute, whatever the switch says beside it. It outlives a restart.
SOFT = (Mute.SOFT, Mute.BOTH)
# The hardware switch is closed.
HARD = (Mute.HARD, Mute.BOTH)


def mute_by(s: State, signal: MuteSignal) -> None:
    """Move the mute region, and do what a change of it means."""
    before, kept = s.muted, s.mute in SOFT
    s.mute = move(MUTE, s.mute, signal)
    if (s.mute in SOFT) != kept:
        s.emit(KeepMute(not kept))
    if s.muted == before:
        return
    s.note("mute", "on" if s.muted else "off", switch=s.mute.value)
    s.emit(MuteEffect(s.muted))
    if s.muted:
        s.talking = False
        turns.leave_turn(s, Signal.HUSHED)
        # What was said before and waits for a session must not go up behind the back of who muted.
        s.emit(DropUplink("the kiosk is muted"))
        calls.cancel_calls(s, "muted", calls.spoken_for)
        recording.end(s, "the kiosk is muted: there is nothing to record")


def mute_switched(s: State, e: ev.MuteSwitched, now: float) -> None:
    """The hardware switch."""
    mute_by(s, MuteSignal.HARD_ON if e.on else MuteSignal.HARD_OFF)


def mute_asked(s: State, e: ev.MuteAsked, now: float) -> None:
    """The owner's word."""
    mute_by(s, MuteSignal.SOFT_ON if e.on else MuteSignal.SOFT_OFF)
