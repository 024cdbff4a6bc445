"""HTTP answers in place of a WebSocket. Those of a real server are in test_client.py."""

from __future__ import annotations

import pytest

from kioskd.link.failures import Cause
from kioskd.link.refusals import Answer, of_close, of_upgrade
from kioskd.wire.dialects import HYDRA
from kioskd.wire.profile import Trouble

NOON = 1_772_366_400.0  # 2026-03-01 12:00 UTC


@pytest.mark.parametrize(
    "answer, cause, trouble, words",
    [
        (Answer(401), Cause.KEY, Trouble.FATAL, "does not accept the API key"),
        (Answer(403), Cause.KEY, Trouble.FATAL, "does not allow this key"),
        (Answer(404), Cause.SERVICE, Trouble.FATAL, "does not know this address"),
        (Answer(429, "", "12"), Cause.CAPACITY, Trouble.CAPACITY, "it asks to wait 12 s"),
        (Answer(503), Cause.CAPACITY, Trouble.CAPACITY, "at capacity (HTTP 503)"),
        (Answer(500), Cause.SERVICE, Trouble.TRANSPORT, "HTTP 500"),
        (Answer(200), Cause.PORTAL, Trouble.FATAL, "is service.url the address of one?"),
        (Answer(511), Cause.PORTAL, Trouble.FATAL, "a login page answers"),
        (Answer(302, "http://wifi.example/login"), Cause.PORTAL, Trouble.FATAL, "leads to wifi.example"),
        (Answer(302, "http://api.example.org/login"), Cause.PORTAL, Trouble.FATAL, "leads to api.example.org"),
        (Answer(301, "https://api.example.org/v2"), Cause.SERVICE, Trouble.TRANSPORT, "redirects elsewhere"),
        (Answer(302), Cause.SERVICE, Trouble.TRANSPORT, "redirects elsewhere"),
    ],
)
def test_each_answer_says_who_said_it_and_what_to_do(
    answer: Answer, cause: Cause, trouble: Trouble, words: str
) -> None:
    failure = of_upgrade(answer, HYDRA, "api.example.org", NOON)
    assert (failure.cause, failure.trouble, failure.http_status) == (cause, trouble, answer.status)
    assert words in failure.sentence


def test_patience_is_asked_for_in_seconds_or_until_a_date() -> None:
    date, until = "Sun, 01 Mar 2026 12:00:00 GMT", "Sun, 01 Mar 2026 12:00:40 GMT"
    for answer, patience_s in (
        (Answer(503, "", "40"), 40.0),
        (Answer(503, "", until), 40.0),
        (Answer(503, "", "40000000"), 86_400.0),
        (Answer(503, "", "never"), None),
    ):
        assert of_upgrade(answer, HYDRA, "h", NOON).retry_after_s == patience_s
    assert of_upgrade(Answer(503, "", until, date), HYDRA, "h", 0.0).retry_after_s == 40.0


@pytest.mark.parametrize(
    "received, sent, trouble, cause, words",
    [
        ((1013, "full"), None, Trouble.CAPACITY, Cause.SERVICE, "closed the session (1013: full)"),
        ((1011, "you said: my name is Anna"), None, Trouble.TRANSPORT, Cause.SERVICE, "closed the session (1011)"),
        ((1000, ""), 1000, Trouble.NORMAL, Cause.SERVICE, "closed the session (1000)"),
        (None, None, Trouble.TRANSPORT, Cause.NETWORK, "broke"),
        (None, 1011, Trouble.TRANSPORT, Cause.SILENCE, "did not answer a ping within 30 s"),
        (None, 1009, Trouble.TRANSPORT, Cause.SERVICE, "larger than 8 MiB"),
        (None, 1007, Trouble.TRANSPORT, Cause.SERVICE, "broke the WebSocket protocol (1007)"),
        (None, 1008, Trouble.TRANSPORT, Cause.SERVICE, "was closed from here (1008)"),
    ],
)
def test_the_end_of_a_connection_is_sorted(
    received: tuple[int, str] | None, sent: int | None, trouble: Trouble, cause: Cause, words: str
) -> None:
    failure = of_close(received, sent, HYDRA, "api.example.org", False)
    assert (failure.trouble, failure.cause) == (trouble, cause) and words in failure.sentence
    assert of_close((1008, ""), None, HYDRA, "api.example.org", True).trouble is Trouble.FATAL
