"""Whether a tool may run. Deny by default; what the model sends is a request, and this is the answer.

Judged when the call comes, and again right before its intent is written down: everything must hold both times. Every
comparison is written so that a number that is none (NaN, a stamp from the future) denies.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Sequence

from kioskd.config.means import Means, means
from kioskd.config.sections import Kiosk, Tool
from kioskd.core.schedule import Wall, closed

# What each class must hold beyond allow, arguments, mute, session and pace.
FRESH = frozenset({"notify", "actuate", "access"})  # a person spoke or pressed lately
SETTLED = frozenset({"actuate", "access"})  # nothing moves in the first seconds after start
CLASSES = frozenset({"read"}) | FRESH


class Verdict(Enum):
    """What policy says."""

    ALLOW = "allow"
    LOOK = "look"  # everything else holds; now its interlocks are read, and then it is judged again
    CONFIRM = "confirm"  # allowed as soon as people confirm it, if everything else still holds then
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict with its reasons.

    Attributes:
        verdict: what policy says.
        code: one word for journal and metrics.
        say: a sentence for the visitor, by way of the model.
        why: a sentence for the owner.
    """

    verdict: Verdict
    code: str
    say: str
    why: str


@dataclass(frozen=True, slots=True)
class Contacts:
    """What was read of a tool's interlocks, for one call.

    Attributes:
        name: the interlock that does not hold; empty when a line could not be read.
        problem: a sentence for the owner; empty when all of them hold.
    """

    name: str
    problem: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What policy may know of the moment. All times are monotonic seconds.

    Attributes:
        now: this moment.
        started_at: when the process began.
        live_session: the session that is open, None without one.
        call_session: the session that the call came by.
        muted: either mute switch is on.
        last_person_at: the last press or local speech; None: nobody yet.
        confirming: another call is waiting for its confirmation.
        runs: when this tool was allowed to run, oldest first.
        given: what has confirmed this very call so far (button, code, staff).
        wall: what the clock on the wall shows; None: nobody has told lately.
        locked_s: so long the tool stays locked after refusals; 0: it is not.
        contacts: its interlocks, read for this very judgement; None: not read.
        unfit: why what would move cannot be had, or may not be used; empty: it can.
    """

    now: float
    started_at: float
    live_session: str | None
    call_session: str
    muted: bool
    last_person_at: float | None
    confirming: bool
    runs: Sequence[float]
    given: frozenset[str] = frozenset()
    wall: Wall | None = None
    locked_s: float = 0.0
    contacts: Contacts | None = None
    unfit: str = ""


def judge(tool: Tool | None, kiosk: Kiosk, problem: str, facts: Facts) -> Decision:
    """Decide.

    Args:
        tool: what the configuration knows under the name that was called; None: nothing.
        kiosk: this box.
        problem: what is wrong with the arguments (core/arguments.py); empty when nothing is.
        facts: the moment.
    """
    if tool is None:
        return _refuse(
            "unknown_tool", "I cannot do that.", "there is no tool of this name; see tools in the configuration"
        )
    refusal = (
        _ever(tool, problem)
        or _unfit(facts)
        or _here(tool, kiosk, facts)
        or _now(tool, facts)
        or _pace(tool, facts)
        or _contacts(facts)
        or _queue(tool, facts)
    )
    if refusal is not None:
        return refusal
    if tool.policy.interlocks and facts.contacts is None:
        return Decision(Verdict.LOOK, "look", "", f"the interlocks of {tool.name} are read")
    if not needs_hand(tool):
        return Decision(Verdict.ALLOW, "allowed", "", f"policy allows {tool.name}")
    needed = means(tool)
    if len(facts.given.intersection(needed.kinds)) >= needed.needed:
        by = " and ".join(kind for kind in needed.kinds if kind in facts.given)
        return Decision(Verdict.ALLOW, "allowed", "", f"policy allows {tool.name}, confirmed by {by}")
    return Decision(Verdict.CONFIRM, "confirm", question(needed), f"{tool.name} must be confirmed: {_wanted(needed)}")


def question(needed: Means) -> str:
    """What the visitor is asked to do."""
    if needed.kinds == ("staff",):
        return "Staff have been asked to confirm. Please wait a moment."
    ways = [_WAYS[kind] for kind in needed.kinds]
    if needed.needed == 2 and len(ways) > 2:
        return f"Please do two of these to confirm: {', '.join(ways)}."
    return f"Please {_joined(ways, needed)} to confirm."


_WAYS = {"button": "hold the button", "code": "enter the code", "staff": "wait for the staff"}


def _joined(words: Sequence[str], needed: Means) -> str:
    last = "and" if needed.needed == len(words) else "or"
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"


def _wanted(needed: Means) -> str:
    several = f"{needed.needed} of " if 1 < needed.needed < len(needed.kinds) else ""
    return several + _joined(needed.kinds, needed)


def needs_hand(tool: Tool) -> bool:
    """Whether a person must confirm each run. Access always does, unless the owner wrote otherwise in so many words."""
    if tool.class_ == "access":
        return not _voice_alone(tool)
    return means(tool).needed > 0


def _voice_alone(tool: Tool) -> bool:
    return tool.policy.confirm == "none" and tool.policy.access_without_confirmation is True


def _refuse(code: str, say: str, why: str) -> Decision:
    return Decision(Verdict.REFUSE, code, say, why)


def _ever(tool: Tool, problem: str) -> Decision | None:
    """What no moment can heal."""
    if tool.policy.allow is not True or tool.class_ not in CLASSES:
        return _refuse("not_allowed", "I am not allowed to do that.", f"{tool.name} has no policy.allow: true")
    if tool.class_ == "access" and tool.policy.confirm == "none" and not _voice_alone(tool):
        why = f"{tool.name} gives access without confirmation, and access_without_confirmation is not true"
        return _refuse("unconfirmed", "I am not allowed to do that.", why)
    needed = means(tool)
    if needed.needed > len(needed.kinds):
        why = f"{tool.name} can never be confirmed: policy.confirm_by names too few"
        return _refuse("unconfirmed", "I am not allowed to do that.", why)
    if problem:
        return _refuse("arguments", "I did not understand that quite right. Please say it again.", problem)
    return None


def _unfit(facts: Facts) -> Decision | None:
    """Nobody is asked for a hand for what cannot be done."""
    if not facts.unfit:
        return None
    return _refuse("unfit", "I cannot do that at the moment. Please ask a person.", facts.unfit)


def _here(tool: Tool, kiosk: Kiosk, facts: Facts) -> Decision | None:
    """Whether this moment, and the session that asks, are the right ones."""
    if tool.class_ in SETTLED and not facts.now - facts.started_at >= kiosk.settle_s:
        why = f"kioskd started less than {kiosk.settle_s:g} s ago; nothing moves before kiosk.settle_s has passed"
        return _refuse("settling", "I have only just started. Please ask again in a moment.", why)
    if facts.muted:
        return _refuse("muted", "The microphone is off.", "the kiosk is muted; nothing runs while nobody can be heard")
    if not facts.live_session or facts.call_session != facts.live_session:
        return _refuse("not_live", "", "the call belongs to a session that has ended")
    if tool.class_ in FRESH and not _fresh(tool, facts):
        why = f"nobody spoke or pressed within the last {tool.policy.fresh_s:g} s (policy.fresh_s)"
        return _refuse("stale", "Please ask me again.", why)
    return None


def _fresh(tool: Tool, facts: Facts) -> bool:
    if facts.last_person_at is None:
        return False
    return 0.0 <= facts.now - facts.last_person_at <= tool.policy.fresh_s


def _now(tool: Tool, facts: Facts) -> Decision | None:
    """Whether the clock, and what was refused before, let it run."""
    shut = closed(tool.policy, facts.wall)
    if shut is not None:
        return _refuse(*shut)
    # Written so that NaN denies.
    if tool.class_ in SETTLED and not facts.locked_s <= 0.0:
        why = f"{tool.name} is locked for another {facts.locked_s:.0f} s after too many refusals (lockout)"
        return _refuse("locked", "That was refused too often. Please wait a few minutes, or ask a person.", why)
    return None


def _contacts(facts: Facts) -> Decision | None:
    """Whether what was read of its interlocks forbids it."""
    if facts.contacts is None or not facts.contacts.problem:
        return None
    return _refuse("interlock", "That is not possible right now.", facts.contacts.problem)


def _queue(tool: Tool, facts: Facts) -> Decision | None:
    """One hand serves one call at a time."""
    if not (needs_hand(tool) and facts.confirming):
        return None
    why = "another call is waiting for its confirmation; ask again"
    return _refuse("busy_confirming", "One thing at a time, please.", why)


def _pace(tool: Tool, facts: Facts) -> Decision | None:
    """Whether the tool has run too lately, or too often."""
    runs, rate, relay = facts.runs, tool.policy.rate, tool.action.relay
    if relay is not None and runs and not facts.now - runs[-1] >= relay.min_gap_s:
        why = f"the line of {tool.name} rests for {relay.min_gap_s:g} s between two pulses (min_gap_s)"
        return _refuse("gap", "That was done just now. Please wait a moment.", why)
    # Oldest first: the one that stands ``count`` from the end says whether the window is full.
    if len(runs) >= rate.count and not facts.now - runs[-rate.count] >= rate.per_s:
        why = f"{tool.name} ran {rate.count} times within {rate.per_s:g} s, which is its limit (policy.rate)"
        return _refuse("rate", "That was asked for too often. Please try again later.", why)
    return None
