"""Facts become events, complaints become ends."""

from __future__ import annotations

import pytest

from kioskd.core import events
from kioskd.core.words import CallKey
from kioskd.link.translate import event_of, failure_of
from kioskd.wire import facts
from kioskd.wire.profile import Trouble


@pytest.mark.parametrize(
    "fact, event",
    [
        (facts.UserStarted("i", 1), events.SpeechStarted("s")),
        (facts.UserStopped("i", 1), events.SpeechStopped("s")),
        (facts.TurnRejected("i"), events.TurnRejected("s")),
        (facts.Began("r"), events.ResponseCreated("s", "r")),
        (facts.Ended("r", "completed", "", {"total_tokens": 1}, ""), events.ResponseDone("s", "r", "completed", "")),
        (
            facts.Ended("r", "cancelled", "interrupted", None, ""),
            events.ResponseDone("s", "r", "cancelled", "interrupted"),
        ),
        (facts.Ended("r", "failed", "", None, "boom"), events.ResponseDone("s", "r", "failed", "boom")),
        (facts.ToolCalled("r", "c", "open", "{}"), events.ToolAsked(CallKey("e", "s", "c"), "open", "{}")),
        (facts.Complaint(Trouble.FRAME, "c", "m", "p", False), events.ServiceComplained("s", "c")),
        (facts.Created("s"), None),
        (facts.Ready("s", 24_000, {}), None),
        (facts.AudioDone("r"), None),
        (facts.Warned("c", "m"), None),
        (facts.Said("user", "words"), None),
    ],
)
def test_each_fact_has_its_event(fact: facts.Fact, event: events.Event | None) -> None:
    assert event_of(fact, "e", "s") == event


@pytest.mark.parametrize(
    "trouble, before_ready, expected",
    [
        (Trouble.FRAME, True, Trouble.FATAL),
        (Trouble.BENIGN, True, Trouble.FATAL),
        (Trouble.CAPACITY, True, Trouble.CAPACITY),
        (Trouble.TRANSPORT, True, Trouble.TRANSPORT),
        (Trouble.FRAME, False, None),
        (Trouble.TURN_LOST, False, None),
        (Trouble.BENIGN, False, None),
        (Trouble.CAPACITY, False, Trouble.CAPACITY),
        (Trouble.FATAL, False, Trouble.FATAL),
        (Trouble.EXPIRY, False, Trouble.EXPIRY),
        (Trouble.TRANSPORT, False, Trouble.TRANSPORT),
    ],
)
def test_a_complaint_is_an_end_or_not(trouble: Trouble, before_ready: bool, expected: Trouble | None) -> None:
    failure = failure_of(facts.Complaint(trouble, "code", "words", "", before_ready), "hydra", told=False)
    assert (failure and failure.trouble) == expected
    if failure is not None:
        assert failure.sentence == ("hydra says code: words" if before_ready else "hydra says code")


@pytest.mark.parametrize(("before_ready", "told"), [(False, False), (True, True), (False, True)])
def test_what_a_service_has_heard_or_was_told_it_cannot_have_repeated(before_ready: bool, told: bool) -> None:
    complaint = facts.Complaint(Trouble.FATAL, "my name is Anna", "you said: my name is Anna", "", before_ready)
    failure = failure_of(complaint, "hydra", told)
    assert failure is not None and failure.sentence == "hydra says unnamed"
    assert "Anna" not in repr(event_of(complaint, "hydra", "s"))
    ended = facts.Ended("r", "failed", "my name is Anna", {}, "")
    assert "Anna" not in repr(event_of(ended, "hydra", "s"))
