"""What the card plays, and how a visitor takes the word from it. Functions over the machine's state.

Barge-in has two steps: what stirs the gate ducks the voice within a period, what opens it cuts the voice. The ducking
itself follows from the state (machine.py), so that no way out of DUCKED can leave the next answer low.
"""

from __future__ import annotations

from kioskd.core import events as ev
from kioskd.core.calls import cancel_calls, spoken_for
from kioskd.core.effects import CancelResponse, CutPlayback, TruncateResponse
from kioskd.core.regions import PLAYING, RESPONSE, Signal, move
from kioskd.core.state import State
from kioskd.core.words import Response


def barge_in(s: State, why: str) -> None:
    """The visitor speaks over the kiosk: silence now, by response id and by epoch."""
    s.emit(CutPlayback(s.sounding_id))
    if s.response is Response.STREAMING:
        s.emit(CancelResponse(s.session, s.response_id))
    cancel_calls(s, "the visitor spoke over it", spoken_for)
    s.note("speech", f"cut: {why}")


def gate_stirred(s: State, e: ev.GateStirred, now: float) -> None:
    """Maybe the visitor: lower the voice until it is known."""
    s.playing = move(PLAYING, s.playing, Signal.STIRRED)


def gate_calmed(s: State, e: ev.GateCalmed, now: float) -> None:
    """It was noise: go on with what is already here."""
    s.playing = move(PLAYING, s.playing, Signal.CALMED)


def playback_drained(s: State, e: ev.PlaybackDrained, now: float) -> None:
    """The card has fallen silent."""
    if s.speaking:
        s.note("speech", "the kiosk is silent")
        if s.half_duplex and s.echo_tail_ms:
            s.tail = True
            s.set_timer("tail", now + s.echo_tail_ms / 1000)
    s.playing = move(PLAYING, s.playing, Signal.DRAINED)
    s.response = move(RESPONSE, s.response, Signal.DRAINED)
    s.clear_timer("speak")


def playback_cut(s: State, e: ev.PlaybackCut, now: float) -> None:
    """How much of an answer was heard: the service shall not believe that the visitor knows the rest."""
    if e.response and e.response in s.answers:
        s.answers.remove(e.response)
        s.note("speech", f"{e.heard_ms} ms of the answer were heard", response=e.response, heard_ms=e.heard_ms)
        s.emit(TruncateResponse(s.session, e.response, e.heard_ms))
