"""What actions ask of other rooms: a cue, the volume, the end of the conversation."""

from __future__ import annotations

from kioskd.core import turns
from kioskd.core.action_events import CueAsked, EndAsked, VolumeAsked
from kioskd.core.effects import SetVolume
from kioskd.core.state import State
from kioskd.core.words import Turn

TIMER = "end"


def cue_asked(s: State, e: CueAsked, now: float) -> None:
    """A short local sound, if the owner wants one there."""
    s.cue(e.name)


def volume_asked(s: State, e: VolumeAsked, now: float) -> None:
    """Speak this loud from now on."""
    s.volume = e.level
    s.note("tool", f"volume {e.level:g}", volume=e.level)
    s.emit(SetVolume(e.level))


def end_asked(s: State, e: EndAsked, now: float) -> None:
    """The conversation shall end; the visitor hears the last answer first."""
    if not s.live(e.key):
        return
    # The answer that asked for it may still be sounding: the one after it is the farewell.
    s.ending = (s.session, s.response_id)
    s.set_timer(TIMER, now + e.within_s)


def look_around(s: State) -> None:
    """From the state alone, after every event: whether the farewell has been heard."""
    if s.ending is None:
        return
    session, before = s.ending
    if session != s.session:
        s.ending = None
        s.clear_timer(TIMER)
    elif s.turn is Turn.LISTENING:
        s.ending = None  # a visitor who speaks again is not done
        s.clear_timer(TIMER)
    elif s.resting and s.response_id != before:
        ended(s, 0.0)


def ended(s: State, now: float) -> None:
    """Heard, or not heard in time. A visitor who speaks again is not done."""
    s.ending = None
    s.clear_timer(TIMER)
    if s.turn is Turn.QUIET and s.wanted:
        turns.leave(s, "the visitor was told goodbye")
