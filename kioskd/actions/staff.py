"""Calls a person: one HTTP POST with a JSON body, tried again when trying again can help.

The address is https, or http on loopback. TLS is verified; no redirect is followed; the proxy variables of the
environment are ignored, because a variable that somebody set for another program must not see who calls for help. The
receiver can tell a repetition by ``call_id`` (also sent as ``Idempotency-Key``).
"""

from __future__ import annotations

import ipaddress
import json
import logging
import random
import time
from typing import TYPE_CHECKING, Callable, Mapping, NamedTuple
from urllib.parse import urlsplit

from kioskd.actions.outcome import Outcome, failed
from kioskd.config.sections import StaffAction
from kioskd.core.words import CallKey

if TYPE_CHECKING:
    from urllib.request import OpenerDirector

log = logging.getLogger(__name__)

# What is read of a reply; one sentence is wanted. A guess.
MOST_REPLY_BYTES = 16 * 1024
LONGEST_SAY = 200
# 408, 425, 429 ask for another try; 5xx is the server's own trouble (RFC 9110 section 15.6).
AGAIN = frozenset({408, 425, 429})
JITTER = 0.2
USER_AGENT = "kioskd"


class Answer(NamedTuple):
    """Of one attempt. ``trouble``: a sentence, empty when it was taken; ``again``: another attempt may help."""

    trouble: str
    again: bool
    say: str = ""


