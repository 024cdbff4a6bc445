"""The one machine: ``step(event, now) -> effects``. Pure: the same events at the same times give the same effects.

It holds five regions (regions.py; drawn in docs/machine.md). The modules beside this one say what each event means
(HANDLERS names them); what follows from the state alone (the feed, the ducking, the lamp, whether the conversation
rests) is derived here after every step, so no event can forget it.
"""

from __future__ import annotations

from typing import Callable, Mapping

from kioskd.config.sections import Config
from kioskd.core import (
    acknowledging,
    announcing,
    asides,
    calls,
    codes,
    confirmation,
    deeds,
    examining,
    lockout,
    muting,
    opening,
    reconfiguring,
    recording,
    running,
    sounding,
    turns,
    vigil,
)
from kioskd.core import action_events as ac
from kioskd.core import announce_events as ae
from kioskd.core import config_events as ce
from kioskd.core import confirm_events as confirming
from kioskd.core import events as ev
from kioskd.core import house_events as he
from kioskd.core import panel_events as pe
from kioskd.core.effects import (
    DuckPlayback,
    Effect,
    KeepOutput,
    Mute as MuteEffect,
    Quit,
    Rest,
    SetFeed,
    Show,
    WatchBargeIn,
)
from kioskd.core.deadlines import TIMERS
from kioskd.core.regions import MUTE, MuteSignal, move
from kioskd.core.state import USUAL_TAIL_MS, State
from kioskd.core.words import Call, Feed, PartState, Phase, Playing, Response, Turn

EventHandler = Callable[[State, ev.Event, float], None]


def part_changed(s: State, e: ev.PartChanged, now: float) -> None:
    """A part of the house says how it is. Health keeps the verdict; here stands what the conversation must know."""
    s.note("part", f"{e.part} {e.state.value}" + (f": {e.reason}" if e.reason else ""), part=e.part)
    if e.part == "echo" and e.state in (PartState.FAILED, PartState.RUNNING):
        s.echo_failed = e.state is PartState.FAILED
    if e.part == recording.PART and e.state is PartState.FAILED:
        recording.end(s, e.reason)


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
    recording.end(s, "kioskd stops")
    s.emit(Quit(code, reason))


HANDLERS: Mapping[type[ev.Event], Callable[..., None]] = {
    ev.Pressed: opening.pressed,
    ev.Released: opening.released,
    pe.Gestured: deeds.gestured,
    pe.PressVoided: deeds.press_voided,
    pe.ContactChanged: deeds.contact_changed,
    ev.MuteSwitched: muting.mute_switched,
    ev.MuteAsked: muting.mute_asked,
    ev.GateOpened: turns.gate_opened,
    ev.GateClosed: turns.gate_closed,
    ev.GateStirred: sounding.gate_stirred,
    ev.GateCalmed: sounding.gate_calmed,
    ev.WakeHeard: opening.wake_heard,
    ev.UplinkOverflowed: turns.uplink_overflowed,
    ev.PlaybackStarted: turns.playback_started,
    ev.PlaybackDrained: sounding.playback_drained,
    ev.PlaybackCut: sounding.playback_cut,
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
    confirming.KeyTyped: codes.typed,
    confirming.CodeChecked: codes.checked,
    confirming.StaffAnswered: acknowledging.answered,
    confirming.StaffUnreached: acknowledging.unreached,
    ev.IntentCommitted: calls.intent_committed,
    ev.IntentFailed: calls.intent_failed,
    ev.ActionEnded: running.action_ended,
    ev.RelaySwitched: running.relay_switched,
    ac.MoveAsked: running.move_asked,
    ac.CueAsked: asides.cue_asked,
    ac.VolumeAsked: asides.volume_asked,
    ac.EndAsked: asides.end_asked,
    ev.PartChanged: part_changed,
    ev.ThreadDied: thread_died,
    ev.RecordAsked: recording.asked,
    ev.DoctorBegan: examining.began,
    ev.DoctorEnded: examining.ended,
    ae.AnnouncementRendered: announcing.rendered,
    ae.PageAsked: announcing.asked,
    ae.AnnouncementDropped: announcing.dropped,
    ev.StopAsked: stop_asked,
    he.Suspended: vigil.suspended,
    he.ClockTold: vigil.clock_told,
    he.InterlocksRead: vigil.interlocks_read,
    he.LedgerRead: vigil.ledger_read,
    he.UnlockAsked: lockout.lifted,
    ce.ConfigChanged: reconfiguring.changed,
}


