"""What the room has of the world."""

from __future__ import annotations

from typing import Any

from kioskd.announce.hosted import Hosted
from kioskd.announce.local import Local
from kioskd.announce.ports import Recording, Voice
from kioskd.config.announce import Announce


def test_both_voices_are_voices(studio: Any) -> None:
    local: Voice = Local(Announce())
    assert hasattr(Hosted, "speak") and local is not None


def test_a_recording_knows_how_long_it_plays() -> None:
    assert Recording(bytes(48_000), 24_000).seconds == 1.0
