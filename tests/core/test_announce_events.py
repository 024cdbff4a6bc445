"""Facts about announcements."""

from __future__ import annotations

import dataclasses

import pytest

from kioskd.core.announce_events import AnnouncementDropped, AnnouncementRendered


@pytest.mark.parametrize("kind", [AnnouncementRendered, AnnouncementDropped])
def test_a_fact_cannot_be_changed(kind: type[AnnouncementRendered]) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        kind(1).number = 2  # type: ignore[misc]  # that it is an error is the point
