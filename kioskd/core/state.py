"""The machine's state, and the few verbs by which its parts write effects. Loop only; no lock."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Mapping

from kioskd.config.sections import Config, Tool
from kioskd.core.effects import ClearTimer, Effect, Note, PlayCue, SetTimer
from kioskd.core.policy import Decision
from kioskd.core.regions import Mute
from kioskd.core.schedule import Wall
from kioskd.core.words import Call, CallKey, Feed, Link, Phase, Playing, Response, Turn

# Deaf for this long after the last sample in half-duplex, where nobody measured the room: a small hall's echo has
# fallen by 40 dB then (RT60 of 0.4 s).
USUAL_TAIL_MS = 250
# Answers of the live session whose cut may still be told to the service. A cut is told within a period or three, so
# the last few are plenty; a hostile service cannot make them more.
REMEMBERED_ANSWERS = 8
# Runs of one tool that are remembered for its rate: as many as ``policy.rate.count`` may ask for.
MOST_RUNS = 1000
# Of ``audio.cues``: no sound at all.
SILENT = "silent"
# The one button that talks and confirms (config: panel.talk).
TALK = "talk"
# Endpoint and session of a call that no service asked for, but a button of this panel.
PANEL = "panel"


@dataclass(slots=True)
class CallState:
    """One tool call, from the asking to its end."""

    key: CallKey
    tool: Tool
    arguments: Mapping[str, object]
    raw: str
    asked_at: float
    state: Call = Call.ASKED
    questioned_at: float = 0.0  # when the visitor was asked for a hand
    answered: bool = False  # the model has had its one output
    given: dict[str, str] = field(default_factory=dict)  # what has confirmed it so far (config/means.py), and by whom
    confirmed_at: float = 0.0  # all that must
    looking: bool = False  # its interlocks are being read
    recalled: Decision | None = None  # its relay waited for others meanwhile, and may not be energised any more
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
    lockouts: int = 0
    wrong_codes: int = 0
    stale_timers: int = 0
    deeds: int = 0  # what buttons did beside talking
    presses_voided: int = 0  # of a stuck button, or of one whose line is gone


@dataclass(slots=True)
class State:
    """Everything the machine knows."""

    config: Config
    started_at: float
    measured_tail_ms: int = USUAL_TAIL_MS  # what the doctor found in this room
    turn: Turn = Turn.QUIET
    response: Response = Response.NONE
    playing: Playing = Playing.SILENT
    link: Link = Link.ASLEEP
    mute: Mute = Mute.OPEN
    session: str = ""
    endpoint: str = ""
    response_id: str = ""
    answers: deque[str] = field(default_factory=lambda: deque(maxlen=REMEMBERED_ANSWERS))  # of the live session
    wanted: bool = False  # a session is wanted
    ending: tuple[str, str] | None = None  # the session that shall end, and the answer before its farewell
    talking: bool = False  # push-to-talk: held; tap-to-talk and wake word: the conversation is open
    breathing: bool = False  # the feed is shut for a moment so that a lost turn ends for the lane too
    tail: bool = False  # half-duplex: the last sound still hangs in the room
    recording: bool = False  # a recording for support runs
    echo_failed: bool = False  # echo: cancel does not cancel at the moment
    examining: bool = False  # the doctor measures the room: the kiosk is deaf to its own sweep
    stopping: bool = False  # the process ends: nothing is begun any more
    refused: bool = False  # the lamp shows a refusal for a moment
    down: dict[str, float] = field(default_factory=dict)  # buttons held, and since when
    calls: dict[CallKey, CallState] = field(default_factory=dict)
    runs: dict[str, deque[float]] = field(default_factory=dict)
    refusals: dict[str, deque[float]] = field(default_factory=dict)  # by tool, and of all together (lockout.ALL)
    locks: dict[str, float] = field(default_factory=dict)  # ... and until when they are locked
    unfit: Mapping[str, str] = field(default_factory=dict)  # by tool, why it cannot be done since the start
    wall: Wall | None = None  # what the clock on the wall shows
    wall_at: float = 0.0  # ... and when it was told
    pending_press: float | None = None  # the press that is confirming
    taken_press: float = -1.0  # when the last press began that the confirmation took: it is nobody else's
    hold_due_at: float = 0.0  # when it has lasted long enough
    keys_for: CallKey | None = None  # the keypad is read for this call
    staff_for: CallKey | None = None  # people elsewhere are asked about this call
    typed: str = field(default="", repr=False)  # of a code
    attempts: int = 0  # codes that were entered
    checking: int = 0  # the number of the one that is being compared; 0: none is
    strike: str = ""  # under which lock it is counted (lockout.py)
    last_person_at: float | None = None
    heard: bool = False  # the service has heard speech in this turn
    unheard: int = 0  # turns in a row of which it heard nothing
    unanswered: int = 0  # turns in a row that an open session left without an answer
    rested_at: float | None = None  # when the visitor's word ended; for the latency note
    feed: tuple[Feed, bool] | None = None  # with whether it is deaf
    watching: bool = False
    output: tuple[bool, bool] = (False, False)  # it is kept open, and sound may come at any moment
    ducked: bool = False
    volume: float = 1.0  # of answers, as visitors may have set it
    shown: tuple[Phase, bool, bool, bool, bool] | None = None
    resting: bool = True
    announcements: deque[int] = field(default_factory=deque)  # that are rendered and wait for their turn
    pages: set[int] = field(default_factory=set)  # those of them, and the one that sounds, that call somebody
    announcing: int = 0  # the number of the one that sounds, or is about to
    announced: bool = False  # ... and the card has begun to play it
    rested: bool = True  # what the link was told of it last
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

    def cue(self, name: str) -> None:
        """A short local sound, if the owner wants one there."""
        if getattr(self.config.audio.cues, name) != SILENT:
            self.out.append(PlayCue(name))

    def set_timer(self, name: str, at: float) -> None:
        """Start (or move) a timer."""
        self.generation += 1
        self.timers[name] = self.generation
        self.out.append(SetTimer(name, at, self.generation))

    def clear_timer(self, name: str) -> None:
        """Forget a timer; nothing happens if there is none."""
        if self.timers.pop(name, None) is not None:
            self.out.append(ClearTimer(name))

    def live(self, key: CallKey) -> bool:
        """Whether the call came by the session that is open. A session's name alone says nothing: the service chose it,
        and it may be called as one of another service, or as this panel."""
        return bool(self.session) and (key.endpoint, key.session) == (self.endpoint, self.session)

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
    def echo_tail_ms(self) -> int:
        """The owner's word, else what was measured."""
        given = self.config.audio.echo_tail_ms
        return self.measured_tail_ms if given is None else given

    @property
    def half_duplex(self) -> bool:
        """Deaf while speaking: the owner's word, or because nothing cancels the echo."""
        echo = self.config.audio.echo
        return echo == "half_duplex" or (echo == "cancel" and self.echo_failed)

    @property
    def opened_by_hand(self) -> bool:
        """A tap or a wake word opens the conversation; from then on the local gate decides, until it rests."""
        return self.config.talk.mode in ("tap_to_talk", "wake_word")

    @property
    def sounding_id(self) -> str:
        """The answer of which something may still sound or come; empty when there is none."""
        return "" if self.response is Response.NONE else self.response_id
