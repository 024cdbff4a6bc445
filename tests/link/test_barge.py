from __future__ import annotations

from kioskd.link.barge import Barge
from kioskd.wire.facts import Ended


def ended(response: str, status: str = "completed", reason: str = "") -> Ended:
    return Ended(response, status, reason, None, "")


def test_an_answer_is_cancelled_once_whoever_asks() -> None:
    barge = Barge()
    barge.began("r1")
    assert barge.cancel("r1", spoken_over=True)
    assert not barge.cancel("r1")
    assert barge.cancel("r2")


def test_a_cancel_of_whatever_is_in_flight_is_always_sent() -> None:
    barge = Barge()
    assert barge.cancel("") and barge.cancel("")


def test_what_was_spoken_over_was_interrupted_whatever_the_service_calls_it() -> None:
    barge = Barge()
    barge.began("r1")
    barge.cancel("r1", spoken_over=True)
    assert barge.ended(ended("r1")) == ended("r1", "cancelled", "interrupted")
    assert barge.generating == ""


def test_other_ends_stay_what_they_are() -> None:
    barge = Barge()
    barge.began("r1")
    barge.began("r2")
    barge.cancel("r1")
    barge.cancel("r2", spoken_over=True)
    assert barge.ended(ended("r1", "cancelled", "client_cancelled")).reason == "client_cancelled"
    assert barge.generating == "r2"
    assert barge.ended(ended("r2", "failed", "x")) == ended("r2", "failed", "x")