class Staff:
    """One webhook.

    Args:
        name: the tool's name.
        action: address, timeout, attempts.
        kiosk_name: sent along, so that staff know where to go.
        token: reads the Bearer token, None without one; called for each call, so that a token can be replaced.
        wait: ``wait(seconds)`` pauses, and returns True when the process ends (``threading.Event.wait``).
        pause_s: before the second attempt; doubles.
        chance: 0.0 to 1.0, for the jitter.
        wall: seconds since 1970, for ``at``.

    Raises:
        ValueError: the address is neither https nor http on loopback.
    """

    def __init__(
        self,
        name: str,
        action: StaffAction,
        kiosk_name: str,
        token: Callable[[], str] | None,
        wait: Callable[[float], bool],
        pause_s: float = 1.0,
        chance: Callable[[], float] = random.random,
        wall: Callable[[], float] = time.time,
    ) -> None:
        trouble = unsafe(action.url)
        if trouble:
            raise ValueError(trouble)
        self._name = name
        self._action = action
        self._kiosk_name = kiosk_name
        self._token = token
        self._wait = wait
        self._pause_s = pause_s
        self._chance = chance
        self._wall = wall

    @property
    def longest_s(self) -> float:
        """All attempts and pauses together, when every attempt runs into its timeout."""
        return self._action.timeout_s * self._action.attempts + self._pause_s * 2.0**self._action.attempts

    def call(self, key: CallKey, arguments: Mapping[str, object]) -> Outcome:
        """Call. Blocks up to ``longest_s``: a worker thread only."""
        try:
            token = self._token() if self._token else ""
        except (OSError, ValueError, KeyError) as error:
            # Without its text: it may quote what it could not take.
            return failed(
                f"the token for {self._name} cannot be read ({type(error).__name__}); see action.staff.token."
            )
        if not all("!" <= character <= "~" for character in token):
            return failed(f"the token for {self._name} holds characters that no token has; see action.staff.token.")
        answer = self._until_taken(self._body(key, arguments), self._headers(key, token))
        if answer.trouble:
            return failed(f"{self._name}: {_without(token, answer.trouble)}")
        say = _without(token, answer.say)
        return Outcome(True, json.dumps({"called": True, "say": say}, ensure_ascii=False), say)

    def _body(self, key: CallKey, arguments: Mapping[str, object]) -> bytes:
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._wall()))
        body = {"kiosk": self._kiosk_name, "call_id": key.call_id, "tool": self._name, "arguments": dict(arguments)}
        return json.dumps(body | {"at": at}).encode()

    def _headers(self, key: CallKey, token: str) -> dict[str, str]:
        # A call id is unique within its session only. It comes from the service, so it is made safe for a header.
        once = json.dumps(str(key))[:300]
        headers = {"Content-Type": "application/json", "User-Agent": USER_AGENT, "Idempotency-Key": once}
        return headers | ({"Authorization": f"Bearer {token}"} if token else {})

    def _until_taken(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        opener = _opener()
        answer = Answer("no attempt was made", False)
        for attempt in range(self._action.attempts):
            if attempt and self._wait(self._pause(attempt)):
                return Answer(f"kioskd is ending; the last attempt said: {answer.trouble}", False)
            answer = self._attempt(opener, body, headers)
            if not answer.trouble:
                return answer
            log.warning("%s, attempt %d of %d: %s", self._name, attempt + 1, self._action.attempts, answer.trouble)
            if not answer.again:
                return answer
        return answer

    def _pause(self, attempt: int) -> float:
        return self._pause_s * 2.0 ** (attempt - 1) * (1.0 + JITTER * (2.0 * self._chance() - 1.0))

    def _attempt(self, opener: OpenerDirector, body: bytes, headers: Mapping[str, str]) -> Answer:
        # Imported here: with TLS they cost megabytes, and most kiosks never call staff.
        from http.client import HTTPException
        from urllib.error import HTTPError
        from urllib.request import Request

        request = Request(self._action.url, data=body, headers=dict(headers), method="POST")
        deadline = time.monotonic() + self._action.timeout_s
        try:
            with opener.open(request, timeout=self._action.timeout_s) as reply:
                return Answer("", False, _say(_read(reply.read1, deadline)))
        except HTTPError as error:
            with error:
                return _refused(error.code)
        except (OSError, ValueError, HTTPException) as error:
            return _unreachable(error)


def unsafe(url: str) -> str:
    """Why nothing is sent to this address; empty when it may be."""
    parts = urlsplit(url)
    if parts.username is not None or parts.password is not None:
        return "the address holds a user name; give a token instead (action.staff.token)"
    if parts.scheme == "https" and parts.hostname:
        return ""
    if parts.scheme != "http" or not parts.hostname:
        return "the address must begin with https:// (or http:// for a service on this device)"
    if parts.hostname == "localhost":
        return ""
    try:
        loopback = ipaddress.ip_address(parts.hostname).is_loopback
    except ValueError:
        loopback = False
    return "" if loopback else "http:// is not encrypted and this is not loopback; use https://"


def _opener() -> OpenerDirector:
    from ssl import create_default_context
    from urllib.request import HTTPRedirectHandler, HTTPSHandler, ProxyHandler, build_opener

    class Stay(HTTPRedirectHandler):
        """Follows nothing: the body says who asks for help, and the token is for one host."""

        def redirect_request(self, *_: object, **__: object) -> None:
            return None

    return build_opener(ProxyHandler({}), Stay, HTTPSHandler(context=create_default_context()))


def _read(read1: Callable[[int], bytes], deadline: float) -> bytes:
    """The reply's body; empty when it is too long, or trickles beyond the deadline: it was taken all the same."""
    from http.client import HTTPException

    pieces: list[bytes] = []
    size_bytes = 0
    try:
        while piece := read1(4096):
            pieces.append(piece)
            size_bytes += len(piece)
            if size_bytes > MOST_REPLY_BYTES or time.monotonic() > deadline:
                return b""
    except (OSError, HTTPException) as error:
        log.warning("the webhook took the call, and its reply broke off: %s", error)
        return b""
    return b"".join(pieces)


def _say(body: bytes) -> str:
    """What the receiver wants the visitor to hear: ``{"say": "Somebody is on the way."}``."""
    try:
        reply = json.loads(body)
    except (ValueError, RecursionError):
        return ""  # most webhooks answer "ok" or nothing
    say = reply.get("say") if isinstance(reply, dict) else None
    if not isinstance(say, str):
        return ""
    clean = "".join(character if character.isprintable() else " " for character in say)
    return " ".join(clean.split())[:LONGEST_SAY]


def _refused(code: int) -> Answer:
    if 300 <= code < 400:
        return Answer(f"the webhook redirects (HTTP {code}), which is not followed; write its final address.", False)
    if code in (401, 403):
        return Answer(f"the webhook refuses the token (HTTP {code}); see action.staff.token.", False)
    again = code >= 500 or code in AGAIN
    return Answer(f"the webhook answered HTTP {code}.", again)


def _unreachable(error: Exception) -> Answer:
    from ssl import SSLCertVerificationError

    cause = getattr(error, "reason", error)
    if isinstance(cause, SSLCertVerificationError):
        why = f"the webhook's certificate cannot be verified ({cause.verify_message}); is the clock right?"
        return Answer(why, False)
    if isinstance(cause, TimeoutError):
        return Answer("the webhook did not answer in time.", True)
    text = getattr(cause, "strerror", None) or type(cause).__name__
    return Answer(f"the webhook cannot be reached: {text}.", True)


def _without(token: str, text: str) -> str:
    return text.replace(token, "***") if token else text
