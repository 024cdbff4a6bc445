"""What an HTTP answer in place of a WebSocket means, and what the end of one: who said it, and what there is to do."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from kioskd.core.codeword import codeword
from kioskd.link import portal
from kioskd.link.failures import Cause, Failure, of_portal, retry_after_s
from kioskd.wire.profile import Profile, Trouble
from kioskd.wire.verdicts import close_class, http_class


class Answer(NamedTuple):
    """The answer to an upgrade, as far as it is read; "" where a header is missing."""

    status: int
    location: str = ""
    retry_after: str = ""
    date: str = ""


def of_upgrade(answer: Answer, profile: Profile, host: str, wall_s: float) -> Failure:
    """An upgrade that was not answered by 101.

    Args:
        host: who was asked.
        wall_s: what this machine takes for the time, in seconds since 1970.
    """
    status = answer.status
    login, leads_to = portal.judged(status, answer.location, host)
    if login:
        to = f", and leads to {leads_to}" if leads_to else ""
        if status < 300:
            to = ", as a page does (or is service.url the address of one?)"
        return replace(of_portal(f"it says HTTP {status}{to}"), http_status=status)
    patience_s = retry_after_s(answer.retry_after, wall_s, answer.date)
    trouble = http_class(profile, status)
    cause = Cause.CAPACITY if trouble is Trouble.CAPACITY else Cause.SERVICE
    return Failure(
        trouble,
        _sentence(status, host, patience_s),
        http_status=status,
        retry_after_s=patience_s,
        cause=Cause.KEY if status in (401, 403) else cause,
    )


def _sentence(status: int, host: str, patience_s: float | None) -> str:
    if status == 401:
        return f"{host} does not accept the API key (HTTP 401); check service.key"
    if status == 403:
        return f"{host} does not allow this key to use the service (HTTP 403); check the plan and service.url"
    if status == 404:
        return f"{host} does not know this address (HTTP 404); check service.url"
    if status in (429, 503):
        patience = f"; it asks to wait {patience_s:.0f} s" if patience_s is not None else ""
        return f"{host} is at capacity (HTTP {status}){patience}"
    if 300 <= status < 400:
        return f"{host} redirects elsewhere (HTTP {status}), which is not followed; set service.url to the new address"
    return f"{host} refused the connection (HTTP {status})"


def of_close(
    received: tuple[int, str] | None, sent: int | None, profile: Profile, host: str, before_ready: bool
) -> Failure:
    """The end of a connection, sorted by what the peer said, by what we said, or by its silence.

    Args:
        received: the peer's code and its reason, fit to be shown; None: it said nothing.
        sent: our own code; None: we said nothing.
        before_ready: a close in the handshake means something else than one in a session.
    """
    if received is not None:
        code, reason = received
        # In a session its words may quote a visitor's: then no more than a code is repeated.
        shown = reason if before_ready else codeword(reason, "")
        sentence = f"{host} closed the session ({code}{': ' + shown if shown else ''})"
        return Failure(close_class(profile, code, reason, before_ready), sentence, close_code=code)
    if sent is None:
        return Failure(Trouble.TRANSPORT, f"the connection to {host} broke", close_code=1006, cause=Cause.NETWORK)
    cause = Cause.SERVICE
    if sent == 1011:
        # The library closes with 1011 by itself when a ping stays unanswered (dialects reference 8.6).
        sentence, cause = f"{host} did not answer a ping within {profile.ping_timeout_s:g} s", Cause.SILENCE
    elif sent == 1009:
        sentence = f"{host} sent a frame larger than {profile.max_frame_bytes // 2**20} MiB"
    elif sent in (1002, 1007):
        sentence = f"{host} broke the WebSocket protocol ({sent})"
    else:
        sentence = f"the session with {host} was closed from here ({sent})"
    return Failure(Trouble.TRANSPORT, sentence, close_code=sent, cause=cause)
