"""The services in order of preference: who serves, and who is passed over for a while."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Callable, Mapping, Sequence

from kioskd.wire.profile import Profile

# Two failures in a row are no hiccup; a visitor waits, so the next endpoint is asked. A guess.
FAILURES_TO_SWITCH = 2


@dataclass(frozen=True, slots=True)
class EndpointSetup:
    """One service and how a session with it is begun.

    Attributes:
        name: what status and the ledger call it; unique, because it is part of every call's key.
        url: None means the profile's own.
        auth: how the key is sent: None means the profile's way.
        read_key: returns the API key, or None where none is needed. Called on the loop at every dial, so that a key
            that was replaced is found; reads a small local file at most. ValueError and OSError mean: refused, with
            the error's text as the reason (it must not hold the key).
        greet: the persona wants the model to speak first when a person opened the conversation.
        connect_timeout_s: DNS, TCP, TLS and upgrade together.
        handshake_timeout_s: each of the two handshake frames.
    """

    name: str
    profile: Profile
    url: str | None = None
    model: str = ""
    voice: str | None = None
    instructions: str = ""
    tools: Sequence[Mapping[str, object]] = ()
    greet: bool = False
    auth: str | None = None
    out_rate_hz: int | None = None
    read_key: Callable[[], str | None] = field(default=lambda: None, repr=False)
    connect_timeout_s: float = 10.0
    handshake_timeout_s: float = 10.0


@dataclass(slots=True)
class _Standing:
    failures: int = 0  # in a row, while it was asked
    refused_until: float = float("-inf")
    pressed_at: float = float("-inf")
    tried: bool = False  # in this round through the list


class Roster:
    """Which endpoint is next. Time comes in. Loop only.

    Args:
        count: how many endpoints there are.
        refused_s: how long an endpoint that refused is left alone.
        press_s: a person may ask a refused endpoint this often.
    """

    def __init__(self, count: int, refused_s: float = 600.0, press_s: float = 60.0) -> None:
        self._standings = [_Standing() for _ in range(count)]
        self._refused_s = refused_s
        self._press_s = press_s
        self.current = 0

    def fresh(self, now: float) -> None:
        """A conversation is opened: the preferred one again, if it did not refuse."""
        self.current = 0
        for standing in self._standings:
            standing.failures = 0
            standing.tried = False
        self._skip_refused(now)

    def failed(self, index: int, now: float) -> bool:
        """That one failed. True when the next is one that was not asked in this round: ask it at once."""
        standing = self._standings[index]
        standing.failures += 1
        standing.tried = True
        return standing.failures >= FAILURES_TO_SWITCH and self._advance(index, now)

    def refused(self, index: int, now: float) -> bool:
        """That one refused: waiting alone will not help it. True as for ``failed``."""
        standing = self._standings[index]
        standing.refused_until = now + self._refused_s
        standing.tried = True
        return self._advance(index, now)

    def completed(self, index: int) -> None:
        """That one gave a whole answer. (That it opens a session proves nothing.)"""
        self._standings[index].failures = 0

    def press(self, now: float) -> bool:
        """A person waits. True when all had refused and one of them may be asked again now."""
        if self.wait_s(now) <= 0:
            return False
        for index, standing in enumerate(self._standings):
            if now - standing.pressed_at >= self._press_s:
                standing.pressed_at = now
                standing.refused_until = now
                self.current = index
                return True
        return False

    def wait_s(self, now: float) -> float:
        """Seconds until any endpoint may be asked; 0 unless all refused. Moves on to that one."""
        self._skip_refused(now)
        return max(0.0, self._standings[self.current].refused_until - now)

    def _advance(self, index: int, now: float) -> bool:
        self._standings[index].failures = 0
        if index != self.current:
            return False  # a fresh round began while that one was failing
        self.current = (index + 1) % len(self._standings)
        self._skip_refused(now)
        return self.current != index and not self._standings[self.current].tried

    def _skip_refused(self, now: float) -> None:
        """To the next that did not refuse, from the current one on; if all did, to the first that is free again."""
        count = len(self._standings)
        order = [(self.current + step) % count for step in range(count)]
        self.current = min(order, key=lambda index: max(now, self._standings[index].refused_until))