class Machine:
    """The state and its step. Belongs to the loop alone.

    Args:
        config: the effective configuration.
        started_at: monotonic seconds at which the process began; nothing moves in the first seconds after it.
        measured_tail_ms: how long a sound hangs in this room, where the doctor has measured it.
        muted: the owner muted the kiosk before it was started afresh.
    """

    def __init__(
        self, config: Config, started_at: float, measured_tail_ms: int = USUAL_TAIL_MS, muted: bool = False
    ) -> None:
        self.state = State(config, started_at, measured_tail_ms)
        self.state.volume = config.audio.volume
        if muted:
            self.state.mute = move(MUTE, self.state.mute, MuteSignal.SOFT_ON)

    def begin(self, now: float) -> list[Effect]:
        """The effects of being there at all: the feed, the lamp, and in ``open`` mode a session."""
        s = self.state
        if s.muted:
            s.note("mute", "on, as before the restart", switch=s.mute.value)
            s.emit(MuteEffect(True))
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
        examining.look_around(s)
        confirmation.look_around(s, now)
        rest(s, now)
        asides.look_around(s)
        stay_open(s)
        announcing.look_around(s, now)
        if s.resting != s.rested:
            s.rested = s.resting
            s.emit(Rest(s.resting))
        self._feed()
        ducked = s.playing is Playing.DUCKED
        if ducked != s.ducked:
            s.ducked = ducked
            s.emit(DuckPlayback(ducked))
        # Once it rests, and in a conversation that never ends, output_idle_s decides: silence costs CPU too.
        conversing = s.wanted and not s.resting and s.config.talk.mode != "open"
        shows = phase(s)
        output = (conversing, conversing and shows is not Phase.LISTENING)
        if output != s.output:
            s.output = output
            s.emit(KeepOutput(*output))
        shown = (shows, s.confirming is not None, s.muted, s.refused, s.recording)
        if shown != s.shown:
            s.shown = shown
            s.emit(Show(*shown))
        out, s.out = s.out, []
        return out

    def _feed(self) -> None:
        """What goes up. While the kiosk speaks in full duplex, only what the gate takes for near-end speech does."""
        s = self.state
        feed = wanted_feed(s)
        watching = s.speaking and not s.half_duplex and feed[0] in (Feed.GATED, Feed.ALWAYS)
        # The watch begins before the feed is widened, and ends after it is narrowed: in between nothing slips through.
        if watching and not s.watching:
            s.emit(WatchBargeIn(True))
        if feed != s.feed:
            s.feed = feed
            s.emit(SetFeed(*feed))
        if s.watching and not watching:
            s.emit(WatchBargeIn(False))
        s.watching = watching


def wanted_feed(s: State) -> tuple[Feed, bool]:
    """What the capture thread shall give to the lane, from the state alone, and whether it is to be deaf."""
    if s.muted or s.breathing or s.examining or (s.half_duplex and (s.speaking or s.tail)):
        return Feed.NEVER, True
    mode = s.config.talk.mode
    if mode == "push_to_talk":
        return (Feed.ALWAYS if s.talking else Feed.NEVER), False
    if s.opened_by_hand and not s.talking:
        return (Feed.NEVER if mode == "tap_to_talk" else Feed.WAKE), False
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
    if s.opened_by_hand and s.talking:
        return Phase.LISTENING
    return Phase.IDLE


def rest(s: State, now: float) -> None:
    """Whether the conversation rests; a resting session is closed after talk.linger_s, or replaced by the link."""
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
    if "linger" not in s.timers and s.config.talk.mode != "open":
        s.set_timer("linger", now + s.config.talk.linger_s)


def stay_open(s: State) -> None:
    """In open mode nothing that a visitor does would ever open the next session, whatever ended this one."""
    if s.config.talk.mode == "open" and not s.wanted and not s.stopping:
        turns.want_again(s)
