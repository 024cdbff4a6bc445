"""What runs: a relay that has waited is judged once more, its moves are told, and its end. Functions over the state."""

from __future__ import annotations

from dataclasses import replace

from kioskd.core import auditing
from kioskd.core import events as ev
from kioskd.core.action_events import OVER, MoveAsked
from kioskd.core.calls import answer, facts, finish, recall, tell_decision
from kioskd.core.effects import LastWord, Page
from kioskd.core.policy import Contacts, Verdict, judge
from kioskd.core.regions import CALL, Signal, move
from kioskd.core.state import PANEL, State
from kioskd.core.words import Call


def move_asked(s: State, e: MoveAsked, now: float) -> None:
    """A relay has waited for others (``apart_ms``) and would move now: whether everything still holds.

    Its contacts are read after this, in the relay's own thread. The visitor was judged to be there when the wait began,
    which is the kiosk's own and bounded; leaving, a sleep, mute and the end call it back.
    """
    call = s.calls.get(e.key)
    if call is None or call.state is not Call.RUNNING:
        s.emit(LastWord(e.key, OVER))
        return
    if call.recalled is not None:
        return  # it has been told
    moment = facts(s, e.key, call.tool, now, contacts=Contacts("", ""))
    # Its own run has been counted; another call that waits for a hand does not stand in its way.
    moment = replace(moment, runs=moment.runs[:-1], confirming=False, last_person_at=now)
    decision = judge(call.tool, s.config.kiosk, "", moment)
    if decision.verdict is Verdict.ALLOW:
        s.emit(LastWord(e.key, ""))
        return
    tell_decision(s, call.tool.name, call.key, decision)
    auditing.decided(s, call, decision, now)
    recall(s, call, decision)


def action_ended(s: State, e: ev.ActionEnded, now: float) -> None:
    """The device answered."""
    call = s.calls.get(e.key)
    if call is None or call.state is not Call.RUNNING:
        return
    call.state = move(CALL, call.state, Signal.ENDED)
    say = e.say or (call.tool.say_done if e.ok else call.tool.say_failed)
    if e.say and e.key.endpoint == PANEL:
        s.emit(Page(e.say))  # no model talks to whoever pressed the button: the house's own voice says who comes
    back = None if e.ok else call.recalled
    if back is not None and e.reason == back.why:
        # Called back while it waited, and nothing moved. Whoever cancelled it need not be told.
        cancelled = back.code == "cancelled"
        finish(s, call, "cancelled" if cancelled else "refused", back.say, back.why, None if cancelled else now)
        return
    # The result is the model's alone: what a service or a program answers is no matter for journal, ledger and trail.
    finish(s, call, "done" if e.ok else "failed", say, e.reason or "as asked", now, result=e.result)


def relay_switched(s: State, e: ev.RelaySwitched, now: float) -> None:
    """A line really moved."""
    s.note("relay", f"{e.name} {'on' if e.on else 'off'}", relay=e.name, on=e.on, at=e.at)
    call = next((c for c in s.calls.values() if c.state is Call.RUNNING and c.tool.name == e.name), None)
    auditing.moved(s, call, e)
    if not e.on:
        return
    s.counts.relay_pulses += 1
    if call is None:
        return
    # Said while the lock is released, not after: a visitor who hears "open" must find it open.
    call.told = True
    s.cue("done")
    answer(s, call, "done", call.tool.say_done)
    if call.confirmed_at:
        took_ms = round((e.at - call.confirmed_at) * 1000, 1)
        s.note("latency", f"{took_ms:g} ms from the confirmation to the relay", confirm_to_relay_ms=took_ms)
