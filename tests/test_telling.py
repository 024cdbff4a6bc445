"""Notes as journal and timeline get them."""

from __future__ import annotations

import logging

import pytest

from kioskd.core.catalogue import BY_NAME
from kioskd.core.effects import Note
from kioskd.ops.timeline import Timeline
from kioskd.telling import tell, tell_begin


def test_a_note_goes_to_the_timeline_whole_and_to_the_journal_with_its_number(caplog: pytest.LogCaptureFixture) -> None:
    timeline = Timeline(None, None, 0.0)
    with caplog.at_level(logging.INFO):
        tell(timeline, Note("relay", "door on", (("relay", "door"), ("on", True), ("arguments", "hello"))))
        tell(timeline, Note("speech", "the kiosk speaks", ()))
    assert timeline.recent[0]["arguments"] == "hello" and timeline.recent[0]["kind"] == "relay"
    first, second = caplog.records
    assert first.__dict__["MESSAGE_ID"] == BY_NAME["relay-on"].id
    assert first.__dict__["journal"] == {"KIOSKD_KIND": "relay", "KIOSKD_RELAY": "door", "KIOSKD_ON": "True"}
    assert "MESSAGE_ID" not in second.__dict__ and second.__dict__["journal"] == {"KIOSKD_KIND": "speech"}
    assert first.msg == "relay: %s", "the kind stands in the format: floods are bounded by it"


def test_errors_are_warnings(caplog: pytest.LogCaptureFixture) -> None:
    tell(Timeline(None, None, 0.0), Note("error", "bad", ()))
    assert caplog.records[0].levelno == logging.WARNING


def test_the_start_tells_doubts_and_unknown_outcomes(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        tell_begin(["a warning"], ["unlock_door"])
    assert [record.levelno for record in caplog.records] == [logging.WARNING, logging.ERROR, logging.INFO]
    assert caplog.records[1].__dict__["MESSAGE_ID"] == BY_NAME["outcome-unknown"].id
    assert "unlock_door" in caplog.records[1].getMessage()
