"""What hands are made of: a tool that is ready to be run, and what it takes to make one."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Callable, Mapping

from kioskd.actions.crew import Crew
from kioskd.actions.lastword import Words
from kioskd.actions.outcome import Outcome
from kioskd.actions.relay import Relay
from kioskd.config.sections import SecretRef
from kioskd.core.ports import Courier, InputLine, Post, RelayLine
from kioskd.core.words import CallKey

# Beyond what an action takes at its worst: then it hangs. The machine's own deadline is 30 s beyond.
MARGIN_S = 5.0

Do = Callable[[CallKey, Mapping[str, object]], Outcome]


@dataclass(frozen=True, slots=True)
class Hand:
    """A tool, ready to be run.

    Attributes:
        do: does it; blocks.
        crew: whose threads do it.
        bound_s: when it counts as hanging.
    """

    do: Do
    crew: Crew
    bound_s: float


@dataclass(frozen=True, slots=True)
class Workshop:
    """What hands are made of.

    Attributes:
        lines: relays by tool name.
        inputs: lines that sensors read, by tool name.
        post: for what relays have to tell.
        kiosk_name: for staff.
        read_secret: reads a secret's text; called in a worker thread.
        stopping: set when the process ends.
        workers: threads that all kinds share which may wait for one another.
        own_crew: one thread of its own, under this name; more of them by a second argument.
        relays: every relay that was made, by tool name.
        words: what the machine says about each run that goes on.
        courier: the broker of the house, where there is one.
        renames: who is told when the kiosk gets another name.
    """

    lines: Mapping[str, RelayLine]
    inputs: Mapping[str, InputLine]
    post: Post
    kiosk_name: str
    read_secret: Callable[[SecretRef], str]
    stopping: threading.Event
    workers: Crew
    own_crew: Callable[..., Crew]
    relays: dict[str, Relay]
    words: Words
    courier: Courier | None = None
    renames: list[Callable[[str], None]] = field(default_factory=list)

    def secret(self, ref: SecretRef | None) -> Callable[[], str] | None:
        """Reads the secret each time it is needed, so that it can be replaced; None where there is none."""
        return None if ref is None else lambda: self.read_secret(ref)
