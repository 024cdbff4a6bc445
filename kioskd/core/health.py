"""Health is work done. One object holds every part's claim and its proof; it alone decides. Pure: time comes in.

Each part claims a state and proves it by a counter that moves: RUNNING by frames, STARTING, ABSENT, MUTED and
ASLEEP by the tick of their retry or supervision. A claim whose proof stands still longer than its deadline is a
broken deadline, and only that starves the watchdog: an absent device is shown, never answered by an exit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Mapping, NamedTuple

from kioskd.core.words import PartState

S = PartState

# How long a part's counter may stand still in the state it claims, in seconds; None: nothing to prove.
# Frames come every 10 ms; 3 s is far beyond any scheduling hiccup seen (37 ms at worst with two busy threads) and
# still well under WatchdogSec=10. Retries tick about once a second.
DEADLINES_S: Mapping[str, Mapping[PartState, float | None]] = {
    "capture": {S.RUNNING: 3.0, S.STARTING: 10.0, S.ABSENT: 10.0, S.MUTED: 10.0, S.ASLEEP: 10.0, S.FAILED: 10.0},
    "playback": {S.RUNNING: 3.0, S.STARTING: 10.0, S.ABSENT: 10.0, S.MUTED: 10.0, S.ASLEEP: None, S.FAILED: 10.0},
    # The supervisor is a task of the loop; what it awaits is bounded by its own timeouts (60 s at most).
    "link": {S.RUNNING: 90.0, S.STARTING: 90.0, S.ABSENT: 90.0, S.ASLEEP: None, S.FAILED: None},
}

TROUBLE: Mapping[PartState, str] = {S.ABSENT: "is absent", S.FAILED: "has failed"}
NAMES: Mapping[str, str] = {
    "capture": "the microphone",
    "playback": "the speaker",
    "link": "the service",
    "conversation": "the conversation",
    "timeline": "the timeline",
    "echo": "the echo canceller",
    "cues": "a cue",
    "keep": "the memory for mute",
    "volume": "the memory for the volume",
    "recorder": "the recording",
    "gate": "the gate's neural detector",
    "wake word": "the wake word",
    "lines": "a GPIO line",
    "panel": "the panel",
    "ledger": "the ledger",
    "ledger text": "the ledger's text",
    "keypad": "the keypad",
    "mqtt": "the broker",
    "config": "the configuration",
    "power": "the power",
    "supply": "the board's supply",
}


class Verdict(NamedTuple):
    """How the kiosk is.

    Attributes:
        ok: nothing is missing and everything moves.
        reasons: what is not, in sentences for people.
        starving: why the watchdog must not be fed; empty when it may.
    """

    ok: bool
    reasons: tuple[str, ...]
    starving: str


@dataclass(slots=True)
class _Part:
    state: PartState
    reason: str
    since: float
    count: float = -1.0
    moved_at: float = 0.0


class Health:
    """Claims and proofs of every part. Loop only."""

    def __init__(self, started_at: float) -> None:
        self._started_at = started_at
        self._parts: dict[str, _Part] = {}

    def claim(self, part: str, state: PartState, reason: str, now: float) -> None:
        """A part says what it does; ``reason`` is a sentence for people, empty when all is well."""
        known = self._parts.get(part)
        if known is not None and known.state is state:
            known.reason = reason
            return
        count = known.count if known is not None else -1
        self._parts[part] = _Part(state, reason, now, count, moved_at=now)

    def progress(self, part: str, count: float, now: float) -> None:
        """The part's counter as it stands now."""
        known = self._parts.setdefault(part, _Part(S.RUNNING, "", now, moved_at=now))
        if count != known.count:
            known.count = count
            known.moved_at = now

    def state(self, part: str) -> PartState | None:
        """What the part claims; None before it said anything."""
        known = self._parts.get(part)
        return known.state if known is not None else None

    def troubles(self, now: float) -> dict[str, str]:
        """Each part that is not as it should be, with a sentence."""
        return {name: _sentence(name, part, now) for name, part in self._parts.items() if part.state in TROUBLE}

    def verdict(self, now: float) -> Verdict:
        """How the kiosk is at ``now``."""
        reasons, starving = list(self.troubles(now).values()), []
        for name, part in self._parts.items():
            deadline_s = DEADLINES_S.get(name, {}).get(part.state)
            if deadline_s is not None and now - part.moved_at > deadline_s:
                starving.append(
                    f"{NAMES.get(name, name)} claims to be {part.state.value} but has not moved "
                    f"for {now - part.moved_at:.0f} s"
                )
        return Verdict(not reasons and not starving, tuple(reasons + starving), "; ".join(starving))


def _sentence(name: str, part: _Part, now: float) -> str:
    why = f": {part.reason}" if part.reason else ""
    return f"{NAMES.get(name, name)} {TROUBLE[part.state]}{why} (for {now - part.since:.0f} s)"
