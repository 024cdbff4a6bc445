"""What happens when a state outlives its deadline (docs/machine.md, "Deadlines")."""

from __future__ import annotations

from typing import Callable, Mapping

from kioskd.core import announcing, asides, codes, confirmation, examining, recording, turns
from kioskd.core.effects import CancelResponse, CutPlayback
from kioskd.core.regions import PLAYING, RESPONSE, Signal, move
from kioskd.core.state import State
from kioskd.core.words import Link, Response, Turn

# So many turns in a row of which the service heard nothing, and the session is taken for broken. One or two are
# a door that slams; a service that hears nothing for ever is deaf, and a new session is cheap. A guess.
MOST_UNHEARD = 3


def unheard(s: State) -> None:
    """The service heard no speech in it: noise at the gate, most likely. No cue, the hall need not be told."""
    turns.leave_turn(s, Signal.REJECTED)
    s.counts.turns_rejected += 1
    s.unheard += 1
    s.note("turn", "the service heard nothing in it")
    if s.unheard >= MOST_UNHEARD:
        s.unheard = 0
        turns.unwant(s, f"the service heard nothing in {MOST_UNHEARD} turns in a row")


def answer_expired(s: State, now: float) -> None:
    """No answer came in talk.answer_s."""
    if s.turn is not Turn.WAITING:
        return
    online = s.link is Link.READY
    s.unanswered += online
    if online and not s.heard:
        unheard(s)
        return
    if online:
        turns.lose_turn(s, now, "the service did not answer", cue="again")
    elif s.link is Link.BUSY:
        turns.lose_turn(s, now, "the service has no room at the moment", cue="busy")
    else:
        turns.lose_turn(s, now, "no connection to the service", cue="offline")
    if online:
        # A session that takes speech and gives nothing is not worth keeping: the next turn gets a new one.
        turns.unwant(s, "the service did not answer")


def longest_turn_expired(s: State, now: float) -> None:
    """Somebody leans on the button, or the hall is loud."""
    if s.turn is not Turn.LISTENING:
        return
    s.note("turn", f"ended after {s.config.talk.longest_turn_s:g} s")
    s.talking = False
    turns.rested(s, now)
    turns.breathe(s, now)


def stream_expired(s: State, now: float) -> None:
    """An answer without an end."""
    if s.response is not Response.STREAMING:
        return
    s.response = move(RESPONSE, s.response, Signal.EXPIRED)
    s.emit(CancelResponse(s.session, s.response_id), CutPlayback(s.response_id))
    s.note("speech", "cut: the answer is longer than audio.longest_answer_s")


def settle_expired(s: State, now: float) -> None:
    """The answer had no sound."""
    if s.response is Response.DONE and not s.speaking:
        s.response = move(RESPONSE, s.response, Signal.EXPIRED)


def speak_expired(s: State, now: float) -> None:
    """The card never said that it is silent."""
    s.playing = move(PLAYING, s.playing, Signal.EXPIRED)
    s.response = move(RESPONSE, s.response, Signal.DRAINED)
    s.note("error", "the playback thread never reported silence")


def linger_expired(s: State, now: float) -> None:
    """Nobody has spoken for talk.linger_s."""
    turns.leave(s, f"nobody spoke for {s.config.talk.linger_s:g} s")


def flag_expired(name: str, value: bool) -> Callable[[State, float], None]:
    """A timer whose only meaning is a flag."""

    def expired(s: State, now: float) -> None:
        setattr(s, name, value)

    return expired


TIMERS: Mapping[str, Callable[[State, float], None]] = {
    "answer": answer_expired,
    "longest_turn": longest_turn_expired,
    "stream": stream_expired,
    "settle": settle_expired,
    "speak": speak_expired,
    "linger": linger_expired,
    "hold": confirmation.hold_expired,
    "confirm": confirmation.confirm_expired,
    "code": codes.check_expired,
    "examine": examining.expired,
    "record": recording.expired,
    asides.TIMER: asides.ended,
    announcing.TIMER: announcing.due,
    announcing.STUCK_TIMER: announcing.stuck,
    "breath": flag_expired("breathing", False),
    "tail": flag_expired("tail", False),
    "refused": flag_expired("refused", False),
}
