"""The machine's state, and the few verbs by which its parts write effects. Loop only; no lock."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Mapping

from kioskd.config.sections import Config, Tool
from kioskd.core.effects import ClearTimer, Effect, Note, SetTimer
from kioskd.core.regions import Mute
from kioskd.core.words import Call, CallKey, Feed, Link, Phase, Playing, Response, Turn

# The one button that talks and confirms (config: panel.talk).
TALK = "talk"


@dataclass(slots=True)
class CallState:
    """One tool call, from the asking to its end."""

    key: CallKey
    tool: Tool
    arguments: Mapping[str, object]
    raw: str
    asked_at: float
    state: Call = Call.ASKED
    answered: bool = False  # the model has had its one output
    confirmed_at: float = 0.0
    told: bool = False  # the model knows that it is done, ahead of the end of the pulse


@dataclass(slots=True)
class Counts:
    """What happened since start, for status and metrics."""

    turns: int = 0
    turns_answered: int = 0
    turns_lost: int = 0
    turns_rejected: int = 0
    calls: int = 0
    calls_refused: int = 0
    calls_done: int = 0
    relay_pulses: int = 0
    stale_timers: int = 0


@dataclass(slots=True)
class State:
    """Everything the machine knows."""

    config: Config
    started_at: float
    turn: Turn = Turn.QUIET
    response: Response = Response.NONE
    playing: Playing = Playing.SILENT
    link: Link = Link.ASLEEP
    mute: Mute = Mute.OPEN
    session: str = ""
    endpoint: str = ""
    response_id: str = ""
    wanted: bool = False  # a session is wanted
    talking: bool = False  # push-to-talk: held; tap-to-talk: the conversation is open
    breathing: bool = False  # the feed is shut for a moment so that a lost turn ends for the lane too
    tail: bool = False  # half-duplex: the last sound still hangs in the room
    stopping: bool = False  # the process ends: nothing is begun any more
    rotate: bool = False  # the session is old: close it at the next quiet moment
    refused: bool = False  # the lamp shows a refusal for a moment
    down: dict[str, float] = field(default_factory=dict)  # buttons held, and since when
    calls: dict[CallKey, CallState] = field(default_factory=dict)
    runs: dict[str, deque[float]] = field(default_factory=dict)
    pending_press: float | None = None  # the press that is confirming
    hold_due_at: float = 0.0  # when it has lasted long enough
    last_person_at: float | None = None
    heard: bool = False  # the service has heard speech in this turn
    unheard: int = 0  # turns in a row of which it heard nothing
    unanswered: int = 0  # turns in a row that an open session left without an answer
    rested_at: float | None = None  # when the visitor's word ended; for the latency note
    feed: tuple[Feed, bool] | None = None  # with whether it is deaf
    watching: bool = False
    shown: tuple[Phase, bool, bool, bool] | None = None
    resting: bool = True
    timers: dict[str, int] = field(default_factory=dict)
    generation: int = 0
    counts: Counts = field(default_factory=Counts)
    out: list[Effect] = field(default_factory=list)

    def emit(self, *effects: Effect) -> None:
        """Let these be done, in this order."""
        self.out.extend(effects)

    def note(self, kind: str, text: str, **data: object) -> None:
        """Write a line for journal and timeline."""
        self.out.append(Note(kind, text, tuple(data.items())))

    def set_timer(self, name: str, at: float) -> None:
        """Start (or move) a timer."""
        self.generation += 1
        self.timers[name] = self.generation
        self.out.append(SetTimer(name, at, self.generation))

    def clear_timer(self, name: str) -> None:
        """Forget a timer; nothing happens if there is none."""
        if self.timers.pop(name, None) is not None:
            self.out.append(ClearTimer(name))

    @property
    def muted(self) -> bool:
        """Either switch mutes."""
        return self.mute is not Mute.OPEN

    @property
    def confirming(self) -> CallState | None:
        """The one call that waits for the visitor's hand."""
        return next((call for call in self.calls.values() if call.state is Call.CONFIRMING), None)

    @property
    def speaking(self) -> bool:
        """The card sounds."""
        return self.playing is not Playing.SILENT

    @property
    def half_duplex(self) -> bool:
        """Deaf while speaking."""
        return self.config.audio.echo == "half_duplex"
