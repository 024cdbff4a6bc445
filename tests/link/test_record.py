"""What the link claims and tells."""

from __future__ import annotations

import json
import logging

import pytest

from kioskd.core.events import Event, LinkChanged
from kioskd.core.tally import Tally
from kioskd.core.words import Link
from kioskd.link.failures import Failure
from kioskd.link.reader import Heard
from kioskd.link.record import SAME_OUTAGE_S, USAGE_NAMES, Record, Totals
from kioskd.link.writer import Sent
from kioskd.wire.profile import Trouble

LOST = Failure(Trouble.TRANSPORT, "it broke", close_code=1006)


def test_a_claim_is_told_once_and_dated_from_its_beginning() -> None:
    events: list[Event] = []
    now = [0.0]
    record = Record(events.append, lambda: now[0])
    record.set(Link.OFFLINE, "hydra", "it broke")
    record.set(Link.OFFLINE, "hydra", "it broke")
    now[0] = 5.0
    record.set(Link.OFFLINE, "hydra", "it is still broken")
    assert events == [
        LinkChanged(Link.OFFLINE, "hydra", "it broke"),
        LinkChanged(Link.OFFLINE, "hydra", "it is still broken"),
    ]
    assert record.snapshot()["for_s"] == 5.0


def test_the_journal_hears_of_an_outage_once(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    record = Record(lambda event: None, lambda: now[0])
    with caplog.at_level(logging.DEBUG):
        for _ in range(3):
            record.failed("hydra", LOST)
        assert record.outage is LOST
        now[0] = 2.5
        record.healthy("hydra")
        record.healthy("hydra")
        assert record.outage is None
        record.failed("hydra", LOST)  # opens and breaks in turns: the same outage
        record.healthy("hydra")
        now[0] += SAME_OUTAGE_S
        record.failed("hydra", LOST)
    levels = [entry.levelno for entry in caplog.records]
    debug, info, warning = logging.DEBUG, logging.INFO, logging.WARNING
    assert levels == [warning, debug, debug, info, debug, debug, warning]
    assert "back after 2.5 s" in caplog.text
    assert record.totals.failures == 5


def test_status_is_plain_values() -> None:
    record = Record(lambda event: None, lambda: 0.0)
    record.failed("hydra", LOST)
    record.totals.add_traffic(2.5, Sent(frames=2, bytes=10), Heard(frames=3, bytes=20))
    live = record.snapshot((1.5, Sent(frames=1), Heard()))
    assert (live["session_s"], live["frames_up"]) == (4.0, 3)
    status = json.loads(json.dumps(record.snapshot()))
    assert status["session_s"] == 2.5
    assert (status["state"], status["last_close"], status["last_failure"]) == ("asleep", 1006, "it broke")
    assert (status["frames_up"], status["bytes_up"], status["frames_down"], status["bytes_down"]) == (2, 10, 3, 20)


def test_usage_is_added_up_by_a_bounded_number_of_names() -> None:
    totals = Totals()
    totals.add_usage({"total_tokens": 5})
    totals.add_usage({"total_tokens": 7} | {f"invented_{number}": 1 for number in range(1000)})
    assert totals.usage["total_tokens"] == 12
    assert len(totals.usage) == USAGE_NAMES


def test_readings_are_by_endpoint_and_hold_what_still_goes_on() -> None:
    record = Record(lambda event: None, lambda: 0.0)
    sent, heard, session_s = Sent(), Heard(), [0.0]

    def traffic() -> tuple[float, Sent, Heard]:
        return session_s[0], sent, heard

    for name in ("hydra-1", "hydra-1", "local-2"):
        record.attempted(name)
    record.connected("hydra-1", traffic)
    record.began("hydra-1")
    record.used("hydra-1", {"total_tokens": 7})
    session_s[0], sent.bytes, heard.bytes = 2.25, 10, 20
    now = record.readings()
    assert now["hydra-1"] == Tally(2.25, 1, 2, 0, 0, 10, 20, {"total_tokens": 7}) and now["local-2"].attempts == 1
    record.disconnected("hydra-1", traffic)
    assert record.readings() == now, "its end changes nothing"
    assert (record.totals.attempts, record.totals.connects, record.totals.sessions) == (3, 1, 1)
    assert (record.totals.session_s, record.totals.bytes_up) == (2.2, 10)


def test_two_connections_to_one_endpoint_both_count() -> None:
    record = Record(lambda event: None, lambda: 0.0)
    old, new = (lambda: (1.0, Sent(bytes=1), Heard())), (lambda: (2.0, Sent(bytes=2), Heard()))
    record.connected("hydra-1", old)
    record.connected("hydra-1", new)
    record.disconnected("hydra-1", old)
    assert record.readings()["hydra-1"] == Tally(session_s=3.0, bytes_up=3)
