"""One HTTP request that cannot run away: time and size are bounded, TLS is verified, and no other host is visited.

The proxy variables of the environment are ignored, because a variable that somebody set for another program must not
see who calls for help. What goes unencrypted goes to this device, or, where the owner says ``lan``, to a private
address: judged by the peer that was really reached, so that no name server can lead it elsewhere.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Callable, Iterator, Mapping, NamedTuple
from urllib.parse import urljoin, urlsplit

if TYPE_CHECKING:
    from http.client import HTTPConnection, HTTPResponse
    from ssl import SSLContext

USER_AGENT = "kioskd"
# 408, 425, 429 ask for another try; 5xx is the server's own trouble (RFC 9110 section 15.6).
AGAIN = frozenset({408, 425, 429})
MOVED = frozenset({301, 302, 303, 307, 308})
MOST_HOPS = 3
# So often a line is hung up once the time is over. A guess.
AGAIN_S = 0.1


class WebError(Exception):
    """No answer was had; the text is a sentence. ``again``: another attempt may help."""

    def __init__(self, sentence: str, again: bool) -> None:
        super().__init__(sentence)
        self.again = again


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked.

    Attributes:
        what: names the service in sentences, as "the webhook".
        lan: http:// is allowed to a private address.
        most_bytes: of the answer's body.
        token_key: where the owner said where the token lies, for a sentence.
    """

    url: str
    timeout_s: float
    what: str = "the service"
    method: str = "GET"
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    lan: bool = False
    most_bytes: int = 16 * 1024
    token_key: str = "token"


class Reply(NamedTuple):
    """An answer with a status of 200 to 299.

    Attributes:
        headers: names in lower case.
        cut: why ``body`` is not whole, a sentence; then it is empty.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    cut: str = ""


def ask(wish: Wish) -> Reply:
    """Ask, and wait for the answer: at most ``timeout_s``, but for the name server. A worker thread only.

    Raises:
        WebError: there is no answer, or not a good one.
    """
    deadline = time.monotonic() + wish.timeout_s
    url = wish.url
    for _ in range(MOST_HOPS):
        reply = _once(wish, url, deadline)
        if reply.status not in MOVED:
            return _good(wish, reply)
        url = _followed(wish, url, reply)
    raise WebError(f"{wish.what} redirects in circles.", False)


def unsafe(url: str, lan: bool = False) -> str:
    """Why nothing is sent to this address; empty when it may be."""
    parts = urlsplit(url)
    if parts.username is not None or parts.password is not None:
        return "the address holds a user name; give a token instead"
    if parts.scheme == "https" and parts.hostname:
        return ""
    if parts.scheme != "http" or not parts.hostname:
        return "the address must begin with https:// (or http:// for a service on this device)"
    if lan or parts.hostname == "localhost" or _is_loopback(parts.hostname):
        return ""
    return "http:// is not encrypted and this is not loopback; use https://"


def is_private(address: str) -> bool:
    """Whether an address can only be this device or one of its own network."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return found.is_loopback or found.is_link_local or (found.is_private and not found.is_unspecified)


@contextmanager
def hung_up(deadline: float, sock: Callable[[], socket.socket | None]) -> Iterator[None]:
    """Hang up at the deadline, whatever the peer does meanwhile: a byte now and then outlives every timeout.

    It is done again and again until whoever talks has noticed: at the deadline there may be no line yet, and while TLS
    is begun the line is another one.
    """
    over = threading.Event()

    def hang_up() -> None:
        left_s = max(0.0, deadline - time.monotonic())
        while not over.wait(left_s):
            left_s = AGAIN_S
            line = sock()
            if line is not None:
                try:
                    # Of the socket itself: an SSLSocket's own would take the encryption off before it hangs up.
                    socket.socket.shutdown(line, socket.SHUT_RDWR)
                except OSError:
                    pass  # it has hung up already, or has just become a line with TLS

    threading.Thread(target=hang_up, name="kioskd-deadline", daemon=True).start()
    try:
        yield
    finally:
        over.set()


