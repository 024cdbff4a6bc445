"""The way through an HTTP proxy (RFC 9110, 9.3.6): which one, if any, and a tunnel for those who only want to look."""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import os
import socket
from dataclasses import dataclass, field
from typing import Mapping
from urllib.parse import quote, unquote, urlsplit

from kioskd.link.failures import Cause, Failure, LinkError
from kioskd.wire.profile import Trouble

# RFC 8305, 5: how long the first address has for itself before the next one is tried beside it.
HAPPY_EYEBALLS_S = 0.25

HTTP_PORT = 80
MOST_BYTES = 16 << 10
SOCKS = "is a SOCKS proxy, which is not spoken here; name an HTTP proxy (http://HOST:PORT)"
WITHIN_TLS = "is spoken to by TLS (https://), which is not done here; what goes through it is encrypted all the same"
NO_ADDRESS = "is not the address of a proxy; write http://HOST:PORT"

# What ``service[].proxy`` says where the environment shall not be followed.
NONE = "none"


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy."""

    host: str
    port: int
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    @property
    def address(self) -> str:
        """As a URL, credentials included: never shown."""
        login = f"{quote(self.user, safe='')}:{quote(self.password or '', safe='')}@" if self.user else ""
        return f"http://{login}{named(self.host)}:{self.port}"

    @property
    def name(self) -> str:
        """For sentences."""
        return f"the proxy {self.host}"

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no log may hold, as it is and as it is sent."""
        return (self.password, (self.authorization or "").removeprefix("Basic ")) if self.password else ()

    @property
    def authorization(self) -> str | None:
        """The value of ``Proxy-Authorization`` (RFC 7617); None: nobody asked for one."""
        if not self.user:
            return None
        return "Basic " + base64.b64encode(f"{self.user}:{self.password or ''}".encode()).decode("ascii")


def parsed(address: str, user: str | None = None, password: str | None = None) -> Proxy:
    """A proxy by its address. Credentials given apart win over those in the address.

    Raises:
        ValueError: a sentence, which never quotes the address: it may hold the password.
    """
    try:
        parts = urlsplit(address if "://" in address else f"http://{address}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(f"the proxy {NO_ADDRESS}") from None
    if parts.scheme.startswith("socks"):
        raise ValueError(f"the proxy {SOCKS}")
    if parts.scheme == "https":
        raise ValueError(f"the proxy {WITHIN_TLS}; name it as http://HOST:PORT")
    if not host or parts.scheme != "http" or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError(f"the proxy {NO_ADDRESS}")
    if user is None and parts.username:
        user, password = unquote(parts.username), unquote(parts.password or "")
    return Proxy(host, port or HTTP_PORT, user, password)


def from_environment(host: str, port: int, env: Mapping[str, str]) -> str | None:
    """The address in ``HTTPS_PROXY``, unless ``NO_PROXY`` excepts this host; None: go straight."""
    address = env.get("https_proxy") or env.get("HTTPS_PROXY")
    excepted = env.get("no_proxy") or env.get("NO_PROXY") or ""
    return None if not address or excepts(excepted, host, port) else address


def excepts(no_proxy: str, host: str, port: int) -> bool:
    """Whether a ``NO_PROXY`` list names this host: ``*``, a name with all below it, an address, a network; with or
    without a port. (There is no standard; this is what curl and Go do.)
    """
    host = host.lower().rstrip(".")
    for entry in no_proxy.lower().replace(",", " ").split():
        name, colon, number = entry.rpartition(":")
        if colon and number.isdecimal() and (":" not in name or name.endswith("]")):
            if int(number[:6]) != port:
                continue
            entry = name
        entry = entry.strip("[]").rstrip(".")
        bare = entry.lstrip("*").lstrip(".")
        if entry == "*" or host == bare or (bare and host.endswith("." + bare)) or _within(entry, host):
            return True
    return False


def _within(network: str, host: str) -> bool:
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def named(host: str) -> str:
    """A host as an address writes it: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


async def socket_through(proxy: Proxy, host: str, port: int) -> socket.socket:
    """As ``tunnel``: a connected socket that does not block."""
    # Behind the proxy's answer nobody speaks before we do (TLS, HTTP): nothing can be left in the reader.
    _, writer = await tunnel(proxy, host, port)
    own = socket.socket(fileno=os.dup(writer.transport.get_extra_info("socket").fileno()))
    own.setblocking(False)
    writer.transport.abort()  # closes its own descriptor; the connection is ours
    return own


async def tunnel(proxy: Proxy, host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A way to ``host`` through the proxy, for TLS to begin in. Loop only; the caller bounds the time.

    Raises:
        OSError: the proxy cannot be reached.
        LinkError: it does not let us through.
    """
    reader, writer = await asyncio.open_connection(
        proxy.host, proxy.port, limit=MOST_BYTES, happy_eyeballs_delay=HAPPY_EYEBALLS_S
    )
    try:
        place = f"{named(host)}:{port}"
        login = f"Proxy-Authorization: {proxy.authorization}\r\n" if proxy.authorization else ""
        writer.write(f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n{login}\r\n".encode("ascii", "replace"))
        words = (await reader.readuntil(b"\r\n\r\n")).split(None, 2)
        status = int(words[1]) if len(words) > 1 and words[1].isdigit() else 0
        if not 200 <= status < 300:
            raise LinkError(of_status(status, proxy, host))
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        writer.transport.abort()
        raise LinkError(of_nonsense(proxy)) from None
    except BaseException:
        writer.transport.abort()
        raise
    return reader, writer


def of_nonsense(proxy: Proxy) -> Failure:
    """What answered is no proxy."""
    return Failure(Trouble.TRANSPORT, f"{proxy.name} did not answer as a proxy does; check proxy", cause=Cause.PROXY)


def of_status(status: int, proxy: Proxy, host: str) -> Failure:
    """A proxy's answer to CONNECT that is not 2xx."""
    if status == 407:
        said = "does not accept user and password" if proxy.user else "wants user and password"
        sentence = f"{proxy.name} {said} (HTTP 407); set proxy.user and proxy.password"
        return Failure(Trouble.FATAL, sentence, http_status=status, cause=Cause.PROXY)
    if status in (403, 405):
        sentence = f"{proxy.name} does not let this kiosk through to {host} (HTTP {status}); ask who runs it"
        return Failure(Trouble.FATAL, sentence, http_status=status, cause=Cause.PROXY)
    sentence = f"{proxy.name} could not connect to {host} (HTTP {status})"
    return Failure(Trouble.TRANSPORT, sentence, http_status=status, cause=Cause.PROXY)
