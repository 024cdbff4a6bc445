"""Effects: what shall be done, in the imperative. Frozen, made by the Machine, carried out by ``perform``.

None of them blocks: what takes time happens in the executor of its room and comes back as an Event.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Mapping

from kioskd.core.words import CallKey, Feed, Phase


@dataclass(frozen=True, slots=True)
class Effect:
    """Parent of all effects."""


# -- link ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OpenLink(Effect):
    """Want a session. ``greet``: a person opened the conversation, the model may speak first."""

    reason: str
    greet: bool


@dataclass(frozen=True, slots=True)
class CloseLink(Effect):
    """Want no session: minutes are billed."""

    reason: str


@dataclass(frozen=True, slots=True)
class Rest(Effect):
    """Whether the conversation rests: the only moments at which the link may replace a session by another."""

    on: bool


@dataclass(frozen=True, slots=True)
class SendOutput(Effect):
    """The output of a tool call, once for each call. ``output`` is JSON text."""

    key: CallKey
    output: str


@dataclass(frozen=True, slots=True)
class SendText(Effect):
    """A text item: a result that came after the call was already answered."""

    session: str
    text: str


@dataclass(frozen=True, slots=True)
class AskResponse(Effect):
    """Let the model speak about the outputs sent. The link sends one for several calls (debounced)."""

    session: str


@dataclass(frozen=True, slots=True)
class CancelResponse(Effect):
    """Stop generating."""

    session: str
    response: str


@dataclass(frozen=True, slots=True)
class TruncateResponse(Effect):
    """The visitor heard only ``heard_ms`` of it; dialects with ``truncate`` tell the service, the others do nothing."""

    session: str
    response: str
    heard_ms: int


# -- audio ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SetFeed(Effect):
    """What the capture thread gives to the uplink lane from now on.

    ``deaf``: end at once, with neither the hangover of what was said nor a preroll from this time later: what the
    microphone hears now is the kiosk's own voice, or the rest of a turn that was given up.
    """

    feed: Feed
    deaf: bool = False


@dataclass(frozen=True, slots=True)
class WatchBargeIn(Effect):
    """Whether the gate reports stirrings (the kiosk speaks in a full-duplex echo mode)."""

    on: bool


@dataclass(frozen=True, slots=True)
class DropUplink(Effect):
    """Give up what waits in the uplink lane (the turn is lost or unwanted)."""

    reason: str


@dataclass(frozen=True, slots=True)
class CutPlayback(Effect):
    """Silence now. ``response``: later audio of this one is dropped by its id; empty: by epoch."""

    response: str


@dataclass(frozen=True, slots=True)
class DuckPlayback(Effect):
    """Lower (or restore) what plays."""

    on: bool


@dataclass(frozen=True, slots=True)
class KeepOutput(Effect):
    """Have the output open although nothing sounds: no answer shall wait for a card, nor, ``soon``, for silence."""

    on: bool
    soon: bool


@dataclass(frozen=True, slots=True)
class SetVolume(Effect):
    """Answers sound this loud from now on (0.0 to 1.0), and after a restart too (panel.volume.remember)."""

    volume: float


@dataclass(frozen=True, slots=True)
class PlayCue(Effect):
    """A short local sound: a key of ``audio.cues``."""

    name: str


@dataclass(frozen=True, slots=True)
class PlayAnnouncement(Effect):
    """The turn of the announcement ``number`` has come."""

    number: int


@dataclass(frozen=True, slots=True)
class Page(Effect):
    """Have this rendered, and announced as soon as it may be: it calls somebody."""

    text: str


@dataclass(frozen=True, slots=True)
class AnnouncementOver(Effect):
    """It sounds no more; ``heard`` is False when somebody spoke over it, or the card never played it."""

    number: int
    heard: bool


@dataclass(frozen=True, slots=True)
class Mute(Effect):
    """Close (or reopen) the capture device."""

    on: bool


@dataclass(frozen=True, slots=True)
class KeepMute(Effect):
    """Remember over a restart that the owner muted (or unmuted) the kiosk."""

    on: bool


@dataclass(frozen=True, slots=True)
class Record(Effect):
    """Begin or end a recording for support."""

    on: bool


# -- actions -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CommitIntent(Effect):
    """Write down that this call is about to move something. Answered by IntentCommitted or IntentFailed."""

    key: CallKey
    tool: str
    arguments: str


@dataclass(frozen=True, slots=True)
class RunAction(Effect):
    """Move. Answered by ActionEnded."""

    key: CallKey
    tool: str
    arguments: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class RecordOutcome(Effect):
    """Write down how a call ended: done, failed, refused or cancelled."""

    key: CallKey
    tool: str
    outcome: str
    reason: str


@dataclass(frozen=True, slots=True)
class LookAround(Effect):
    """Read the interlocks of this call's tool. Answered by InterlocksRead."""

    key: CallKey
    tool: str


@dataclass(frozen=True, slots=True)
class LastWord(Effect):
    """Whether the relay of this call may be energised, which has not been yet. ``why``: a sentence why not; unasked, it
    calls the relay back. Empty: it may (the answer to MoveAsked)."""

    key: CallKey
    why: str


@dataclass(frozen=True, slots=True)
class KeepLock(Effect):
    """Remember over a restart that a tool (empty: all that move something) is locked for ``for_s`` from now."""

    tool: str
    for_s: float


@dataclass(frozen=True, slots=True)
class Audit(Effect):
    """A line for the audit trail. ``what`` is one word; ``data`` holds no speech and no secret."""

    what: str
    data: tuple[tuple[str, object], ...]


# -- time, panel, owner --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SetTimer(Effect):
    """Post TimerFired(name, generation) at ``at`` (monotonic seconds). Replaces the timer of that name."""

    name: str
    at: float
    generation: int


@dataclass(frozen=True, slots=True)
class ClearTimer(Effect):
    """Forget the timer of that name."""

    name: str


@dataclass(frozen=True, slots=True)
class Show(Effect):
    """What the lamp is computed from, as far as the machine knows it."""

    phase: Phase
    confirming: bool
    muted: bool
    refused: bool
    recording: bool = False


@dataclass(frozen=True, slots=True)
class Note(Effect):
    """A line for journal and timeline. ``kind`` is one word (gate link tool decision relay speech latency turn)."""

    kind: str
    text: str
    data: tuple[tuple[str, object], ...] = ()


@dataclass(frozen=True, slots=True)
class Quit(Effect):
    """End the process in order."""

    code: int
    reason: str
