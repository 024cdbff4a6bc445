"""Why a connection failed, in words that say what to do next, and sorted by what waiting can change."""

from __future__ import annotations

import errno
import socket
import ssl
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from kioskd.wire.profile import Trouble

# OpenSSL's X509_V_ERR_* numbers (x509_vfy.h).
CERTIFICATE_NOT_YET_VALID = 9
CERTIFICATE_EXPIRED = 10

_UNREACHABLE = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL}


@dataclass(frozen=True, slots=True)
class Failure:
    """One end of a connection, or of an attempt.

    Attributes:
        trouble: what waiting can change about it.
        sentence: for people; never holds the key.
        http_status: when the upgrade was refused.
        close_code: when a WebSocket was closed; 1006 when it just broke.
        retry_after_s: when the service asked for patience.
    """

    trouble: Trouble
    sentence: str
    http_status: int | None = None
    close_code: int | None = None
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Ending:
    """How a session, or an attempt at one, ended.

    Attributes:
        was_ready: audio could flow.
        engaged: speech was on its way.
        dropped: chunks that waited for this session and were given up with it.
        ours: it was ended from here on purpose.
        voice_refused: the service did not want the voice.
    """

    failure: Failure
    was_ready: bool = False
    engaged: bool = False
    dropped: int = 0
    ours: bool = False
    voice_refused: bool = False


class LinkError(Exception):
    """A connection could not be opened, or is gone. ``failure`` says why; the text is its sentence."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.sentence)
        self.failure = failure


def of_timeout(host: str, seconds: float) -> Failure:
    """Nothing came in time."""
    return Failure(Trouble.TRANSPORT, f"{host} did not answer within {seconds:g} s; is the network up?")


def of_network(error: OSError, host: str, wall_s: float) -> Failure:
    """An error of DNS, TCP or TLS.

    Args:
        wall_s: what this machine takes for the time (seconds since 1970): a clock that is wrong looks like a
            certificate that is wrong.
    """
    return Failure(Trouble.TRANSPORT, _network_sentence(error, host, wall_s))


def _network_sentence(error: OSError, host: str, wall_s: float) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return _certificate_sentence(error, host, wall_s)
    if isinstance(error, ssl.SSLError):
        return f"TLS with {host} failed ({error.reason or 'no reason given'}); is something in between?"
    if isinstance(error, socket.gaierror):
        return f"the name {host} was not found (DNS); is the network up?"
    if isinstance(error, ConnectionRefusedError):
        return f"{host} refused the connection: nothing listens there"
    if error.errno in _UNREACHABLE:
        return f"there is no way to {host}; is the network up?"
    if isinstance(error, ConnectionError):
        return f"{host} broke the connection off"
    # Several addresses failed in different ways: asyncio joins them into one text.
    return f"{host} could not be reached ({error.strerror or type(error).__name__})"


def _certificate_sentence(error: ssl.SSLCertVerificationError, host: str, wall_s: float) -> str:
    # Imported here: only a failure needs it.
    from datetime import datetime, timezone

    day = datetime.fromtimestamp(wall_s, timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    if error.verify_code == CERTIFICATE_NOT_YET_VALID:
        return f"the certificate of {host} is not valid yet; this kiosk's clock says {day}: set it (timedatectl)"
    if error.verify_code == CERTIFICATE_EXPIRED:
        return f"the certificate of {host} has expired, or this kiosk's clock is wrong (it says {day})"
    return f"the certificate of {host} is not trusted ({error.verify_message}); nothing was sent"


def retry_after_s(header: str | None, wall_s: float) -> float | None:
    """``Retry-After`` in seconds: a number or an HTTP date (RFC 9110, 10.2.3); None when there is none to obey."""
    if not header:
        return None
    text = header.strip()
    if text.isdecimal():
        return float(text[:9])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - wall_s)
    except ValueError:
        return None
