"""Tool calls: judged, written down, run once, answered. Functions over the machine's state (confirmation.py: the hand).

The model is untrusted input: what it asks for is a request, and everything that decides stands on this side.
"""

from __future__ import annotations

import json
from collections import deque
from typing import Callable

from kioskd.config.action import longest_s
from kioskd.config.apart import apart_s
from kioskd.config.sections import Tool
from kioskd.core import events as ev
from kioskd.core import auditing, lockout
from kioskd.core.arguments import check
from kioskd.core.effects import (
    AskResponse,
    CommitIntent,
    LastWord,
    LookAround,
    RecordOutcome,
    RunAction,
    SendOutput,
    SendText,
)
from kioskd.core.policy import Contacts, Decision, Facts, Verdict, judge
from kioskd.core.regions import CALL, Signal, move
from kioskd.core.state import MOST_RUNS, PANEL, CallState, State
from kioskd.core.words import Call, CallKey

# A turn asks for one or two things; a service that asks for more at once is broken or hostile. Buttons count apart.
MOST_OPEN_CALLS = 8
# A commit is one fsync: milliseconds on a good card, seconds on a dying one.
COMMIT_S = 5.0
# Reading a line takes microseconds, through an expander on a slow bus milliseconds.
LOOK_S = 2.0
# What the wall clock showed longer ago than this is not known any more; it is told every minute.
WALL_S = 90.0
# Beyond the action's own bound; after this the visitor is told that it failed.
ACT_MARGIN_S = 30.0
# How long the lamp shows a refusal. A guess.
REFUSED_S = 2.0
TRIAL = "This is a trial, so nothing was moved."
WORKING = "This takes a moment; the result follows."
ASK_HAND = "Please hold the button to confirm."
# By timer: how a call ends whose answer never came.
UNANSWERED = {
    "commit": ("refused", "the ledger does not answer"),
    "look": ("refused", "the interlocks could not be read in time"),
    "act": ("unknown", "the action does not end; its outcome is unknown"),
}


def asked(s: State, e: ev.ToolAsked, now: float) -> None:
    """The model asks for a tool."""
    if e.key in s.calls:
        return
    s.counts.calls += 1
    name = auditing.shown_name(s, e.name)
    s.note("tool", f"{name} asked for", tool=name, call=e.key.call_id)
    if s.stopping:
        s.counts.calls_refused += 1
        return  # its session is being closed, and the ledger too
    tool = next((tool for tool in s.config.tools if tool.name == e.name), None)
    checked = check(tool.parameters, e.arguments) if tool else None
    problem = checked.problem if checked else ""
    decision = judge(tool, s.config.kiosk, problem, facts(s, e.key, tool, now))
    if sum((key.endpoint == PANEL) == (e.key.endpoint == PANEL) for key in s.calls) >= MOST_OPEN_CALLS:
        decision = Decision(Verdict.REFUSE, "too_many", "One thing at a time, please.", "too many calls at once")
    if tool is None or checked is None or checked.values is None:
        refuse_unheard(s, e, decision, now)
        return
    call = CallState(e.key, tool, checked.values, e.arguments, now)
    s.calls[e.key] = call
    decide(s, call, decision, now)


def facts(s: State, key: CallKey, tool: Tool | None, now: float, *, contacts: Contacts | None = None) -> Facts:
    """What policy may know."""
    waiting, call = s.confirming, s.calls.get(key)
    return Facts(
        now=now,
        started_at=s.started_at,
        live_session=PANEL if key.endpoint == PANEL else s.session if s.live(key) else None,
        call_session=key.session,
        muted=s.muted and key.endpoint != PANEL,  # a button needs no microphone
        last_person_at=s.last_person_at,
        confirming=waiting is not None and waiting.key != key,
        runs=tuple(s.runs.get(tool.name, ())) if tool else (),
        given=frozenset(call.given) if call is not None else frozenset(),
        wall=s.wall if now - s.wall_at <= WALL_S else None,
        locked_s=lockout.locked_s(s, tool, now, key.endpoint) if tool else 0.0,
        contacts=contacts,
        unfit=s.unfit.get(tool.name, "") if tool else "",
    )


