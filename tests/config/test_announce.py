"""The section about announcements."""

from __future__ import annotations

from kioskd.config.loader import parse
from kioskd.config.sections import Announce

TALK = "talk: {mode: voice}\n"


def test_nothing_leaves_the_house_unless_a_service_is_named() -> None:
    assert Announce().service is None


def test_a_service_is_read_with_its_key_and_bounds() -> None:
    loaded = parse(
        f"{TALK}announce:\n  service:\n    key: {{credential: lightning}}\n  voice: sophia\n  speed: 1.2\n", "k.yaml"
    )
    assert loaded.config is not None and loaded.config.announce.service is not None
    service = loaded.config.announce.service
    assert service.key is not None and service.key.credential == "lightning"
    assert service.url == "wss://api.smallest.ai/waves/v1/tts/live" and loaded.config.announce.speed == 1.2
    assert parse(f"{TALK}announce: {{speed: 3}}\n", "k.yaml").config is None
    assert parse(f"{TALK}announce: {{language: xx}}\n", "k.yaml").config is None
