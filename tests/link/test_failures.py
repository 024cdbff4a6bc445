"""Sentences and Retry-After. The sentences of real sockets are in test_client.py."""

from __future__ import annotations

import errno
import socket

from kioskd.link.failures import Failure, LinkError, of_network, of_timeout, retry_after_s
from kioskd.wire.profile import Trouble

# 2026-03-01 12:00 UTC
NOON = 1_772_366_400.0


def test_every_network_error_says_who_and_what() -> None:
    for error, words in (
        (socket.gaierror(-2, "Name or service not known"), "was not found (DNS)"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), "nothing listens there"),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), "there is no way to"),
        (OSError(errno.EHOSTUNREACH, "No route to host"), "there is no way to"),
        (ConnectionResetError(), "broke the connection off"),
        (BrokenPipeError(), "broke the connection off"),
        (OSError("Multiple exceptions: [Errno 111] ..., [Errno 101] ..."), "could not be reached (OSError)"),
        (OSError(errno.EMFILE, "Too many open files"), "could not be reached (Too many open files)"),
    ):
        failure = of_network(error, "api.example.org", NOON)
        assert failure.trouble is Trouble.TRANSPORT
        assert "api.example.org" in failure.sentence and words in failure.sentence
    assert of_timeout("api.example.org", 2.5).sentence.startswith("api.example.org did not answer within 2.5 s")


def test_retry_after_is_a_number_or_a_date() -> None:
    assert retry_after_s("120", NOON) == 120.0
    assert retry_after_s(" 0 ", NOON) == 0.0
    assert retry_after_s("Sun, 01 Mar 2026 12:01:30 GMT", NOON) == 90.0
    assert retry_after_s("Sun, 01 Mar 2026 11:00:00 GMT", NOON) == 0.0
    assert retry_after_s("9" * 400, NOON) == 999_999_999.0
    for nonsense in (None, "", "soon", "-5", "1.5", "Sun, 99 Mar 2026"):
        assert retry_after_s(nonsense, NOON) is None


def test_an_error_carries_its_failure() -> None:
    failure = Failure(Trouble.FATAL, "no")
    error = LinkError(failure)
    assert error.failure is failure and str(error) == "no"
