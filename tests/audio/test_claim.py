"""A claim is told once, and logged when it is an outage."""

from __future__ import annotations

import logging

import pytest

from kioskd.audio.claim import Claim
from kioskd.core.events import Event, PartChanged
from kioskd.core.words import PartState


def test_a_claim_is_posted_when_it_changes_and_not_again(caplog: pytest.LogCaptureFixture) -> None:
    told: list[Event] = []
    now = [10.0]

    def post(event: Event) -> bool:
        told.append(event)
        return True

    claim = Claim("capture", "microphone", post, lambda: now[0])
    with caplog.at_level(logging.DEBUG):
        claim.say(PartState.RUNNING, "")
        claim.say(PartState.RUNNING, "")
        now[0] = 20.0
        claim.say(PartState.ABSENT, "unplugged")
        claim.say(PartState.ABSENT, "still unplugged")
        now[0] = 25.0
        claim.say(PartState.RUNNING, "")
    assert told == [
        PartChanged("capture", PartState.RUNNING, ""),
        PartChanged("capture", PartState.ABSENT, "unplugged"),
        PartChanged("capture", PartState.ABSENT, "still unplugged"),
        PartChanged("capture", PartState.RUNNING, ""),
    ]
    assert [row.levelname for row in caplog.records] == ["WARNING", "DEBUG", "INFO"]
    assert "microphone back after 5.0 s" in caplog.text
    assert (claim.state, claim.reason, claim.since) == (PartState.RUNNING, "", 25.0)


def test_an_outage_counts_from_its_beginning() -> None:
    now = [10.0]
    claim = Claim("capture", "microphone", lambda event: True, lambda: now[0])
    claim.say(PartState.ABSENT, "a")
    now[0] = 30.0
    claim.say(PartState.ABSENT, "b")
    assert claim.since == 10.0 and claim.reason == "b"