def decide(s: State, call: CallState, decision: Decision, now: float) -> None:
    """Do what policy said."""
    if decision.verdict is Verdict.LOOK:
        call.looking = True
        s.emit(LookAround(call.key, call.tool.name))
        s.set_timer(f"look:{call.key}", now + LOOK_S)
        return
    tell_decision(s, call.tool.name, call.key, decision)
    auditing.decided(s, call, decision, now)
    if decision.verdict is Verdict.ALLOW:
        commit(s, call, now)
    elif decision.verdict is Verdict.CONFIRM:
        call.state = move(CALL, call.state, Signal.HELD_BACK)
        call.questioned_at = now
        answer(s, call, "needs_confirmation", decision.say or ASK_HAND)
        s.cue("confirm")
        s.set_timer("confirm", now + call.tool.policy.confirm_s)
    else:
        call.state = move(CALL, call.state, Signal.REFUSED)
        lockout.refused(s, call.key.endpoint, call.tool, decision.code, now)
        finish(s, call, "refused", decision.say, decision.why, now)


def looked(s: State, call: CallState, contacts: Contacts, now: float) -> None:
    """Its interlocks have been read: judged once more, with everything else as it is by now."""
    call.looking = False
    s.clear_timer(f"look:{call.key}")
    moment = facts(s, call.key, call.tool, now, contacts=contacts)
    decide(s, call, judge(call.tool, s.config.kiosk, "", moment), now)


def tell_decision(s: State, tool: str, key: CallKey, decision: Decision) -> None:
    """Every decision is told, with its reason for the owner."""
    verdict, name = decision.verdict.value, auditing.shown_name(s, tool)
    text = f"{name}: {verdict} ({auditing.kept_why(decision)})"
    s.note("decision", text, tool=name, call=key.call_id, verdict=verdict, code=decision.code)


def refuse_unheard(s: State, e: ev.ToolAsked, decision: Decision, now: float) -> None:
    """A call that never became one: an unknown tool, or arguments that are none."""
    s.counts.calls_refused += 1
    tell_decision(s, e.name, e.key, decision)
    name = auditing.shown_name(s, e.name)
    auditing.unheard(s, e.key, name, e.arguments, decision)
    tool = next((tool for tool in s.config.tools if tool.name == e.name), None)
    lockout.refused(s, e.key.endpoint, tool, decision.code, now)
    output = json.dumps({"status": "refused", "say": decision.say, "detail": decision.why})
    kept = auditing.kept_why(decision)
    s.emit(RecordOutcome(e.key, name, "refused", kept), SendOutput(e.key, output), AskResponse(e.key.session))
    show_refusal(s, now)


def commit(s: State, call: CallState, now: float) -> None:
    """Write the intent down before anything moves."""
    call.state = move(CALL, call.state, Signal.ALLOWED if call.state is Call.ASKED else Signal.CONFIRMED)
    s.runs.setdefault(call.tool.name, deque(maxlen=MOST_RUNS)).append(now)
    s.emit(CommitIntent(call.key, call.tool.name, call.raw))
    s.set_timer(f"commit:{call.key}", now + COMMIT_S)


def intent_committed(s: State, e: ev.IntentCommitted, now: float) -> None:
    """The intent is on the disk. Only a call that still stands moves anything."""
    call = s.calls.get(e.key)
    if call is None or call.state is not Call.COMMITTING:
        s.note("tool", "an intent was written for a call that had ended meanwhile: nothing moves", call=e.key.call_id)
        return
    s.clear_timer(f"commit:{e.key}")
    if not e.fresh:
        call.state = move(CALL, call.state, Signal.DUPLICATE)
        finish(s, call, "duplicate", "That was already done.", "this call id has been used before", now)
        return
    call.state = move(CALL, call.state, Signal.COMMITTED)
    if call.tool.dry_run:
        call.state = move(CALL, call.state, Signal.ENDED)
        finish(s, call, "dry_run", TRIAL, f"{call.tool.name} is on trial (dry_run): nothing was moved", now)
        return
    s.emit(RunAction(call.key, call.tool.name, call.arguments))
    bound_s = longest_s(call.tool.action) + apart_s(call.tool.name, s.config.tools)
    s.set_timer(f"act:{e.key}", now + bound_s + ACT_MARGIN_S)
    # Also for what should be quick: it may wait for a thread, or for a name server.
    s.set_timer(f"work:{e.key}", now + call.tool.answer_within_s)


