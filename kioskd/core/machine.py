"""The one machine: ``step(event, now) -> effects``. Pure: the same events at the same times give the same effects.

It holds five regions (regions.py; drawn in docs/machine.md). turns.py, calls.py, confirmation.py and deadlines.py
say what each event means; what follows from the state alone (the feed, the lamp, whether the conversation rests) is
derived here after every step, so no event can forget it.
"""

from __future__ import annotations

from typing import Callable, Mapping

from kioskd.config.sections import Config
from kioskd.core import calls, confirmation, turns
from kioskd.core import events as ev
from kioskd.core.effects import Effect, Mute as MuteEffect, PlayCue, Quit, SetFeed, Show, WatchBargeIn
from kioskd.core.deadlines import TIMERS
from kioskd.core.regions import MUTE, MuteSignal, Signal, move
from kioskd.core.state import TALK, State
from kioskd.core.words import Call, Feed, Phase, Response, Turn

EventHandler = Callable[[State, ev.Event, float], None]


def pressed(s: State, e: ev.Pressed, now: float) -> None:
    """The talk button went down."""
    s.down[e.name] = e.at
    if e.name != TALK:
        return
    call = s.confirming
    if call is not None:
        confirmation.press(s, call, e.at, now)
        return
    s.note("turn", "talk pressed")
    if s.muted:
        s.note("turn", "muted: the press is not heard")
        s.emit(PlayCue("refused"))
        return
    s.last_person_at = now
    if s.speaking:
        turns.barge_in(s, "the talk button")
    if s.config.talk.mode == "push_to_talk":
        s.talking = True
        turns.fed(s, now, "the talk button")
    elif s.config.talk.mode == "tap_to_talk":
        tapped(s)
    else:
        turns.want(s, "the talk button")


def tapped(s: State) -> None:
    """A tap opens the conversation; a tap while it is open ends it."""
    if s.talking:
        turns.leave_turn(s, Signal.HUSHED)
        turns.unwant(s, "the talk button ended the conversation")
    else:
        s.talking = True
        turns.want(s, "the talk button")


def released(s: State, e: ev.Released, now: float) -> None:
    """The talk button came up. The turn itself ends with the hangover (GateClosed)."""
    s.down.pop(e.name, None)
    if e.name != TALK:
        return
    confirmation.release(s, e.at, now)
    if s.config.talk.mode == "push_to_talk" and s.talking:
        s.talking = False
        s.note("turn", "talk released")


def mute_by(s: State, signal: MuteSignal, now: float) -> None:
    """Move the mute region, and do what a change of it means."""
    before = s.muted
    s.mute = move(MUTE, s.mute, signal)
    if s.muted == before:
        return
    s.note("mute", "on" if s.muted else "off", switch=s.mute.value)
    s.emit(MuteEffect(s.muted))
    if s.muted:
        s.talking = False
        turns.leave_turn(s, Signal.HUSHED)
        calls.cancel_calls(s, "muted", lambda call: True)


def mute_switched(s: State, e: ev.MuteSwitched, now: float) -> None:
    """The hardware switch."""
    mute_by(s, MuteSignal.HARD_ON if e.on else MuteSignal.HARD_OFF, now)


def mute_asked(s: State, e: ev.MuteAsked, now: float) -> None:
    """The owner's word."""
    mute_by(s, MuteSignal.SOFT_ON if e.on else MuteSignal.SOFT_OFF, now)


def part_changed(s: State, e: ev.PartChanged, now: float) -> None:
    """A part of the house says how it is; health keeps the verdict, the machine only tells."""
    s.note("part", f"{e.part} {e.state.value}" + (f": {e.reason}" if e.reason else ""), part=e.part)


def thread_died(s: State, e: ev.ThreadDied, now: float) -> None:
    """A thread ended by an exception: nothing can be trusted to run on. systemd starts us afresh."""
    s.note("error", f"thread {e.thread} died: {e.error}", thread=e.thread)
    end(s, 70, f"thread {e.thread} died: {e.error}")


def stop_asked(s: State, e: ev.StopAsked, now: float) -> None:
    """The end, in order."""
    s.note("stop", e.reason)
    end(s, 0, e.reason)


def end(s: State, code: int, reason: str) -> None:
    """Begin nothing more: rooms take a moment to close, and the service may go on asking meanwhile."""
    s.stopping = True
    calls.cancel_calls(s, "kioskd stops", lambda call: True)
    s.emit(Quit(code, reason))


