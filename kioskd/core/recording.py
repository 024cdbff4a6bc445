"""Recordings for support: begun by the owner, ended by the owner, by time, by mute, or by a disk that takes no more."""

from __future__ import annotations

from kioskd.core import events as ev
from kioskd.core.effects import Record
from kioskd.core.state import State

# The part that says whether the files can be written (kioskd/audio/recorder.py).
PART = "recorder"


def hindrance(s: State) -> str:
    """Why no recording can begin now, a sentence; empty when one can."""
    if s.config.audio.record is None:
        return (
            "Recordings are not allowed here: write audio.record with a dir into the configuration and restart kioskd."
        )
    if s.stopping:
        return "kioskd is ending."
    if s.muted:
        return "The kiosk is muted: its microphone is closed, there is nothing to record."
    return "A recording runs already: kioskctl record stop ends it." if s.recording else ""


def asked(s: State, e: ev.RecordAsked, now: float) -> None:
    """The owner wants a recording, or wants it ended."""
    if not e.on:
        end(s, "as the owner asked")
        return
    refusal = hindrance(s)
    settings = s.config.audio.record
    if refusal or settings is None:
        s.note("record", f"not begun: {refusal}")
        return
    s.recording = True
    s.set_timer("record", now + settings.longest_s)
    s.note("record", f"begun, for at most {settings.longest_s:g} s: the lamp announces it")
    s.emit(Record(True))


def end(s: State, why: str) -> None:
    """End it; nothing happens when none runs."""
    if s.recording:
        s.recording = False
        s.clear_timer("record")
        s.note("record", f"ended: {why}")
        s.emit(Record(False))


def expired(s: State, now: float) -> None:
    """It has run for audio.record.longest_s."""
    end(s, "it was as long as audio.record.longest_s allows")
