"""The regions of the machine and their grids. Everything that decides a region's next state stands here.

A grid names only the cells that move; in every other cell the region stays as it is. docs/machine.md shows
every cell, and a test holds the two against each other. Events become signals in the modules beside this one
(turns.py, calls.py), because one event means different things in different talk modes.
"""

from __future__ import annotations

from enum import Enum
from typing import Mapping, TypeVar

from kioskd.core.words import Call, Playing, Response, Turn

S = TypeVar("S", bound=Enum)


class Signal(Enum):
    """What an event means to a region."""

    FED = "fed"  # the visitor's word begins to go up
    RESTED = "rested"  # the visitor's word has ended
    ANSWERED = "answered"  # the service began an answer
    REJECTED = "rejected"  # the service heard no turn in it
    EXPIRED = "expired"  # the state's deadline passed
    LOST = "lost"  # the session is gone, or speech was lost on the way
    HUSHED = "hushed"  # muted
    ENDED = "ended"  # generation, or an action, ended
    STARTED = "started"  # the card began to sound
    DRAINED = "drained"  # the card has fallen silent
    STIRRED = "stirred"  # maybe near-end speech
    CALMED = "calmed"  # it was none
    ALLOWED = "allowed"
    HELD_BACK = "held back"  # allowed, but wants a confirmation
    REFUSED = "refused"
    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"
    COMMITTED = "committed"  # the intent is on the disk
    DUPLICATE = "duplicate"  # this call has been here before
    UNWRITTEN = "unwritten"  # the ledger could not write


class Mute(Enum):
    """Region: two switches, and the hardware one wins."""

    OPEN = "open"
    SOFT = "soft"
    HARD = "hard"
    BOTH = "both"


class MuteSignal(Enum):
    """What the switches say."""

    SOFT_ON = "soft on"
    SOFT_OFF = "soft off"
    HARD_ON = "hard on"
    HARD_OFF = "hard off"


TURN: Mapping[Turn, Mapping[Signal, Turn]] = {
    Turn.QUIET: {Signal.FED: Turn.LISTENING},
    Turn.LISTENING: {
        Signal.RESTED: Turn.WAITING,
        # The service may end the turn before the local gate does: the word is its own then.
        Signal.ANSWERED: Turn.QUIET,
        Signal.EXPIRED: Turn.WAITING,
        Signal.LOST: Turn.QUIET,
        Signal.HUSHED: Turn.QUIET,
    },
    Turn.WAITING: {
        Signal.FED: Turn.LISTENING,
        Signal.ANSWERED: Turn.QUIET,
        Signal.REJECTED: Turn.QUIET,
        Signal.EXPIRED: Turn.QUIET,
        Signal.LOST: Turn.QUIET,
        Signal.HUSHED: Turn.QUIET,
    },
}

RESPONSE: Mapping[Response, Mapping[Signal, Response]] = {
    Response.NONE: {Signal.ANSWERED: Response.STREAMING},
    Response.STREAMING: {
        Signal.ENDED: Response.DONE,
        Signal.EXPIRED: Response.NONE,
        Signal.LOST: Response.NONE,
    },
    Response.DONE: {
        Signal.ANSWERED: Response.STREAMING,
        Signal.DRAINED: Response.NONE,
        Signal.EXPIRED: Response.NONE,
        Signal.LOST: Response.NONE,
    },
}

PLAYING: Mapping[Playing, Mapping[Signal, Playing]] = {
    Playing.SILENT: {Signal.STARTED: Playing.SPEAKING},
    Playing.SPEAKING: {
        Signal.DRAINED: Playing.SILENT,
        Signal.EXPIRED: Playing.SILENT,
        Signal.STIRRED: Playing.DUCKED,
    },
    # Confirmed speech moves nothing here: what plays is cut, and its fade is not to be raised on its last step.
    Playing.DUCKED: {
        Signal.DRAINED: Playing.SILENT,
        Signal.EXPIRED: Playing.SILENT,
        Signal.CALMED: Playing.SPEAKING,
    },
}

CALL: Mapping[Call, Mapping[Signal, Call]] = {
    Call.ASKED: {
        Signal.ALLOWED: Call.COMMITTING,
        Signal.HELD_BACK: Call.CONFIRMING,
        Signal.REFUSED: Call.DONE,
        # Its interlocks are being read.
        Signal.EXPIRED: Call.DONE,
        Signal.CANCELLED: Call.DONE,
    },
    Call.CONFIRMING: {
        Signal.CONFIRMED: Call.COMMITTING,
        Signal.REFUSED: Call.DONE,
        Signal.EXPIRED: Call.DONE,
        Signal.CANCELLED: Call.DONE,
    },
    Call.COMMITTING: {
        Signal.COMMITTED: Call.RUNNING,
        Signal.DUPLICATE: Call.DONE,
        Signal.UNWRITTEN: Call.DONE,
        Signal.EXPIRED: Call.DONE,
        Signal.CANCELLED: Call.DONE,
    },
    # What runs, runs to its end: a pulse is not taken back by a cancel, its line has its own maximum.
    Call.RUNNING: {Signal.ENDED: Call.DONE, Signal.EXPIRED: Call.DONE},
    Call.DONE: {},
}

MUTE: Mapping[Mute, Mapping[MuteSignal, Mute]] = {
    Mute.OPEN: {MuteSignal.SOFT_ON: Mute.SOFT, MuteSignal.HARD_ON: Mute.HARD},
    Mute.SOFT: {MuteSignal.SOFT_OFF: Mute.OPEN, MuteSignal.HARD_ON: Mute.BOTH},
    Mute.HARD: {MuteSignal.SOFT_ON: Mute.BOTH, MuteSignal.HARD_OFF: Mute.OPEN},
    Mute.BOTH: {MuteSignal.SOFT_OFF: Mute.HARD, MuteSignal.HARD_OFF: Mute.SOFT},
}

T = TypeVar("T", bound=Enum)


def move(grid: Mapping[S, Mapping[T, S]], state: S, signal: T) -> S:
    """The state after ``signal``; the same state where the grid has no cell."""
    return grid[state].get(signal, state)
