"""Events: everything that happens, in the past tense. Frozen, posted into the Inbox, read by the Machine.

Every ``at`` is monotonic seconds (CLOCK_MONOTONIC), stamped where the thing happened, not where it was read.
"""

from __future__ import annotations

from dataclasses import dataclass

from kioskd.core.words import CallKey, Link, PartState


@dataclass(frozen=True, slots=True)
class Event:
    """Parent of all facts."""


# -- panel ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pressed(Event):
    """A button went down. ``name`` is the key under ``panel`` ("talk")."""

    name: str
    at: float


@dataclass(frozen=True, slots=True)
class Released(Event):
    """A button came up."""

    name: str
    at: float


@dataclass(frozen=True, slots=True)
class MuteSwitched(Event):
    """The hardware mute switch stands at ``on``. It wins over the software mute."""

    on: bool


@dataclass(frozen=True, slots=True)
class MuteAsked(Event):
    """The owner asked for mute (kioskctl)."""

    on: bool


# -- audio ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class GateOpened(Event):
    """The local gate heard speech. ``at``: capture time of the chunk that opened it."""

    at: float


@dataclass(frozen=True, slots=True)
class GateClosed(Event):
    """The local gate closed: hangover has passed; the last chunk of the utterance is in the lane."""

    at: float


@dataclass(frozen=True, slots=True)
class GateStirred(Event):
    """Maybe speech, not confirmed yet. Posted only while the kiosk speaks in a full-duplex echo mode."""

    at: float


@dataclass(frozen=True, slots=True)
class GateCalmed(Event):
    """What stirred the gate was not speech."""

    at: float


@dataclass(frozen=True, slots=True)
class WakeHeard(Event):
    """The wake word was heard (Feed.WAKE). ``at``: capture time of its end. Speech behind it opens the gate."""

    word: str
    at: float


@dataclass(frozen=True, slots=True)
class UplinkOverflowed(Event):
    """The uplink lane was full and dropped its oldest audio: the turn is no longer whole."""

    lost_ms: float


@dataclass(frozen=True, slots=True)
class PlaybackStarted(Event):
    """The first sample after silence was handed to the device."""

    at: float


@dataclass(frozen=True, slots=True)
class PlaybackDrained(Event):
    """The lane is empty and the device has played what it was given."""

    at: float


@dataclass(frozen=True, slots=True)
class PlaybackCut(Event):
    """A cut took effect. ``heard_ms``: how much of the response ``response`` the device had really played by then."""

    response: str
    heard_ms: int
    at: float


# -- link ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LinkChanged(Event):
    """The supervisor changed state. ``reason`` is a sentence for people."""

    state: Link
    endpoint: str
    reason: str


@dataclass(frozen=True, slots=True)
class SessionReady(Event):
    """A session is configured and takes audio. ``session`` is the service's id, new on every connect."""

    session: str
    endpoint: str


@dataclass(frozen=True, slots=True)
class SessionEnded(Event):
    """The session is gone, with what belonged to it. ``replaced``: at a quiet moment, and another follows at once."""

    session: str
    code: int
    reason: str
    replaced: bool = False


@dataclass(frozen=True, slots=True)
class SpeechStarted(Event):
    """The service heard the visitor begin."""

    session: str


@dataclass(frozen=True, slots=True)
class SpeechStopped(Event):
    """The service heard the visitor end."""

    session: str


@dataclass(frozen=True, slots=True)
class TurnRejected(Event):
    """The service decided that what it heard was no turn (Hydra: a user item ``incomplete``)."""

    session: str


@dataclass(frozen=True, slots=True)
class ResponseCreated(Event):
    """The service began an answer."""

    session: str
    response: str


@dataclass(frozen=True, slots=True)
class ResponseDone(Event):
    """The service ended generating. Says nothing about playback.

    ``status``: completed, cancelled, incomplete or failed; ``reason`` as the service gives it, or empty.
    """

    session: str
    response: str
    status: str
    reason: str


@dataclass(frozen=True, slots=True)
class ToolAsked(Event):
    """The model asks for a tool. Untrusted: ``name`` and ``arguments`` (raw JSON text) are what the service sent."""

    key: CallKey
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ServiceComplained(Event):
    """An ``error`` frame that left the session alive. ``message`` is a sentence of ours: never the service's text."""

    session: str
    code: str
    message: str = ""


# -- actions -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class IntentCommitted(Event):
    """The ledger answered. ``fresh`` is False when this key has been seen before: nothing may move."""

    key: CallKey
    fresh: bool


@dataclass(frozen=True, slots=True)
class IntentFailed(Event):
    """The ledger could not write: nothing may move."""

    key: CallKey
    reason: str


@dataclass(frozen=True, slots=True)
class ActionEnded(Event):
    """A device action ended. ``result`` is JSON text for the model, ``say`` a sentence for the visitor."""

    key: CallKey
    ok: bool
    result: str
    say: str
    reason: str


@dataclass(frozen=True, slots=True)
class RelaySwitched(Event):
    """A relay line really changed."""

    name: str
    on: bool
    at: float


# -- time, parts, owner --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TimerFired(Event):
    """A timer set by ``SetTimer`` ran out. A stale generation is ignored."""

    name: str
    generation: int


@dataclass(frozen=True, slots=True)
class PartChanged(Event):
    """A part of the house changed its claim. ``reason`` is a sentence for people, empty when all is well."""

    part: str
    state: PartState
    reason: str


@dataclass(frozen=True, slots=True)
class ThreadDied(Event):
    """A thread ended by an exception: the last word of that thread."""

    thread: str
    error: str


@dataclass(frozen=True, slots=True)
class RecordAsked(Event):
    """The owner asked to begin or end a recording for support (kioskctl)."""

    on: bool


@dataclass(frozen=True, slots=True)
class DoctorBegan(Event):
    """The doctor wants to measure the room. The machine lets it (``State.examining``) when nobody uses the kiosk."""


@dataclass(frozen=True, slots=True)
class DoctorEnded(Event):
    """The doctor is done. ``reason``: a sentence when it gave up, else empty."""

    reason: str


@dataclass(frozen=True, slots=True)
class StopAsked(Event):
    """The process was asked to end (SIGTERM, SIGINT)."""

    reason: str
