"""Events that actions post for what another room does: a cue, the volume, the end of the conversation."""

from __future__ import annotations

from dataclasses import dataclass

from kioskd.core.events import Event
from kioskd.core.words import CallKey


@dataclass(frozen=True, slots=True)
class CueAsked(Event):
    """An action wants a short local sound: a key of ``audio.cues``."""

    name: str


@dataclass(frozen=True, slots=True)
class VolumeAsked(Event):
    """An action wants the kiosk to speak at ``level``, 0.0 to 1.0, from now on."""

    level: float


@dataclass(frozen=True, slots=True)
class EndAsked(Event):
    """An action wants the conversation of this call's session to end once the answer has been heard.

    ``within_s``: at the latest so long from now.
    """

    key: CallKey
    within_s: float


# Of a relay that would move now, and whose call is no more.
OVER = "the call has ended meanwhile; nothing moves"


@dataclass(frozen=True, slots=True)
class MoveAsked(Event):
    """The relay of this call has waited for its rivals, and would be energised now. Answered by LastWord."""

    key: CallKey
