"""Why a connection failed, in words that say what to do next, and sorted by what waiting can change."""

from __future__ import annotations

import errno
import re
import socket
import ssl
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import NamedTuple

from kioskd.config.addresses import is_loopback
from kioskd.wire.profile import Trouble

# OpenSSL's X509_V_ERR_* numbers (x509_vfy.h).
CERTIFICATE_NOT_YET_VALID = 9
CERTIFICATE_EXPIRED = 10

_UNREACHABLE = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL}

# No clock that is right says less: this code was written in 2026. No board without a battery remembers more than its
# last shutdown, and none of these boards will be in use 20 years on: beyond that the clock is wrong, too (a guess).
EARLIEST_S = 1_767_225_600.0  # 2026-01-01 00:00 UTC
LATEST_S = EARLIEST_S + 20 * 365.25 * 86_400

# A clock that differs from what a stranger on the way says by more than this is wrong enough to be told. A guess: no
# time zone reaches it, and certificates are given a day or more of grace by those who issue them.
CLOCK_SLACK_S = 86_400.0

# What a stranger on the way can change by itself (a guest who logs in, a clock that is set) is looked at this often.
PASSING_S = 60.0

# RFC 9110, 10.2.3 names no limit; the link obeys ten minutes of it (core/backoff.py). A day keeps the sentence short.
MOST_PATIENCE_S = 86_400.0


class Cause(Enum):
    """What stood in the way, as far as it can be told apart; for status and the doctor."""

    DNS = "dns"  # the name was not found
    NETWORK = "network"  # no way there, nothing listens, broken off
    SILENCE = "silence"  # nothing came in time
    TLS = "tls"
    CLOCK = "clock"  # the clock of this box is wrong
    PORTAL = "portal"  # a login page answers instead of the service
    PROXY = "proxy"
    KEY = "key"
    CAPACITY = "capacity"
    SERVICE = "service"  # it was reached, and said no


class Sign(NamedTuple):
    """What answers plain HTTP in place of a service with which TLS failed.

    Attributes:
        login: it behaves as a login page does.
        leads_to: the host that it redirects to; "" if to none.
        date_s: the time of day that it says, in seconds since 1970.
    """

    login: bool
    leads_to: str = ""
    date_s: float | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """One end of a connection, or of an attempt.

    Attributes:
        trouble: what waiting can change about it.
        sentence: for people; never holds the key.
        http_status: when the upgrade was refused.
        close_code: when a WebSocket was closed; 1006 when it just broke.
        retry_after_s: when the service asked for patience.
        cause: what stood in the way.
        patience_s: where ``trouble`` is FATAL: when to ask again, if not after the usual ten minutes.
    """

    trouble: Trouble
    sentence: str
    http_status: int | None = None
    close_code: int | None = None
    retry_after_s: float | None = None
    cause: Cause = Cause.SERVICE
    patience_s: float | None = None

    @property
    def passing(self) -> bool:
        """It may pass without anybody changing a setting of this kiosk; a probe can tell."""
        return self.cause in (Cause.CLOCK, Cause.PORTAL)


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
    sentence = f"{host} did not answer within {seconds:g} s; is the network up?"
    return Failure(Trouble.TRANSPORT, sentence, cause=Cause.SILENCE)


def of_name(host: str) -> Failure:
    """A host's name that no name can be (RFC 1035, 2.3.4); Python's codec refuses it before anything is asked."""
    return Failure(Trouble.FATAL, f"{host} is not a name that a host can have; check service.url", cause=Cause.DNS)


def of_portal(what: str) -> Failure:
    """Something on the way wants a person to log in. ``what``: how that showed."""
    sentence = f"a login page answers instead of the service (hotel Wi-Fi?): {what}; log this network in"
    return Failure(Trouble.FATAL, sentence, cause=Cause.PORTAL, patience_s=PASSING_S)


def of_network(error: OSError, host: str, wall_s: float, sign: Sign | None = None) -> Failure:
    """An error of DNS, TCP or TLS.

    Args:
        wall_s: what this machine takes for the time (seconds since 1970): a clock that is wrong looks like a
            certificate that is wrong.
        sign: what answered plain HTTP, where somebody looked.
    """
    if isinstance(error, ssl.SSLError):
        return _of_tls(error, host, wall_s, sign)
    cause = Cause.DNS if isinstance(error, socket.gaierror) else Cause.NETWORK
    return Failure(Trouble.TRANSPORT, _network_sentence(error, host), cause=cause)


