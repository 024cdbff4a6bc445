"""Short-lived access tokens from an operator's own minting endpoint (Hydra reference A1), so that the long-lived key
never lies on the device: asked for before a dial, used again until shortly before they expire.
"""

from __future__ import annotations

import asyncio
import json
import socket
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Callable
from urllib.parse import urlsplit

from kioskd.config.addresses import is_loopback
from kioskd.link import portal
from kioskd.link.failures import PASSING_S, Cause, Failure, LinkError, of_timeout, retry_after_s
from kioskd.link.proxy import Proxy, named
from kioskd.wire.profile import Trouble

if TYPE_CHECKING:
    from http.client import HTTPConnection

# A token that expires while the upgrade is on its way is refused. A guess; of a short life a quarter at most.
MARGIN_S = 30.0
MOST_BYTES = 64 << 10
LONGEST_TOKEN = 8 << 10


def boottime() -> float:
    """Seconds that go on while the device sleeps, for a token grows old in a sleep, too."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(frozen=True, slots=True)
class Mint:
    """An endpoint that mints: ``POST url`` with ``{"ttl_seconds": N}``, answered by ``{"access_token": ...}``.

    Attributes:
        url: https, or http to this machine.
        header: the header that carries the secret; ``Authorization`` has "Bearer " before it.
        read_secret: may block on a small local file; ValueError says why there is none. Any thread.
        ttl_s: the life to ask for (30 to 900 s, Hydra reference A1).
        timeout_s: for all of it.
        read_proxy: the way there; None for straight.
    """

    url: str
    read_secret: Callable[[], str] = field(repr=False)
    header: str = "Authorization"
    ttl_s: int = 300
    timeout_s: float = 5.0
    read_proxy: Callable[[], Proxy | None] = field(default=lambda: None, repr=False)

    @property
    def host(self) -> str:
        """For sentences."""
        return urlsplit(self.url).hostname or ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the endpoint said."""

    status: int
    body: bytes = field(repr=False)
    retry_after: str | None
    date: str | None


class Tokens:
    """The token of one endpoint. Loop only.

    Args:
        seen: the token that is in use stands in here, for the redaction of logs.
        clock: seconds that go on in a sleep.

    Attributes:
        minted: how many were asked for with success.
    """

    def __init__(self, mint: Mint, seen: set[str], clock: Callable[[], float] = boottime) -> None:
        self._mint = mint
        self._seen = seen
        self._clock = clock
        self._token: str | None = None
        self._fresh_until = 0.0
        self._used = 0
        self._asking: asyncio.Task[str] | None = None
        self.minted = 0

    async def token(self) -> str:
        """A token that lives long enough for an upgrade.

        Raises:
            LinkError: there is none to be had; the failure says why.
        """
        if self._token is None or self._clock() >= self._fresh_until:
            if self._asking is None or self._asking.done():
                # One at a time: where an attempt is given up its question goes on to its end, and the next one joins.
                self._asking = asyncio.create_task(self._ask(), name="minting a token")
                self._asking.add_done_callback(lambda task: task.cancelled() or task.exception())
            await asyncio.shield(self._asking)
        assert self._token is not None
        self._used += 1
        return self._token

    def judged(self, token: str, failure: Failure) -> Failure:
        """The failure of a dial with that token. One that was used before may have been withdrawn: it is forgotten, and
        the next attempt has a fresh one. A fresh one that is refused stays a refusal.
        """
        if failure.http_status not in (401, 403):
            return failure
        again = token == self._token and self._used > 1
        self._forget()
        if not again:
            sentence = f"{failure.sentence}; it is a token of service.token.url, minted just now"
            return replace(failure, sentence=sentence)
        sentence = "the access token was refused before its time; the next attempt asks for a fresh one"
        return replace(failure, trouble=Trouble.TRANSPORT, sentence=sentence)

    def _forget(self) -> None:
        self._seen.discard(self._token or "")
        self._token = None

    async def _ask(self) -> str:
        began = self._clock()
        token, life_s = await minted(self._mint)
        self._forget()
        self._seen.add(token)
        self._token, self._used = token, 0
        self._fresh_until = began + life_s - min(MARGIN_S, life_s / 4)
        self.minted += 1
        return token


async def minted(mint: Mint) -> tuple[str, float]:
    """Ask for a token: itself, and its life in seconds. Loop only; the asking is done in a thread.

    Raises:
        LinkError: there is none to be had.
    """
    try:
        secret, proxy = await asyncio.to_thread(mint.read_secret), mint.read_proxy()
        if not (secret.isascii() and secret.isprintable()):
            raise ValueError("the secret of service.token holds letters that a header cannot carry; ask for another")
        connection = await asyncio.to_thread(_connection, mint, proxy)  # it reads the certificate bundle
    except ValueError as error:
        raise LinkError(Failure(Trouble.FATAL, str(error), cause=Cause.KEY)) from None
    try:
        async with asyncio.timeout(mint.timeout_s):
            answer = await asyncio.to_thread(_post, connection, mint, secret)
    except TimeoutError:
        _break_off(connection)
        raise LinkError(of_timeout(f"{mint.host} (service.token.url)", mint.timeout_s)) from None
    except OSError as error:
        raise LinkError(await _unreached(error, mint, proxy)) from None
    except ValueError:
        raise LinkError(_of_nonsense(mint, "what answers there is no HTTP server")) from None
    if not 200 <= answer.status < 300:
        raise LinkError(_of_status(answer, mint))
    return _read(answer.body, mint)


