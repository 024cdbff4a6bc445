"""The house's vocabulary: the states every room speaks of.

They stand apart from events and effects so that any room can name a state without importing the corridor.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class Vad(Enum):
    """The gate's state (see core/gate.py)."""

    QUIET = "quiet"
    STARTING = "starting"
    SPEAKING = "speaking"
    STOPPING = "stopping"


class Link(Enum):
    """The link's state (see link/supervisor.py). ASLEEP: closed on purpose because nobody speaks."""

    OFFLINE = "offline"
    CONNECTING = "connecting"
    HANDSHAKE = "handshake"
    READY = "ready"
    REFUSED = "refused"  # waiting alone will not help: a bad key, a bad configuration
    BUSY = "busy"  # the service is at capacity
    ASLEEP = "asleep"


class Phase(Enum):
    """What the kiosk shows itself to be doing: a pure ladder over the machine's regions."""

    IDLE = "idle"
    LISTENING = "listening"
    THINKING = "thinking"
    ACTING = "acting"
    SPEAKING = "speaking"


class Turn(Enum):
    """Region of the machine: whose word it is."""

    QUIET = "quiet"
    LISTENING = "listening"
    WAITING = "waiting"


class Response(Enum):
    """Region of the machine: what the service is generating."""

    NONE = "none"
    STREAMING = "streaming"
    DONE = "done"


class Playing(Enum):
    """Region of the machine: what the sound card plays. It follows the card, never ``response.done``."""

    SILENT = "silent"
    SPEAKING = "speaking"
    DUCKED = "ducked"


class Call(Enum):
    """Region of the machine, one for each tool call."""

    ASKED = "asked"
    CONFIRMING = "confirming"
    COMMITTING = "committing"  # the intent is on its way to the disk
    RUNNING = "running"
    DONE = "done"


class Feed(Enum):
    """What the capture thread gives to the uplink lane."""

    NEVER = "never"
    WAKE = "wake"  # nothing until the wake word; then what follows it, and from there on as GATED
    GATED = "gated"  # while the local gate is open, with its preroll
    ALWAYS = "always"  # every chunk


class PartState(Enum):
    """What a part of the house claims to be doing. Each claim has its own proof (core/health.py)."""

    STARTING = "starting"
    RUNNING = "running"  # proven by frames, turns of the loop, bytes
    ABSENT = "absent"  # proven by its retry tick
    MUTED = "muted"
    ASLEEP = "asleep"
    FAILED = "failed"  # needs a person; still no reason to exit


class CallKey(NamedTuple):
    """What makes a tool call the same call: at most one of these ever moves anything."""

    endpoint: str
    session: str
    call_id: str

    def __str__(self) -> str:
        # Two of the three are the service's own words: no two keys may look the same, timers are named by them.
        return "/".join(part.replace("%", "%25").replace("/", "%2F") for part in self)