def _once(wish: Wish, url: str, deadline: float) -> Reply:
    # Imported here: with TLS they cost megabytes, and most kiosks never ask a service.
    from http.client import HTTPException

    trouble = unsafe(url, wish.lan)
    if trouble:
        raise WebError(f"{wish.what}: {trouble}.", False)
    connection: HTTPConnection | None = None
    line: socket.socket | None = None
    try:
        connection, context = _connection(url)
        # The connection forgets its socket when the peer ends it with the answer, and the answer is still to be read.
        with hung_up(deadline, lambda: line):
            connection.sock = line = _dialled(connection, deadline)
            if context is not None:
                connection.sock = line = context.wrap_socket(line, server_hostname=connection.host)
            if time.monotonic() >= deadline:
                raise TimeoutError  # nothing is asked that nobody waits for any more
            _judge_peer(wish, url, connection)
            parts = urlsplit(url)
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request(wish.method, target, wish.body, {"User-Agent": USER_AGENT, **wish.headers})
            answer = connection.getresponse()
            if time.monotonic() >= deadline:
                raise TimeoutError  # what was hung up looks as if the peer had ended it
            return _read(wish, answer, deadline)
    except (OSError, ValueError, HTTPException) as error:
        raise _unreachable(wish.what, error, time.monotonic() >= deadline) from error
    finally:
        if connection is not None:
            connection.close()


def _connection(url: str) -> tuple[HTTPConnection, SSLContext | None]:
    """Not dialled yet. The port is always given: else the end of an IPv6 address would be taken for one."""
    from http.client import HTTPConnection, HTTPSConnection
    from ssl import create_default_context

    parts = urlsplit(url)
    assert parts.hostname is not None
    if parts.scheme != "https":
        return HTTPConnection(parts.hostname, parts.port or 80), None
    context = create_default_context()
    return HTTPSConnection(parts.hostname, parts.port or 443, context=context), context


def _dialled(connection: HTTPConnection, deadline: float) -> socket.socket:
    """A line to the first of the name's addresses that answers; all of them share the time that is left.

    Raises:
        OSError: none does.
    """
    found = socket.getaddrinfo(connection.host, connection.port, type=socket.SOCK_STREAM)
    for place, (family, kind, protocol, _, address) in enumerate(found, 1):
        left_s = max(0.05, deadline - time.monotonic())
        line = socket.socket(family, kind, protocol)
        try:
            line.settimeout(left_s / (1 + len(found) - place))
            line.connect(address)
            line.settimeout(max(0.05, deadline - time.monotonic()))
            return line
        except OSError:
            line.close()
            if place == len(found) or time.monotonic() >= deadline:
                raise
    raise OSError("the name has no address")


def _judge_peer(wish: Wish, url: str, connection: HTTPConnection) -> None:
    if urlsplit(url).scheme == "https":
        return
    peer = connection.sock.getpeername()[0]
    if not (_is_loopback(peer) or (wish.lan and is_private(peer))):
        raise WebError(f"{wish.what} is at {peer}, which is not of this network: use https://.", False)


def _read(wish: Wish, answer: HTTPResponse, deadline: float) -> Reply:
    headers = {name.lower(): value for name, value in answer.getheaders()}
    pieces: list[bytes] = []
    size_bytes = 0
    try:
        while piece := answer.read1(4096):
            pieces.append(piece)
            size_bytes += len(piece)
            if size_bytes > wish.most_bytes:
                return Reply(answer.status, headers, b"", f"its answer is longer than {wish.most_bytes} bytes.")
    except (OSError, ValueError) as error:
        return Reply(answer.status, headers, b"", f"its answer broke off ({type(error).__name__}).")
    length = headers.get("content-length", "")
    if time.monotonic() >= deadline or (length.isdecimal() and int(length) != size_bytes):
        return Reply(answer.status, headers, b"", "its answer broke off.")
    return Reply(answer.status, headers, b"".join(pieces))


def _followed(wish: Wish, url: str, reply: Reply) -> str:
    """Where it leads, for a GET within the same host: a token is for one host, and a body is sent once."""
    where = reply.headers.get("location", "")
    try:
        to = urljoin(url, where)
        stays = _origin(to) == _origin(url)
    except ValueError:
        stays = False
    if wish.method != "GET" or not where or not stays:
        sentence = f"{wish.what} redirects (HTTP {reply.status}), which is not followed; write its final address."
        raise WebError(sentence, False)
    return to


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port


def _good(wish: Wish, reply: Reply) -> Reply:
    if 200 <= reply.status < 300:
        return reply
    if reply.status in (401, 403):
        raise WebError(f"{wish.what} refuses the token (HTTP {reply.status}); see {wish.token_key}.", False)
    raise WebError(f"{wish.what} answered HTTP {reply.status}.", reply.status >= 500 or reply.status in AGAIN)


def _unreachable(what: str, error: Exception, late: bool) -> WebError:
    from ssl import SSLCertVerificationError

    if isinstance(error, SSLCertVerificationError):
        why = f"{what}'s certificate cannot be verified ({error.verify_message}); is the clock right?"
        return WebError(why, False)
    if late or isinstance(error, TimeoutError):
        return WebError(f"{what} did not answer in time.", True)
    text = getattr(error, "strerror", None) or type(error).__name__
    return WebError(f"{what} cannot be reached: {text}.", True)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