def _connection(mint: Mint, proxy: Proxy | None) -> HTTPConnection:
    """Not opened yet. ValueError: an address that none can be."""
    # Imported here: 20 ms that most kiosks never spend.
    import http.client
    import ssl

    parts = urlsplit(mint.url)
    host, port = parts.hostname or "", parts.port
    if not host or not (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))):
        raise ValueError("service.token.url is not an address of the form https://HOST/PATH")
    if parts.scheme == "http":
        return http.client.HTTPConnection(host, port or 80, timeout=mint.timeout_s)
    context = ssl.create_default_context()
    if proxy is None:
        return http.client.HTTPSConnection(host, port or 443, timeout=mint.timeout_s, context=context)
    through = http.client.HTTPSConnection(proxy.host, proxy.port, timeout=mint.timeout_s, context=context)
    login = {"Proxy-Authorization": proxy.authorization} if proxy.authorization else {}
    through.set_tunnel(named(host), port or 443, login)
    return through


def _post(connection: HTTPConnection, mint: Mint, secret: str) -> Answer:
    """In a thread. Follows no redirect: the secret goes where the owner said, and nowhere else."""
    import http.client

    parts = urlsplit(mint.url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    sent = f"Bearer {secret}" if mint.header.lower() == "authorization" else secret
    headers = {mint.header: sent, "Content-Type": "application/json", "Accept": "application/json"}
    try:
        connection.request("POST", target, json.dumps({"ttl_seconds": mint.ttl_s}).encode(), headers)
        response = connection.getresponse()
        body = response.read(MOST_BYTES + 1)
        return Answer(response.status, body, response.getheader("Retry-After"), response.getheader("Date"))
    except http.client.HTTPException:
        # Its text may quote what was sent. (A ValueError of http.client about a header would, too.)
        raise ValueError("no HTTP") from None
    finally:
        connection.close()


def _break_off(connection: HTTPConnection) -> None:
    """Have the thread that waits on it come back."""
    sock = connection.sock
    if sock is not None:
        try:
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it had not got so far, or was ready at last


async def _unreached(error: OSError, mint: Mint, proxy: Proxy | None) -> Failure:
    failure = await portal.explained(error, mint.host, time.time(), proxy)
    return replace(failure, sentence=f"no access token: {failure.sentence}")


def _of_status(answer: Answer, mint: Mint) -> Failure:
    status, where = answer.status, f"{mint.host} (service.token.url)"
    patience_s = retry_after_s(answer.retry_after, time.time(), answer.date)
    if status in (401, 403):
        sentence = f"{where} does not accept the secret for minting tokens (HTTP {status}); check service.token.secret"
        return Failure(Trouble.FATAL, sentence, http_status=status, cause=Cause.KEY)
    if status in (429, 503):
        sentence = f"{where} is at capacity (HTTP {status})"
        return Failure(Trouble.CAPACITY, sentence, None, None, patience_s, Cause.CAPACITY)
    if status >= 500 or status in (408, 425):
        sentence = f"{where} could not mint a token (HTTP {status})"
        return Failure(Trouble.TRANSPORT, sentence, http_status=status, retry_after_s=patience_s)
    sentence = f"{where} refused to mint a token (HTTP {status}); check service.token"
    return Failure(Trouble.FATAL, sentence, http_status=status)


def _of_nonsense(mint: Mint, what: str) -> Failure:
    sentence = f"{mint.host} (service.token.url) gave no access token: {what}"
    return Failure(Trouble.FATAL, sentence, patience_s=PASSING_S)


def _read(body: bytes, mint: Mint) -> tuple[str, float]:
    """The token and its life. What else stands in the answer is undocumented (Hydra reference, unknown 16)."""
    try:
        data = json.loads(body) if len(body) <= MOST_BYTES else None
    except (ValueError, RecursionError):
        data = None
    token = data.get("access_token") if isinstance(data, dict) else None
    if not isinstance(token, str) or not token or len(token) > LONGEST_TOKEN:
        raise LinkError(_of_nonsense(mint, "its answer holds no access_token"))
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise LinkError(_of_nonsense(mint, "its access_token holds letters that a header cannot carry"))
    life_s = float(mint.ttl_s)
    said = data.get("expires_in") if isinstance(data, dict) else None
    if isinstance(said, (int, float)) and not isinstance(said, bool) and 0 < said < life_s:
        life_s = float(said)
    return token, life_s