def intent_failed(s: State, e: ev.IntentFailed, now: float) -> None:
    """The ledger cannot write: nothing moves unrecorded."""
    call = s.calls.get(e.key)
    if call is None or call.state is not Call.COMMITTING:
        return
    call.state = move(CALL, call.state, Signal.UNWRITTEN)
    finish(s, call, "refused", call.tool.say_failed, f"the ledger cannot write: {e.reason}", now)


def call_expired(s: State, name: str, now: float) -> None:
    """Ledger, action or contacts do not answer (timers ``commit:KEY``, ``act:KEY``, ``look:KEY``), or it takes long."""
    kind, _, key = name.partition(":")
    call = next((call for call in s.calls.values() if str(call.key) == key), None)
    if call is None:
        return
    if kind == "work":
        # The service waits for no tool longer than this; the result comes as a text item (Hydra reference A8).
        if not call.told:
            answer(s, call, "working", WORKING)
        return
    call.state = move(CALL, call.state, Signal.EXPIRED)
    outcome, why = UNANSWERED[kind]
    finish(s, call, outcome, call.tool.say_failed, why, now)


def cancel_calls(s: State, why: str, which: Callable[[CallState], bool]) -> None:
    """Nothing moves after a cancel: a relay that waits for others is called back. What has moved, runs to its end."""
    for call in [call for call in s.calls.values() if which(call)]:
        after = move(CALL, call.state, Signal.CANCELLED)
        if after is call.state:
            recall(s, call, Decision(Verdict.REFUSE, "cancelled", "", why))
            continue
        if call.state is Call.CONFIRMING:
            s.clear_timer("confirm")
            s.clear_timer("hold")
            s.pending_press = None
        call.state = after
        finish(s, call, "cancelled", "", why, None)


def recall(s: State, call: CallState, decision: Decision) -> None:
    """Its relay may not be energised any more. Too late for one that has been: then it is done."""
    if call.tool.action.relay is not None and not call.told and call.recalled is None:
        call.recalled = decision
        s.emit(LastWord(call.key, decision.why))


def spoken_for(call: CallState) -> bool:
    """Whether who speaks over the kiosk, or mutes it, takes the call back. Not so a press of the help button: whoever
    calls for help goes on talking, and may well mute. Only a hand that it waits for is not awaited any more."""
    return call.key.endpoint != PANEL or call.state is Call.CONFIRMING


# -- answers -------------------------------------------------------------------------------------


def finish(s: State, call: CallState, outcome: str, say: str, why: str, now: float | None, *, result: str = "") -> None:
    """End a call: write the outcome, tell the model, forget the call. ``now`` None: the visitor is not told."""
    del s.calls[call.key]
    s.clear_timer(f"commit:{call.key}")
    s.clear_timer(f"act:{call.key}")
    s.clear_timer(f"work:{call.key}")
    s.clear_timer(f"look:{call.key}")
    s.emit(RecordOutcome(call.key, call.tool.name, outcome, why))
    s.note("tool", f"{call.tool.name}: {outcome} ({why})", tool=call.tool.name, call=call.key.call_id, outcome=outcome)
    if not (call.told and outcome == "done"):
        if outcome == "done" and call.tool.class_ != "read":
            s.cue("done")
        answer(s, call, outcome, say, result=result, speak=now is not None)
    if outcome in ("done", "dry_run"):
        s.counts.calls_done += outcome == "done"
        return
    s.counts.calls_refused += 1
    if now is not None:
        s.cue("refused")
        show_refusal(s, now)


def answer(s: State, call: CallState, status: str, say: str, *, result: str = "", speak: bool = True) -> None:
    """Tell the model. A call has one output; what comes later comes as a text item (Hydra reference A8)."""
    if not s.live(call.key):
        return  # also of a button's call no service knows, whatever it calls its session
    body: dict[str, object] = {"tool": call.tool.name, "status": status, "say": say}
    if result:
        body["result"] = result
    if call.answered:
        s.emit(SendText(s.session, json.dumps(body)))
    else:
        call.answered = True
        s.emit(SendOutput(call.key, json.dumps(body)))
    if speak:
        s.emit(AskResponse(s.session))


def show_refusal(s: State, now: float) -> None:
    """The lamp says no for a moment."""
    s.refused = True
    s.set_timer("refused", now + REFUSED_S)
