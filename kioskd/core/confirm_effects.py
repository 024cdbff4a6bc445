"""Effects about what confirms beside the talk button. None of them blocks; answers come as confirm_events."""

from __future__ import annotations

from dataclasses import dataclass, field

from kioskd.core.effects import Effect
from kioskd.core.words import CallKey


@dataclass(frozen=True, slots=True)
class ListenToKeys(Effect):
    """Whether the keypad is read. Off, nobody knows what is typed on it."""

    on: bool


@dataclass(frozen=True, slots=True)
class CheckCode(Effect):
    """Compare a code with all that are known. Answered by CodeChecked with the same number."""

    key: CallKey
    number: int
    code: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AskStaff(Effect):
    """Ask people elsewhere about this call, for so long. Answered by StaffAnswered or StaffUnreached, or not at all."""

    key: CallKey
    tool: str
    for_s: float


@dataclass(frozen=True, slots=True)
class ForgetStaff(Effect):
    """Take no answer about this call any more."""

    key: CallKey