def _network_sentence(error: OSError, host: str) -> str:
    if isinstance(error, socket.gaierror):
        if error.errno == socket.EAI_AGAIN:
            return f"no name server told the address of {host} (DNS); is the network up?"
        return f"the name {host} was not found (DNS); is it spelt right, and the network up?"
    numbers = _numbers(error)
    if errno.ECONNREFUSED in numbers:
        start = ""
        if is_loopback(host):
            start = "; for the voice service on this device: systemctl start kioskd-voice.socket"
        return f"{host} refused the connection: nothing listens there{start}"
    if numbers & _UNREACHABLE:
        return f"there is no way to {host}; is the network up?"
    if errno.ETIMEDOUT in numbers:
        return f"{host} does not answer; is the network up?"
    if isinstance(error, ConnectionError):
        return f"{host} broke the connection off"
    return f"{host} could not be reached ({error.strerror or type(error).__name__})"


def _numbers(error: OSError) -> set[int]:
    """Several addresses may have failed in different ways: asyncio joins them into one text without a number."""
    if error.errno is not None:
        return {error.errno}
    if isinstance(error, ConnectionRefusedError):
        return {errno.ECONNREFUSED}
    return {int(number) for number in re.findall(r"\[Errno (\d{1,5})\]", str(error))}


def _of_tls(error: ssl.SSLError, host: str, wall_s: float, sign: Sign | None) -> Failure:
    dated = False
    if isinstance(error, ssl.SSLCertVerificationError):
        dated = error.verify_code in (CERTIFICATE_NOT_YET_VALID, CERTIFICATE_EXPIRED)
    if dated and clock_is_wrong(wall_s, sign):
        sentence = f"the clock of this box is wrong (it says {day_of(wall_s)}); check NTP (timedatectl)"
        return Failure(Trouble.FATAL, sentence, cause=Cause.CLOCK, patience_s=PASSING_S)
    if sign is not None and sign.login:
        what = f"it leads to {sign.leads_to}" if sign.leads_to else "it shows a page of its own"
        clock = (
            f"; and its clock is not this box's, which says {day_of(wall_s)}" if clock_is_wrong(wall_s, sign) else ""
        )
        return of_portal(what + clock)
    if isinstance(error, ssl.SSLCertVerificationError):
        return Failure(Trouble.TRANSPORT, _certificate_sentence(error, host, wall_s), cause=Cause.TLS)
    reason = getattr(error, "reason", None) or "no reason given"
    sentence = f"TLS with {host} failed ({reason}); is something in between?"
    return Failure(Trouble.TRANSPORT, sentence, cause=Cause.TLS)


def _certificate_sentence(error: ssl.SSLCertVerificationError, host: str, wall_s: float) -> str:
    if error.verify_code == CERTIFICATE_NOT_YET_VALID:
        return f"the certificate of {host} is not valid yet; this kiosk's clock says {day_of(wall_s)}: is that right?"
    if error.verify_code == CERTIFICATE_EXPIRED:
        return f"the certificate of {host} has expired, or this kiosk's clock is wrong (it says {day_of(wall_s)})"
    return f"the certificate of {host} is not trusted ({error.verify_message}); nothing was sent"


def clock_is_wrong(wall_s: float, sign: Sign | None = None) -> bool:
    """Whether ``wall_s`` cannot be the time: by itself, or because somebody on the way says quite another."""
    if not EARLIEST_S <= wall_s <= LATEST_S:
        return True
    # A stranger's word: good enough for a sentence, and nothing else is done with it.
    return sign is not None and sign.date_s is not None and abs(sign.date_s - wall_s) > CLOCK_SLACK_S


def day_of(wall_s: float) -> str:
    """A time of day as people read it."""
    # Imported here: only a failure needs it.
    from datetime import datetime, timezone

    return datetime.fromtimestamp(wall_s, timezone.utc).strftime("%Y-%m-%d %H:%M UTC")


def date_s(header: str | None) -> float | None:
    """An HTTP date (RFC 9110, 5.6.7) in seconds since 1970; None when it is none."""
    try:
        return None if not header else parsedate_to_datetime(header.strip()).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def retry_after_s(header: str | None, wall_s: float, date: str | None = None) -> float | None:
    """``Retry-After`` in seconds: a number or an HTTP date (RFC 9110, 10.2.3); None when there is none to obey.

    Args:
        date: the answer's own ``Date``: by that clock the other date was written, whatever this box takes for the time.
    """
    if not header:
        return None
    text = header.strip()
    if text.isascii() and text.isdecimal():
        return min(float(text[:9]), MOST_PATIENCE_S)
    until_s, now_s = date_s(text), date_s(date)
    if until_s is None:
        return None
    return min(max(0.0, until_s - (wall_s if now_s is None else now_s)), MOST_PATIENCE_S)
