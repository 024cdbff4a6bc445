"""What buttons do beside talking (``panel``): mute, help, louder, softer, end. Functions over the machine's state.

A press that the confirmation has taken is nobody else's: no gesture is ever made of it. And no gesture confirms.
"""

from __future__ import annotations

import json
from typing import Callable, Mapping

from kioskd.config.panel import deeds_of
from kioskd.core import calls, examining, turns
from kioskd.core import panel_events as pe
from kioskd.core.arguments import check
from kioskd.core.confirmation import stop_holding, takes_press
from kioskd.core.effects import Audit, SetVolume
from kioskd.core.events import ToolAsked
from kioskd.core.muting import SOFT, mute_by
from kioskd.core.regions import MuteSignal, Signal
from kioskd.core.sounding import barge_in
from kioskd.core.state import PANEL, TALK, State
from kioskd.core.words import CallKey, Response


def gestured(s: State, e: pe.Gestured, now: float) -> None:
    """A gesture was made; do what the configuration gives to it."""
    deed = deeds_of(s.config.panel).get((e.name, e.gesture))
    if deed is None or s.stopping:
        return
    if e.name == TALK:
        waits = s.confirming
        if (waits is not None and takes_press(waits)) or e.began <= s.taken_press:
            return  # the confirmation has taken this press, or will
        hush(s)
    examining.disturb(s, f"the button {e.name} was pressed")
    s.note("panel", f"{e.name}, {e.gesture}: {deed}", button=e.name, gesture=e.gesture, deed=deed)
    s.counts.deeds += 1
    DEEDS[deed](s, e, now)


def hush(s: State) -> None:
    """What the presses of the talk button began before they turned out to be a gesture: no one wanted to talk."""
    s.talking = False
    turns.leave_turn(s, Signal.HUSHED)
    if s.wanted and s.response is Response.NONE and not s.calls:
        turns.leave(s, "the talk button was not pressed to talk")


def mute(s: State, e: pe.Gestured, now: float) -> None:
    """The owner's mute, on or off. A mute switch wins over it."""
    mute_by(s, MuteSignal.SOFT_OFF if s.mute in SOFT else MuteSignal.SOFT_ON)


def help_wanted(s: State, e: pe.Gestured, now: float) -> None:
    """Ask for the tool that panel.help names, as the model would; policy judges it like any other call."""
    wanted = s.config.panel.help
    tool = None if wanted is None else next((one for one in s.config.tools if one.name == wanted.tool), None)
    if wanted is None or tool is None:
        s.note("error", "help was asked for, and panel.help names no tool")
        s.cue("refused")
        return
    arguments = json.dumps(dict(wanted.arguments))
    problem = check(tool.parameters, arguments).problem
    if problem:
        s.note("error", f"help was asked for, and {tool.name} does not take panel.help.arguments: {problem}")
        s.cue("refused")
        return
    s.last_person_at = now
    calls.asked(s, ToolAsked(CallKey(PANEL, PANEL, e.mark), tool.name, arguments), now)


def step(direction: int) -> Callable[[State, pe.Gestured, float], None]:
    """Louder (1) or softer (-1) by one step, within the owner's bounds."""

    def stepped(s: State, e: pe.Gestured, now: float) -> None:
        volume = s.config.panel.volume
        wanted = float(s.volume * 10 ** (direction * volume.step_db / 20))
        wanted = round(min(volume.most, max(volume.least, wanted)), 4)
        if wanted == s.volume:
            s.note("panel", f"the volume is {s.volume:g} already: that is its bound", volume=s.volume)
            s.cue("refused")
            return
        s.volume = wanted
        s.note("panel", f"volume {wanted:g}", volume=wanted)
        s.emit(SetVolume(wanted))

    return stepped


def end(s: State, e: pe.Gestured, now: float) -> None:
    """The visitor is done."""
    if s.speaking:
        barge_in(s, f"the button {e.name}")
    s.talking = False
    turns.leave_turn(s, Signal.HUSHED)
    if s.wanted:
        turns.leave(s, f"the button {e.name} ended the conversation")


DEEDS: Mapping[str, Callable[[State, pe.Gestured, float], None]] = {
    "mute": mute,
    "help": help_wanted,
    "louder": step(1),
    "softer": step(-1),
    "end": end,
}


def press_voided(s: State, e: pe.PressVoided, now: float) -> None:
    """The press is nobody's. What it held open ends with ``Released``, which follows; it confirms nothing."""
    s.down.pop(e.name, None)
    s.counts.presses_voided += 1
    s.note("panel", f"the press of {e.name} does not count: {e.why}", button=e.name)
    if e.name == TALK:
        stop_holding(s)


def contact_changed(s: State, e: pe.ContactChanged, now: float) -> None:
    """A door, or the lid of the housing."""
    s.note("panel", f"{e.name} {'at rest' if e.at_rest else 'away from rest'}", contact=e.name, at_rest=e.at_rest)
    if e.alarm:
        s.emit(Audit("contact", (("contact", e.name), ("at_rest", e.at_rest))))
