"""The conversation: whose word it is, what is generated, what sounds. Functions over the machine's state."""

from __future__ import annotations

from kioskd.core import events as ev
from kioskd.core.calls import cancel_calls
from kioskd.core.effects import CloseLink, CutPlayback, DropUplink, OpenLink
from kioskd.core.regions import PLAYING, RESPONSE, TURN, Signal, move
from kioskd.core.sounding import barge_in
from kioskd.core.state import State
from kioskd.core.words import Link, Response, Turn

# The feed is shut for this long after a turn was lost, so that the rest of a half-heard sentence does not go up
# as if it were a whole one. A guess: about the length of a word.
BREATH_S = 0.5
# An answer without sound (a tool turn) is over this long after generation ended. The first delta reaches the
# card in a few milliseconds (python -m benchmarks downlink_ms), so this only has to outlast a busy moment.
SETTLE_S = 0.5
# The card may hold this much more than the lane before the machine stops believing that it speaks.
SPEAK_MARGIN_S = 30.0
# 1000 is how Hydra ends an idle session; it is no fault (Hydra reference A9).
NORMAL_CLOSE = 1000


def fed(s: State, now: float, reason: str) -> None:
    """The visitor's word begins to go up: a session is wanted from here on."""
    before = s.turn
    s.turn = move(TURN, s.turn, Signal.FED)
    s.last_person_at = now
    s.rested_at = None
    s.heard = False
    want(s, reason)
    if s.turn is Turn.LISTENING and before is not Turn.LISTENING:
        s.counts.turns += 1
        s.clear_timer("answer")
        s.set_timer("longest_turn", now + s.config.talk.longest_turn_s)


def want(s: State, reason: str) -> None:
    """A person is here: have a session, and let the model speak first if this opens the conversation."""
    s.emit(OpenLink(reason, greet=not s.wanted))
    s.wanted = True


def want_again(s: State) -> None:
    """Have the next session of a conversation that never ends (talk.mode: open); nobody came, so nobody is greeted."""
    s.emit(OpenLink("talk.mode is open", greet=False))
    s.wanted = True


def unwant(s: State, reason: str) -> None:
    """Let the session go."""
    s.wanted = False
    if s.opened_by_hand:
        s.talking = False
    s.emit(CloseLink(reason))


def leave(s: State, reason: str) -> None:
    """The visitor is done: what they said and no session has taken must not wait for the next visitor's.

    Nor does what was asked for in it: the link takes its time to close the session, and a hand, a code or staff would
    still open the door meanwhile.
    """
    cancel_calls(s, reason, lambda call: s.live(call.key))
    unwant(s, reason)
    s.emit(DropUplink(reason))


def rested(s: State, now: float) -> None:
    """The visitor's word has ended; an answer is awaited."""
    if s.turn is not Turn.LISTENING:
        return
    s.turn = move(TURN, s.turn, Signal.RESTED)
    s.rested_at = now
    s.clear_timer("longest_turn")
    if s.link is Link.REFUSED and not s.session:
        # No service may be asked (a spent budget, a bad key), and waiting will not change that: say so now.
        lose_turn(s, now, "no service may be asked at the moment", cue="offline")
        return
    s.set_timer("answer", now + s.config.talk.answer_s)
    if s.session:
        s.cue("understood")


def leave_turn(s: State, signal: Signal) -> bool:
    """Move the turn by ``signal`` and drop its deadlines when it became quiet; whether it did."""
    before = s.turn
    s.turn = move(TURN, s.turn, signal)
    if s.turn is before or s.turn is not Turn.QUIET:
        return False
    s.clear_timer("longest_turn")
    s.clear_timer("answer")
    return True


def lose_turn(s: State, now: float, why: str, cue: str = "again") -> None:
    """Give the turn up, audibly: never shorten what a visitor said without telling them."""
    if not leave_turn(s, Signal.LOST):
        return
    s.counts.turns_lost += 1
    if s.config.talk.mode != "wake_word":
        s.talking = False  # who opened it with a word just says it again
    s.rested_at = None
    s.emit(DropUplink(why))
    s.cue(cue)
    s.note("turn", f"given up: {why}", lost=True)
    breathe(s, now)


def breathe(s: State, now: float) -> None:
    """Shut the feed for a moment."""
    s.breathing = True
    s.set_timer("breath", now + BREATH_S)


# -- audio events --------------------------------------------------------------------------------


def gate_opened(s: State, e: ev.GateOpened, now: float) -> None:
    """The local gate heard speech."""
    if s.muted or s.examining:
        return
    if s.opened_by_hand and not s.talking:
        # It was on its way when the conversation was closed, and nobody opened another.
        s.emit(DropUplink("the conversation is over"))
        return
    s.note("gate", "speech heard", at=e.at)
    if s.speaking and not s.half_duplex:
        barge_in(s, "the visitor spoke")
    fed(s, now, "speech at the microphone")


def gate_closed(s: State, e: ev.GateClosed, now: float) -> None:
    """The utterance is over; its last chunk is in the lane."""
    s.note("gate", "speech ended", at=e.at)
    if not s.wanted:
        s.emit(DropUplink("the conversation is over"))  # the last of it came while it was being closed
    rested(s, now)


def uplink_overflowed(s: State, e: ev.UplinkOverflowed, now: float) -> None:
    """The lane was too short for this turn."""
    lose_turn(s, now, "the link took longer than talk.connect_buffer_s to take what was said")


