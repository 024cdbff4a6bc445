"""Looks who answers where TLS with a service failed: a hotel's login page says so over plain HTTP.

Nothing secret is asked or sent: one ``GET /`` to the service's own name, at port 80.
"""

from __future__ import annotations

import asyncio
import ssl
from urllib.parse import urlsplit

from kioskd.link.failures import Failure, Sign, date_s, of_network
from kioskd.link.proxy import HAPPY_EYEBALLS_S, Proxy

HTTP_PORT = 80

# A login page is near: it is in this building. A guess.
LOOK_S = 2.0
MOST_BYTES = 16 << 10

# RFC 6585, 6: Network Authentication Required. It is made for this, and no service says it of itself.
NETWORK_LOGIN = 511


async def explained(error: OSError, host: str, wall_s: float, proxy: Proxy | None = None) -> Failure:
    """What ``error`` means, with a look at who answers where TLS failed. Loop only; at most ``LOOK_S`` longer."""
    if proxy is None:
        return of_network(error, host, wall_s, await look(host) if isinstance(error, ssl.SSLError) else None)
    # Behind a proxy there may be no other way to look. What is not about TLS happened on the way to the proxy itself.
    return of_network(error, host if isinstance(error, ssl.SSLError) else proxy.name, wall_s)


async def look(host: str) -> Sign | None:
    """What answers at ``host`` in plain HTTP; None if nobody does."""
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(LOOK_S):
            reader, writer = await asyncio.open_connection(
                host, HTTP_PORT, limit=MOST_BYTES, happy_eyeballs_delay=HAPPY_EYEBALLS_S
            )
            name = f"[{host}]" if ":" in host else host
            writer.write(f"GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode("ascii", "replace"))
            head = await reader.readuntil(b"\r\n\r\n")
    except (OSError, UnicodeError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        return None
    finally:
        if writer is not None:
            writer.transport.abort()
    return read(head.decode("latin-1"), host)


def read(head: str, host: str) -> Sign | None:
    """The head of an HTTP answer as a sign; None if it is none."""
    first, *lines = head.split("\r\n")
    words = first.split(" ", 2)
    if len(words) < 2 or not words[0].startswith("HTTP/") or not words[1].isdecimal():
        return None
    fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    login, leads_to = judged(int(words[1][:3]), fields.get("location", ""), host)
    return Sign(login, leads_to, date_s(fields.get("date")))


def judged(status: int, location: str, host: str) -> tuple[bool, str]:
    """Whether this answer is a login page's, and the host that it leads to ("": none that could be shown)."""
    if status == NETWORK_LOGIN or 200 <= status < 300:
        return True, ""
    if not 300 <= status < 400 or not location:
        return False, ""
    try:
        parts = urlsplit(location)
        elsewhere = parts.hostname or ""
    except ValueError:
        return True, ""
    # A service that answers here at all leads to itself, with TLS.
    at_home = elsewhere in ("", host.lower()) and parts.scheme in ("", "https", "wss")
    shown = elsewhere if elsewhere.isascii() and elsewhere.isprintable() and len(elsewhere) < 100 else ""
    return not at_home, "" if at_home else shown
