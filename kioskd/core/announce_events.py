"""Facts about announcements (kioskctl say, and staff who are called aloud)."""

from __future__ import annotations

from dataclasses import dataclass

from kioskd.core.events import Event


@dataclass(frozen=True, slots=True)
class AnnouncementRendered(Event):
    """The announcement ``number`` can sound as soon as it may. ``page``: somebody is called by it."""

    number: int
    page: bool = False


@dataclass(frozen=True, slots=True)
class PageAsked(Event):
    """A tool calls staff, and wants them called aloud: ``text`` is the owner's."""

    text: str


@dataclass(frozen=True, slots=True)
class AnnouncementDropped(Event):
    """The announcement ``number`` will not sound, or has no sound any more."""

    number: int
