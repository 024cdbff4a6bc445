"""One WebSocket, from the dial to the hang-up. The only importer of ``websockets`` in this room.

The library's own reconnect loop is not used: it forgets its backoff as soon as a handshake succeeds, so a server that
accepts and hangs up is called more than a thousand times a second. One connection here, one loop in supervisor.py.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import socket
import ssl
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Callable, Mapping, Sequence
from urllib.parse import urlsplit

from kioskd.config.addresses import is_loopback
from kioskd.link.failures import Failure, LinkError, of_name, of_timeout
from kioskd.link.portal import explained
from kioskd.link.proxy import HAPPY_EYEBALLS_S, Proxy, socket_through
from kioskd.link.redaction import Scrub
from kioskd.link.refusals import Answer, of_close, of_upgrade
from kioskd.link.sockets import sip, tend
from kioskd.wire.profile import Profile, Trouble

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection
    from websockets.datastructures import Headers
    from websockets.exceptions import ConnectionClosed

# Frames that may wait unread before TCP holds the service back; each may be as large as the profile allows.
LONGEST_QUEUE = 8

# Pieces of one message (RFC 6455, 5.4); services send theirs whole. Empty pieces weigh nothing in ``max_size``, and the
# library collects them without a bound before its version 17.4: measured, 25 MB a second, for ever.
MOST_FRAGMENTS = 4096

# RFC 6455, 7.4.1
POLICY_VIOLATION = 1008

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
        proxy: None: straight.
        compress: offer to compress frames (RFC 7692).
        wall: the time of day in seconds since 1970.
    """

    profile: Profile
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    scrub: Scrub = field(repr=False)
    subprotocols: Sequence[str] = field(default=(), repr=False)
    open_timeout_s: float = 10.0
    close_timeout_s: float = 1.0
    proxy: Proxy | None = None
    compress: bool = False
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
                pieces.append(piece if isinstance(piece, str) else bytes(piece))  # some versions give bytearrays
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

    async def alive(self, within_s: float) -> bool:
        """Whether the peer answers a ping in that time: for when the network changed under an open connection."""
        try:
            async with asyncio.timeout(within_s):
                await (await self._socket.ping())
        except (TimeoutError, _closed_error()):
            return False
        return True

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
    sip()
    proxy = target.proxy
    try:
        # Reading the certificate bundle takes tens of milliseconds on a small board: not on the loop.
        encrypted = target.url.startswith("wss:")
        context = await asyncio.to_thread(ssl.create_default_context) if encrypted else None
        async with asyncio.timeout(target.open_timeout_s):
            opened = await _open(target, context)
    except TimeoutError:
        through = target.host if proxy is None else f"{target.host} (through {proxy.name})"
        raise LinkError(of_timeout(through, target.open_timeout_s)) from None
    except UnicodeError:
        raise LinkError(of_name(target.host)) from None
    except OSError as error:
        raise LinkError(await explained(error, target.host, target.wall(), proxy)) from None
    except _handshake_errors() as error:
        # ``from None`` here and above: the library's texts may hold the URL, and the URL the key.
        raise LinkError(_of_refusal(error, target)) from None
    tend(opened.transport)
    return Connection(opened, target)


async def _open(target: Target, context: ssl.SSLContext | None) -> ClientConnection:
    sock: socket.socket | None = None
    if target.proxy is not None:
        # Our own tunnel and not the library's, which before 17.4 sends a password as the address spells it.
        sock = await socket_through(target.proxy, target.host, urlsplit(target.url).port or (443 if context else 80))
    try:
        opened: ClientConnection = await _dialer()(
            target.url,
            additional_headers=dict(target.headers),
            subprotocols=list(target.subprotocols) or None,
            # 70 us a frame for half the bytes: only where bytes are paid for.
            compression="deflate" if target.compress else None,
            proxy=None,
            sock=sock,
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
    except BaseException:
        if sock is not None:
            sock.close()  # nobody took it over, or whoever did has closed it
        raise
    return opened


def refuse_in_the_clear(url: str) -> None:
    """Raise LinkError unless the URL is ``wss://``, or ``ws://`` to this machine."""
    parts = urlsplit(url)
    if not parts.hostname or parts.scheme not in ("ws", "wss"):
        raise LinkError(Failure(Trouble.FATAL, "service.url is not an address of the form wss://HOST/PATH"))
    if parts.scheme == "ws" and not is_loopback(parts.hostname):
        sentence = f"ws:// would send the key and the visitor's voice to {parts.hostname} in the clear; use wss://"
        raise LinkError(Failure(Trouble.FATAL, sentence))


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


def _of_refusal(error: Exception, target: Target) -> Failure:
    from websockets.exceptions import InvalidStatus, InvalidURI

    if isinstance(error, InvalidURI):
        return Failure(Trouble.FATAL, "service.url is not an address of the form wss://HOST/PATH")
    if not isinstance(error, InvalidStatus):
        return Failure(Trouble.TRANSPORT, f"{target.host} answered, but not as a WebSocket server does")
    headers = error.response.headers
    answer = Answer(
        error.response.status_code,
        _first(headers, "Location"),
        _first(headers, "Retry-After"),
        _first(headers, "Date"),
    )
    return of_upgrade(answer, target.profile, target.host, target.wall())


def _first(headers: Headers, name: str) -> str:
    """A header that should stand there once; a peer that sends it more often is not argued with."""
    found = headers.get_all(name)
    return found[0] if found else ""


def _of_close(error: ConnectionClosed, target: Target, before_ready: bool) -> Failure:
    received = None if error.rcvd is None else (error.rcvd.code, target.scrub.brief(error.rcvd.reason))
    sent = None if error.sent is None else error.sent.code
    return of_close(received, sent, target.profile, target.host, before_ready)
