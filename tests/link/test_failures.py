"""Sentences and Retry-After. The sentences of real sockets are in test_client.py."""

from __future__ import annotations

import errno
import socket
import ssl

import pytest

from kioskd.link.failures import (
    CERTIFICATE_EXPIRED,
    CERTIFICATE_NOT_YET_VALID,
    PASSING_S,
    Cause,
    Failure,
    LinkError,
    Sign,
    of_name,
    of_network,
    of_timeout,
    retry_after_s,
)
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
        (OSError("Multiple exceptions: [Errno 111] ..., [Errno 101] ..."), "nothing listens there"),
        (OSError("Multiple exceptions: [Errno 101] ..., [Errno 110] ..."), "there is no way to"),
        (OSError("Multiple exceptions: [Errno 110] ..."), "does not answer"),
        (OSError("Multiple exceptions: strange"), "could not be reached (OSError)"),
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure"), "no name server told the address of"),
        (OSError(errno.EMFILE, "Too many open files"), "could not be reached (Too many open files)"),
    ):
        failure = of_network(error, "api.example.org", NOON)
        assert failure.trouble is Trouble.TRANSPORT
        assert "api.example.org" in failure.sentence and words in failure.sentence
    assert of_timeout("api.example.org", 2.5).sentence.startswith("api.example.org did not answer within 2.5 s")


def test_a_local_voice_service_that_is_not_there_is_named_with_how_to_start_it() -> None:
    refused = ConnectionRefusedError(errno.ECONNREFUSED, "refused")
    for host in ("127.0.0.1", "localhost", "::1"):
        assert "systemctl start kioskd-voice.socket" in of_network(refused, host, NOON).sentence
    assert "systemctl" not in of_network(refused, "api.example.org", NOON).sentence


def test_retry_after_is_a_number_or_a_date() -> None:
    assert retry_after_s("120", NOON) == 120.0
    assert retry_after_s(" 0 ", NOON) == 0.0
    assert retry_after_s("Sun, 01 Mar 2026 12:01:30 GMT", NOON) == 90.0
    assert retry_after_s("Sun, 01 Mar 2026 11:00:00 GMT", NOON) == 0.0
    assert retry_after_s("9" * 400, NOON) == 86_400.0
    assert retry_after_s("Sun, 01 Mar 2026 12:01:30 GMT", 0.0) == 86_400.0
    for nonsense in (None, "", "soon", "-5", "1.5", "Sun, 99 Mar 2026"):
        assert retry_after_s(nonsense, NOON) is None


def test_an_error_carries_its_failure() -> None:
    failure = Failure(Trouble.FATAL, "no")
    error = LinkError(failure)
    assert error.failure is failure and str(error) == "no"


def test_a_date_to_wait_for_is_read_by_the_clock_that_wrote_it() -> None:
    """This kiosk's own says 1970, and the service asked for 90 s."""
    date, until = "Sun, 01 Mar 2026 12:00:00 GMT", "Sun, 01 Mar 2026 12:01:30 GMT"
    assert retry_after_s(until, 0.0, date) == 90.0
    assert retry_after_s(until, NOON, "rubbish") == 90.0


def verification(code: int, text: str = "certificate has expired") -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "no")
    error.verify_code, error.verify_message = code, text
    return error


FIVE_YEARS_S = 5 * 365 * 86_400.0
BEFORE = NOON - FIVE_YEARS_S
LONG_AFTER = NOON + 5 * FIVE_YEARS_S


@pytest.mark.parametrize("code", [CERTIFICATE_NOT_YET_VALID, CERTIFICATE_EXPIRED])
def test_a_clock_that_no_box_can_have_is_told_as_such(code: int) -> None:
    for wall_s, day in ((BEFORE, "2021-03-02 12:00 UTC"), (LONG_AFTER, "2051-")):
        failure = of_network(verification(code), "api.example.org", wall_s)
        assert failure.cause is Cause.CLOCK and failure.trouble is Trouble.FATAL and failure.passing
        assert failure.sentence.startswith("the clock of this box is wrong (it says ") and day in failure.sentence
        assert "check NTP" in failure.sentence and failure.patience_s == PASSING_S == 60.0
    failure = of_network(verification(code), "api.example.org", NOON)
    assert failure.cause is Cause.TLS and "certificate of api.example.org" in failure.sentence


def test_a_date_that_somebody_on_the_way_says_tells_a_wrong_clock_too() -> None:
    error = verification(CERTIFICATE_NOT_YET_VALID)
    for date_s, cause in ((NOON + 86_401.0, Cause.CLOCK), (NOON + 3_600.0, Cause.TLS), (None, Cause.TLS)):
        assert of_network(error, "api.example.org", NOON, Sign(False, "", date_s)).cause is cause


def test_a_login_page_comes_before_a_certificate_that_nobody_trusts() -> None:
    error = verification(18, "self-signed certificate")
    failure = of_network(error, "api.example.org", NOON, Sign(True, "login.hotel.example"))
    assert failure.cause is Cause.PORTAL and failure.patience_s == PASSING_S and failure.passing
    assert failure.sentence == (
        "a login page answers instead of the service (hotel Wi-Fi?): it leads to login.hotel.example; "
        "log this network in"
    )
    both = of_network(error, "api.example.org", NOON, Sign(True, "", NOON + FIVE_YEARS_S))
    assert both.cause is Cause.PORTAL and "its clock is not this box's, which says 2026-03-01" in both.sentence
    assert of_network(error, "api.example.org", BEFORE).cause is Cause.TLS  # dates have nothing to do with it
    assert of_network(ssl.SSLError(1, "wrong version number"), "api.example.org", NOON).cause is Cause.TLS


def test_a_name_that_no_host_can_have_is_a_matter_of_the_configuration() -> None:
    failure = of_name("h..x")
    assert failure.trouble is Trouble.FATAL and "h..x is not a name that a host can have" in failure.sentence
