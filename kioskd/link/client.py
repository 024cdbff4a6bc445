"""One WebSocket, from the dial to the hang-up. The only importer of ``websockets`` in this room.

The library's own reconnect loop is not used: it forgets its backoff as soon as a handshake succeeds, so a server that
accepts and hangs up is called more than a thousand times a second. One connection here, one loop in supervisor.py.
"""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import logging
import socket
import ssl
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Callable, Mapping, Sequence
from urllib.parse import urlsplit

from kioskd.link.failures import Failure, LinkError, of_network, of_timeout, retry_after_s
from kioskd.link.redaction import Scrub
from kioskd.wire.profile import Profile, Trouble
from kioskd.wire.verdicts import close_class, http_class

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection
    from websockets.exceptions import ConnectionClosed

# Frames that may wait unread before TCP holds the service back; each may be as large as the profile allows.
LONGEST_QUEUE = 8

# Pieces of one message (RFC 6455, 5.4); services send theirs whole. Empty pieces weigh nothing in ``max_size``, and the
# library collects them without a bound before its version 17.4: measured, 25 MB a second, for ever.
MOST_FRAGMENTS = 4096

# RFC 6455, 7.4.1
POLICY_VIOLATION = 1008

# Dialects reference 8.7. Beside the pings of the profile: whichever notices first that a peer vanished.
TCP_USER_TIMEOUT_MS = 20_000

# RFC 8305, 5: how long the first address has for itself before the next one is tried beside it.
HAPPY_EYEBALLS_S = 0.25

# The library writes request lines at DEBUG, and Hydra's request line holds the key: this logger never goes below INFO,
# whatever the owner asks of the others.
_library_log = logging.getLogger("kioskd.link.websockets")
_library_log.setLevel(logging.INFO)


@dataclass(frozen=True, slots=True)
class Target:
    """Where to dial.

    Attributes:
        url: with everything that belongs in it; for Hydra that is the key, so it is never shown.
        headers: for the upgrade request.
        subprotocols: to offer; MythicDot's hold the key (dialects reference 2.3).
        open_timeout_s: DNS, TCP, TLS and upgrade together.
        close_timeout_s: how long a goodbye may take.
        wall: the time of day in seconds since 1970.
    """

    profile: Profile
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    scrub: Scrub = field(repr=False)
    subprotocols: Sequence[str] = field(default=(), repr=False)
    open_timeout_s: float = 10.0
    close_timeout_s: float = 1.0
    wall: Callable[[], float] = time.time

    @property
    def host(self) -> str:
        """The host's name, for sentences."""
        return urlsplit(self.url).hostname or "the service"


class Connection:
    """An open WebSocket. Loop only; one task may receive, one may send."""

    def __init__(self, socket_: ClientConnection, target: Target) -> None:
        self._socket = socket_
        self._target = target
        self.before_ready = True  # a close in the handshake means something else than one in a session

    async def receive(self) -> str | bytes:
        """The next frame: str for text, bytes for binary.

        Raises:
            LinkError: the connection is gone; or, with a close code of ours in the failure, close it with that one.
        """
        pieces: list[str | bytes] = []
        try:
            async for piece in self._socket.recv_streaming():
                pieces.append(piece)
                if len(pieces) > MOST_FRAGMENTS:
                    sentence = f"{self._target.host} sent a frame in more than {MOST_FRAGMENTS} pieces"
                    raise LinkError(Failure(Trouble.TRANSPORT, sentence, close_code=POLICY_VIOLATION))
        except _closed_error() as error:
            raise LinkError(_of_close(error, self._target, self.before_ready)) from None
        return pieces[0] if len(pieces) == 1 else _joined(pieces)

    async def send(self, frame: str | bytes) -> None:
        """Hand one text frame to the socket; waits only when the socket is full.

        Raises:
            LinkError: the connection is gone.
        """
        try:
            await self._socket.send(frame, text=True)
        except _closed_error() as error:
            raise LinkError(_of_close(error, self._target, self.before_ready)) from None

    async def close(self, code: int) -> None:
        """Say goodbye and wait for the answer at most ``close_timeout_s``; then the socket is gone, answered or not."""
        try:
            async with asyncio.timeout(self._target.close_timeout_s):
                await self._socket.close(code)
        except TimeoutError:
            self.abort()

    def abort(self) -> None:
        """Drop the connection without a word. ``receive`` raises soon after."""
        self._socket.transport.abort()

    @property
    def rtt_s(self) -> float | None:
        """Round trip of the last ping in seconds; None before the first."""
        return self._socket.latency or None