def playback_started(s: State, e: ev.PlaybackStarted, now: float) -> None:
    """The card sounds."""
    s.playing = move(PLAYING, s.playing, Signal.STARTED)
    s.tail = False
    s.clear_timer("tail")
    s.clear_timer("settle")
    s.set_timer("speak", now + s.config.audio.longest_answer_s + SPEAK_MARGIN_S)
    answers = s.response is not Response.NONE
    if answers and s.rested_at is not None:
        answer_ms = round((e.at - s.rested_at) * 1000)
        s.note("latency", f"{answer_ms} ms from the end of speech to the first sound", answer_ms=answer_ms)
        s.rested_at = None
    other = "the doctor's sweep sounds" if s.examining else "an announcement sounds" if s.announcing else "a cue sounds"
    what = "the kiosk speaks" if answers else other
    s.note("speech", what, answer=answers)
    if s.turn is Turn.LISTENING and s.half_duplex:
        if s.talking:
            barge_in(s, "the talk button is held")
        else:
            leave_turn(s, Signal.LOST)
            s.counts.turns_lost += 1
            s.note("turn", "given up: the kiosk began to speak over the visitor", lost=True)


# -- link events ---------------------------------------------------------------------------------


def link_changed(s: State, e: ev.LinkChanged, now: float) -> None:
    """The supervisor moved."""
    s.link = e.state
    s.note("link", f"{e.state.value}: {e.reason}" if e.reason else e.state.value, endpoint=e.endpoint)
    if e.state is Link.ASLEEP and s.config.talk.mode == "open" and s.wanted and not s.stopping:
        # The service ended a silent session (we were muted, or spoke) with 1000, and the link took it for the end.
        want_again(s)


def session_ready(s: State, e: ev.SessionReady, now: float) -> None:
    """A session takes audio."""
    s.session, s.endpoint = e.session, e.endpoint
    s.answers.clear()
    s.note("session", "ready", session=e.session, endpoint=e.endpoint)
    if s.turn is Turn.WAITING:
        s.cue("understood")


def session_ended(s: State, e: ev.SessionEnded, now: float) -> None:
    """Everything that belonged to the session is gone with it."""
    if e.session != s.session:
        return
    s.session = ""
    s.answers.clear()
    unheard = s.response is Response.STREAMING and not s.speaking
    s.response = move(RESPONSE, s.response, Signal.LOST)
    for timer in ("stream", "settle"):
        s.clear_timer(timer)
    s.note("session", f"ended ({e.code}): {e.reason}", code=e.code)
    cancel_calls(s, "the session ended", lambda call: call.key[:2] == (s.endpoint, e.session))
    if e.replaced:
        return  # nothing of a turn has gone up: what a visitor says from here on waits for the next one
    if s.turn is not Turn.QUIET:
        lose_turn(s, now, f"the session ended ({e.code})")
    elif unheard and not s.stopping:
        # Begun is not answered: nobody has heard a word of it.
        s.counts.turns_lost += 1
        s.cue("again")
        s.note("turn", f"given up: the session ended ({e.code}) before the answer was heard", lost=True)
    elif s.wanted and e.code == NORMAL_CLOSE and s.config.talk.mode != "open":
        unwant(s, "the service ended the session while nobody spoke")


def speech_started(s: State, e: ev.SpeechStarted, now: float) -> None:
    """The service hears the visitor: what still sounds is stale (Hydra reference A7)."""
    if e.session != s.session:
        return
    s.heard = True
    s.unheard = 0
    if s.config.talk.mode == "open":
        s.last_person_at = now
    if s.speaking:
        barge_in(s, "the service heard the visitor")


def speech_stopped(s: State, e: ev.SpeechStopped, now: float) -> None:
    """The service heard the end of the word; the link's pump ends its zeros by itself."""
    if s.config.talk.mode == "open" and e.session == s.session:
        fed(s, now, "the service heard speech")
        rested(s, now)


def turn_rejected(s: State, e: ev.TurnRejected, now: float) -> None:
    """The service heard no words in it."""
    if e.session == s.session and leave_turn(s, Signal.REJECTED):
        s.counts.turns_rejected += 1
        s.unanswered = 0
        s.note("turn", "the service heard no words in it")


def response_created(s: State, e: ev.ResponseCreated, now: float) -> None:
    """The service began an answer."""
    if e.session != s.session:
        return
    s.unanswered = 0
    if leave_turn(s, Signal.ANSWERED):
        s.counts.turns_answered += 1
    s.response = move(RESPONSE, s.response, Signal.ANSWERED)
    s.response_id = e.response
    s.answers.append(e.response)
    s.clear_timer("settle")
    s.set_timer("stream", now + s.config.audio.longest_answer_s)


def response_done(s: State, e: ev.ResponseDone, now: float) -> None:
    """Generation ended; what was generated may still sound for a while."""
    if e.session != s.session or e.response != s.response_id:
        return
    s.response = move(RESPONSE, s.response, Signal.ENDED)
    s.clear_timer("stream")
    if not s.speaking:
        s.set_timer("settle", now + SETTLE_S)
    if e.status == "cancelled" and e.reason == "interrupted" and s.speaking:
        s.emit(CutPlayback(e.response))
    if e.status in ("failed", "incomplete"):
        s.note("session", f"the answer is {e.status}: {e.reason or 'no reason given'}", status=e.status)
        if e.status == "failed":
            s.cue("again")


def service_complained(s: State, e: ev.ServiceComplained, now: float) -> None:
    """An error that left the session alive."""
    s.note("error", f"the service says {e.code}{': ' if e.message else ''}{e.message}", code=e.code)
    if s.turn is Turn.WAITING and e.code == "tool_response_timeout":
        lose_turn(s, now, "the service waited too long for a tool")