HANDLERS: Mapping[type[ev.Event], Callable[..., None]] = {
    ev.Pressed: pressed,
    ev.Released: released,
    ev.MuteSwitched: mute_switched,
    ev.MuteAsked: mute_asked,
    ev.GateOpened: turns.gate_opened,
    ev.GateClosed: turns.gate_closed,
    ev.GateStirred: turns.gate_stirred,
    ev.GateCalmed: turns.gate_calmed,
    ev.UplinkOverflowed: turns.uplink_overflowed,
    ev.PlaybackStarted: turns.playback_started,
    ev.PlaybackDrained: turns.playback_drained,
    ev.LinkChanged: turns.link_changed,
    ev.SessionReady: turns.session_ready,
    ev.SessionEnded: turns.session_ended,
    ev.SpeechStarted: turns.speech_started,
    ev.SpeechStopped: turns.speech_stopped,
    ev.TurnRejected: turns.turn_rejected,
    ev.ResponseCreated: turns.response_created,
    ev.ResponseDone: turns.response_done,
    ev.ServiceComplained: turns.service_complained,
    ev.ToolAsked: calls.asked,
    ev.IntentCommitted: calls.intent_committed,
    ev.IntentFailed: calls.intent_failed,
    ev.ActionEnded: calls.action_ended,
    ev.RelaySwitched: calls.relay_switched,
    ev.PartChanged: part_changed,
    ev.ThreadDied: thread_died,
    ev.StopAsked: stop_asked,
}


class Machine:
    """The state and its step. Belongs to the loop alone.

    Args:
        config: the effective configuration.
        started_at: monotonic seconds at which the process began; nothing moves in the first seconds after it.
    """

    def __init__(self, config: Config, started_at: float) -> None:
        self.state = State(config, started_at)

    def begin(self, now: float) -> list[Effect]:
        """The effects of being there at all: the feed, the lamp, and in ``open`` mode a session."""
        s = self.state
        if s.config.talk.mode == "open":
            turns.want(s, "talk.mode is open")
        return self._derive(now)

    def step(self, event: ev.Event, now: float) -> list[Effect]:
        """One event; the effects in the order in which they are to be done.

        Raises:
            KeyError: an event of a type that the machine does not know: a programming error.
        """
        s = self.state
        if isinstance(event, ev.TimerFired):
            self._fire(event, now)
        else:
            HANDLERS[type(event)](s, event, now)
        return self._derive(now)

    def _fire(self, event: ev.TimerFired, now: float) -> None:
        s = self.state
        if s.timers.get(event.name) != event.generation:
            s.counts.stale_timers += 1
            return
        del s.timers[event.name]
        handler = TIMERS.get(event.name)
        if handler is not None:
            handler(s, now)
        else:
            calls.call_expired(s, event.name, now)

    def _derive(self, now: float) -> list[Effect]:
        """What follows from the state alone."""
        s = self.state
        rest(s, now)
        stay_open(s)
        feed = wanted_feed(s)
        if feed != s.feed:
            s.feed = feed
            s.emit(SetFeed(*feed))
        watching = s.speaking and not s.half_duplex and not s.muted
        if watching != s.watching:
            s.watching = watching
            s.emit(WatchBargeIn(watching))
        shown = (phase(s), s.confirming is not None, s.muted, s.refused)
        if shown != s.shown:
            s.shown = shown
            s.emit(Show(*shown))
        out, s.out = s.out, []
        return out


def wanted_feed(s: State) -> tuple[Feed, bool]:
    """What the capture thread shall give to the lane, from the state alone, and whether it is to be deaf."""
    if s.breathing or (s.half_duplex and (s.speaking or s.tail)):
        return Feed.NEVER, True
    if s.muted:
        return Feed.NEVER, False
    mode = s.config.talk.mode
    if mode == "push_to_talk":
        return (Feed.ALWAYS if s.talking else Feed.NEVER), False
    if mode == "tap_to_talk":
        return (Feed.GATED if s.talking else Feed.NEVER), False
    return (Feed.ALWAYS if mode == "open" else Feed.GATED), False


def phase(s: State) -> Phase:
    """The shown phase: a ladder, the first that holds (docs/machine.md)."""
    if s.speaking:
        return Phase.SPEAKING
    if any(call.state in (Call.COMMITTING, Call.RUNNING) for call in s.calls.values()):
        return Phase.ACTING
    if s.turn is Turn.LISTENING:
        return Phase.LISTENING
    if s.turn is Turn.WAITING or s.response is Response.STREAMING:
        return Phase.THINKING
    if s.config.talk.mode == "tap_to_talk" and s.talking:
        return Phase.LISTENING
    return Phase.IDLE


def rest(s: State, now: float) -> None:
    """Whether the conversation rests; a resting session is closed after talk.linger_s, an old one at once."""
    s.resting = (
        s.turn is Turn.QUIET
        and s.response is Response.NONE
        and not s.speaking
        and not s.calls
        and not (s.config.talk.mode == "push_to_talk" and s.talking)
    )
    if not s.resting or not s.wanted:
        s.clear_timer("linger")
        return
    if s.rotate:
        turns.unwant(s, "the session is as old as session.longest_s allows")
        return
    if "linger" not in s.timers and s.config.talk.mode != "open":
        s.set_timer("linger", now + s.config.talk.linger_s)


def stay_open(s: State) -> None:
    """In open mode nothing that a visitor does would ever open the next session, whatever ended this one."""
    if s.config.talk.mode == "open" and not s.wanted and not s.stopping:
        turns.want_again(s)