async def dial(target: Target) -> Connection:
    """Open a connection. Loop only.

    Raises:
        LinkError: it could not be opened; the failure says why.
    """
    refuse_in_the_clear(target.url)
    encrypted = target.url.startswith("wss:")
    try:
        # Reading the certificate bundle takes tens of milliseconds on a small board: not on the loop.
        context = await asyncio.to_thread(ssl.create_default_context) if encrypted else None
        async with asyncio.timeout(target.open_timeout_s):
            opened = await _dialer()(
                target.url,
                additional_headers=dict(target.headers),
                subprotocols=list(target.subprotocols) or None,
                compression=None,  # speech in base64 does not pay for it: 70 us a frame for half the bytes
                proxy=None,  # an appliance does not follow the environment of whoever started it
                open_timeout=None,
                close_timeout=target.close_timeout_s,
                ping_interval=target.profile.ping_interval_s,
                ping_timeout=target.profile.ping_timeout_s,
                max_size=target.profile.max_frame_bytes,
                max_queue=LONGEST_QUEUE,
                logger=_library_log,
                ssl=context,
                happy_eyeballs_delay=HAPPY_EYEBALLS_S,
            )
    except TimeoutError:
        raise LinkError(of_timeout(target.host, target.open_timeout_s)) from None
    except OSError as error:
        raise LinkError(of_network(error, target.host, target.wall())) from None
    except _handshake_errors() as error:
        # ``from None`` here and above: the library's texts may hold the URL, and the URL the key.
        raise LinkError(_of_refusal(error, target)) from None
    _set_socket(opened.transport.get_extra_info("socket"))
    return Connection(opened, target)


def refuse_in_the_clear(url: str) -> None:
    """Raise LinkError unless the URL is ``wss://``, or ``ws://`` to this machine."""
    parts = urlsplit(url)
    if not parts.hostname or parts.scheme not in ("ws", "wss"):
        raise LinkError(Failure(Trouble.FATAL, "service.url is not an address of the form wss://HOST/PATH"))
    if parts.scheme == "ws" and not is_loopback(parts.hostname):
        sentence = f"ws:// would send the key and the visitor's voice to {parts.hostname} in the clear; use wss://"
        raise LinkError(Failure(Trouble.FATAL, sentence))


def host_of(url: str) -> str:
    """The host's name in a URL."""
    return urlsplit(url).hostname or ""


def is_loopback(host: str) -> bool:
    """Whether ``host`` is this machine by its very name (nothing is looked up)."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def preload() -> None:
    """Import the library now. Any thread: it takes 45 ms on a fast machine and is not needed before the first dial."""
    _dialer()


@functools.cache
def _dialer() -> Callable[..., Any]:
    from websockets.asyncio.client import connect

    class Dialer(connect):
        """Follows no redirect: the URL may hold the key, and where it goes is the owner's decision."""

        def process_redirect(self, exc: Exception) -> Exception | str:
            return exc

    return Dialer


def _joined(pieces: Sequence[str | bytes]) -> str | bytes:
    whole = b"".join(piece if isinstance(piece, bytes) else piece.encode("utf-8") for piece in pieces)
    return whole if isinstance(pieces[0], bytes) else whole.decode("utf-8")


def _closed_error() -> type[ConnectionClosed]:
    from websockets.exceptions import ConnectionClosed

    return ConnectionClosed


def _handshake_errors() -> tuple[type[Exception], ...]:
    from websockets.exceptions import InvalidHandshake, InvalidURI

    # EOFError: the peer hung up before it had answered (some versions wrap it, some do not).
    return InvalidHandshake, InvalidURI, EOFError


def _set_socket(sock: socket.socket | None) -> None:
    if sock is None:
        return
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # tcp(7): unacknowledged data older than this breaks the connection; the kernel's own patience is 15 minutes.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, TCP_USER_TIMEOUT_MS)


def _of_refusal(error: Exception, target: Target) -> Failure:
    from websockets.exceptions import InvalidStatus, InvalidURI

    if isinstance(error, InvalidURI):
        return Failure(Trouble.FATAL, "service.url is not an address of the form wss://HOST/PATH")
    if not isinstance(error, InvalidStatus):
        return Failure(Trouble.TRANSPORT, f"{target.host} answered, but not as a WebSocket server does")
    status = error.response.status_code
    patience_s = retry_after_s(error.response.headers.get("Retry-After"), target.wall())
    trouble = http_class(target.profile, status)
    return Failure(
        trouble, _http_sentence(status, target.host, patience_s), http_status=status, retry_after_s=patience_s
    )


def _http_sentence(status: int, host: str, patience_s: float | None) -> str:
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
    if status < 300:
        return f"{host} answered HTTP {status} instead of a WebSocket; is a login page of the network in between?"
    return f"{host} refused the connection (HTTP {status})"


def _of_close(error: ConnectionClosed, target: Target, before_ready: bool) -> Failure:
    """Sort the end of a connection: by what the peer said, by what we said, or by its silence."""
    if error.rcvd is not None:
        code, reason = error.rcvd.code, target.scrub.brief(error.rcvd.reason)
        sentence = f"{target.host} closed the session ({code}{': ' + reason if reason else ''})"
        return Failure(close_class(target.profile, code, reason, before_ready), sentence, close_code=code)
    if error.sent is None:
        return Failure(Trouble.TRANSPORT, f"the connection to {target.host} broke", close_code=1006)
    code = error.sent.code
    if code == 1011:
        # The library closes with 1011 by itself when a ping stays unanswered (dialects reference 8.6).
        sentence = f"{target.host} did not answer a ping within {target.profile.ping_timeout_s:g} s"
    elif code == 1009:
        sentence = f"{target.host} sent a frame larger than {target.profile.max_frame_bytes // 2**20} MiB"
    elif code in (1002, 1007):
        sentence = f"{target.host} broke the WebSocket protocol ({code})"
    else:
        sentence = f"the session with {target.host} was closed from here ({code})"
    return Failure(Trouble.TRANSPORT, sentence, close_code=code)
