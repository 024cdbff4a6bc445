"""Facts about announcements (kioskctl say)."""

from __future__ import annotations

from dataclasses import dataclass

from kioskd.core.events import Event


@dataclass(frozen=True, slots=True)
class AnnouncementRendered(Event):
    """The announcement ``number`` can sound as soon as it may."""

    number: int


@dataclass(frozen=True, slots=True)
class AnnouncementDropped(Event):
    """The announcement ``number`` will not sound, or has no sound any more."""

    number: int
