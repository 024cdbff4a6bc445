"""A call over the broker arrives or it does not; what the broker kept is no answer."""

from __future__ import annotations

import json
from typing import Callable

import pytest

from kioskd.actions.courier import Messenger, heard_by
from kioskd.actions.summons import Summons, Taken
from kioskd.config.action import StaffMqtt
from kioskd.core.words import CallKey

CALL = Summons("lobby", "call_staff", CallKey("hydra", "s", "call_1"), "a1", {}, 0.0)


class Broker:
    """Takes what it is given, or says why not."""

    def __init__(self, trouble: str = "") -> None:
        self.trouble = trouble
        self.taken: list[tuple[str, bytes, float]] = []

    def deliver(self, topic: str, payload: bytes, timeout_s: float) -> str:
        self.taken.append((topic, payload, timeout_s))
        return self.trouble

    def publish(self, topic: str, payload: bytes) -> bool:
        return self.deliver(topic, payload, 0.0) == ""

    def subscribe(self, topic: str, heard: Callable[[bytes, bool], None]) -> None:
        heard(b"kept", True)
        heard(b"fresh", False)


def test_the_call_is_published_as_json() -> None:
    broker = Broker()
    assert Messenger(StaffMqtt(topic="staff/x", timeout_s=3.0), broker).call(CALL) == Taken("")
    ((topic, payload, timeout_s),) = broker.taken
    assert (topic, timeout_s) == ("staff/x", 3.0) and json.loads(payload)["answer_id"] == "a1"


def test_a_broker_that_takes_nothing_is_a_sentence() -> None:
    assert Messenger(StaffMqtt(), Broker("the broker is away.")).call(CALL).trouble == "the broker is away."


def test_without_a_broker_there_is_no_messenger() -> None:
    with pytest.raises(LookupError, match="section mqtt"):
        Messenger(StaffMqtt(), None)


def test_what_the_broker_kept_from_before_is_no_answer() -> None:
    heard: list[bytes] = []
    Broker().subscribe("a", heard_by(heard.append))
    assert heard == [b"fresh"]
