"""What goes into the audit trail: every decision and what followed from it. No speech, no secret, nothing unbounded."""

from __future__ import annotations

import re
from typing import Any, Mapping

from kioskd.core import events as ev
from kioskd.core.effects import Audit
from kioskd.core.policy import Decision
from kioskd.core.state import CallState, State
from kioskd.core.words import CallKey

# Names and ids come from the service.
MOST_TEXT = 200
MOST_ARGUMENTS = 20
# An argument whose name holds one of these is a secret, or as good as one.
_SECRET = re.compile(r"pass|pin(?![a-z])|code|secret|token|key|otp", re.IGNORECASE)


def decided(s: State, call: CallState, decision: Decision, now: float) -> None:
    """Policy has spoken."""
    data: dict[str, object] = {
        **_who(call.key, call.tool.name),
        "class": call.tool.class_,
        "arguments": redacted(call.tool.parameters, call.arguments),
        **_said(decision),
        "confirmed": call.confirmed_at > 0,
        "after_ms": round((now - call.asked_at) * 1000, 1),
    }
    if call.tool.dry_run:
        data["dry_run"] = True
    s.emit(Audit("decision", tuple(data.items())))


def unheard(s: State, key: CallKey, name: str, arguments: str, decision: Decision) -> None:
    """An unknown tool, or arguments that are none: of what was sent only its size is kept."""
    data = {**_who(key, name), "arguments": f"<{len(arguments)} characters>", **_said(decision)}
    s.emit(Audit("decision", tuple(data.items())))


def confirmed(s: State, call: CallState, kind: str, who: str, now: float) -> None:
    """One of what must confirm has: a hand, a code (whose), somebody elsewhere (who)."""
    data = {**_who(call.key, call.tool.name), "by": kind, "after_ms": round((now - call.asked_at) * 1000, 1)}
    if who:
        data["who"] = _brief(who)
    s.emit(Audit("confirmed", tuple(data.items())))


def wrong_code(s: State, call: CallState) -> None:
    """A code was entered that is nobody's. What it was is not kept: it may be one digit off a right one."""
    s.emit(Audit("wrong_code", tuple(_who(call.key, call.tool.name).items())))


def moved(s: State, call: CallState | None, e: ev.RelaySwitched) -> None:
    """A line really changed. Without a call, nobody asked for it."""
    data: dict[str, object] = {"tool": e.name, "on": e.on}
    if call is not None:
        data |= _who(call.key, e.name)
        if e.on and call.confirmed_at:
            data["confirm_to_relay_ms"] = round((e.at - call.confirmed_at) * 1000, 1)
    s.emit(Audit("relay", tuple(data.items())))


def kept_why(decision: Decision) -> str:
    """The reason as it may be kept: the sentence about wrong arguments quotes them, and they may quote the visitor."""
    return "the arguments do not fit the tool's schema" if decision.code == "arguments" else decision.why


def shown_name(s: State, name: str) -> str:
    """A tool's name as it may be kept: of one that is no tool of ours only its size, it may be what a visitor said."""
    known = any(tool.name == name for tool in s.config.tools)
    return name if known else f"<unknown tool, {len(name)} characters>"


def redacted(schema: Mapping[str, Any], values: Mapping[str, object]) -> dict[str, object]:
    """Arguments as they may be kept: numbers, switches and words of an ``enum``; of other text only its length."""
    properties = schema.get("properties", {})
    kept: dict[str, object] = {}
    for number, (name, value) in enumerate(list(values.items())[:MOST_ARGUMENTS], 1):
        # A name that the owner did not give (additionalProperties) is the service's own: it may be what was said.
        shown = _brief(name) if name in properties else f"<argument {number}, {len(name)} characters>"
        kept[shown] = _kept(name, properties.get(name, {}), value)
    return kept


def _kept(name: str, schema: Mapping[str, Any], value: object) -> object:
    if _SECRET.search(name):
        return "***"
    if value is None or isinstance(value, (bool, int, float)) or "enum" in schema:
        return value
    return f"<{len(value)} characters>" if isinstance(value, str) else f"<{type(value).__name__}>"


def _who(key: CallKey, tool: str) -> dict[str, object]:
    return {
        "endpoint": _brief(key.endpoint),
        "session": _brief(key.session),
        "call": _brief(key.call_id),
        "tool": _brief(tool),
    }


def _said(decision: Decision) -> dict[str, object]:
    return {"verdict": decision.verdict.value, "code": decision.code, "why": _brief(kept_why(decision))}


def _brief(text: str) -> str:
    return text if len(text) <= MOST_TEXT else text[: MOST_TEXT - 3] + "..."
