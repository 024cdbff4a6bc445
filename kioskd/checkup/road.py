"""Walks the road to a service hop by hop: name, connection, proxy, TLS, one plain answer. No session is opened.

The last step is a GET without key and without an upgrade: the service refuses it, which costs nothing, and its answer
tells the time of day. What makes sentences of faults, and the way through a proxy, are given (they are the link's).
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Awaitable, Callable, Mapping, ParamSpec, TypeVar

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
# Within a proxy's tunnel the name is looked up by the proxy.
Tunnel = Callable[[], Awaitable[Streams]]
MOST_BYTES = 16 << 10
HOPS = ("dns", "connect", "proxy", "tls", "answer")
P = ParamSpec("P")
T = TypeVar("T")


class Apart(ThreadPoolExecutor):
    """For a loop that looks up names: each call has a thread of its own that nobody waits for at the end. A name that a
    dead resolver looks up blocks its thread for half a minute; the loop, and the interpreter, would wait for it.
    """

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Call it."""
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()

        def call() -> None:
            try:
                future.set_result(fn(*args, **kwargs))
            except Exception as error:  # the boundary of the thread: whoever waits gets it
                future.set_exception(error)

        threading.Thread(target=call, name="lookup", daemon=True).start()
        return future


@dataclass(frozen=True, slots=True)
class Road:
    """Where to.

    Attributes:
        host, port: of the service.
        encrypted: TLS.
        path: asked for in plain HTTP; without query and key.
        tunnel: opens a connection through the proxy; None: there is none.
        proxy: its name, for sentences.
    """

    host: str
    port: int
    encrypted: bool
    path: str = "/"
    tunnel: Tunnel | None = None
    proxy: str = ""


@dataclass(slots=True)
class Walk:
    """How far one came.

    Attributes:
        took_ms: by hop, those that were passed.
        failed: the hop that was not; empty when all were.
        error: what it said.
        addresses: what the name leads to.
        certificate: as ``ssl.SSLSocket.getpeercert`` has it.
        tls: version and cipher.
        status: of the plain answer.
        date_s: the time of day that the service says.
        wall_s: what this machine took for the time then.
    """

    took_ms: dict[str, float] = field(default_factory=dict)
    failed: str = ""
    error: Exception | None = None
    addresses: tuple[str, ...] = ()
    certificate: Mapping[str, object] = field(default_factory=dict)
    tls: str = ""
    status: int = 0
    date_s: float | None = None
    wall_s: float = 0.0

    @property
    def total_ms(self) -> float:
        """Until the first answer could have come: everything but the answer itself."""
        return sum(ms for hop, ms in self.took_ms.items() if hop != "answer")


async def walk(road: Road, context: ssl.SSLContext | None, timeout_s: float) -> Walk:
    """Go there once. Never raises for a road that ends.

    Args:
        context: verifies the certificate; needed where the road is encrypted.
        timeout_s: for each hop.
    """
    done = Walk()
    writer: asyncio.StreamWriter | None = None
    hop = "dns"
    began = time.monotonic()

    def passed(name: str) -> None:
        nonlocal began
        now = time.monotonic()
        done.took_ms[name], began = (now - began) * 1000, now

    try:
        if road.tunnel is None:
            async with asyncio.timeout(timeout_s):
                done.addresses = await _resolve(road.host, road.port)
            passed(hop)
            hop = "connect"
            reader, writer = await _connect(done.addresses, road.port, timeout_s)
        else:
            hop = "proxy"
            async with asyncio.timeout(timeout_s):
                reader, writer = await road.tunnel()
        passed(hop)
        if context is not None and road.encrypted:
            hop = "tls"
            async with asyncio.timeout(timeout_s):
                await writer.start_tls(context, server_hostname=road.host)
            passed(hop)
            _look_at(writer, done)
        hop = "answer"
        async with asyncio.timeout(timeout_s):
            await _ask(road, reader, writer, done)
        passed(hop)
    except Exception as error:  # the boundary of the walk: where it ended is what it is for
        done.failed, done.error = hop, error
    finally:
        if writer is not None:
            writer.transport.abort()
    return done


async def _resolve(host: str, port: int) -> tuple[str, ...]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(row[4][0]) for row in found))


async def _connect(addresses: tuple[str, ...], port: int, timeout_s: float) -> Streams:
    """To the first address that answers: an installer wants to know that one family does not work, and how long.
    All together have ``timeout_s``, each its share of what is left.
    """
    last: OSError = OSError("no address")
    until = time.monotonic() + timeout_s
    for tried, address in enumerate(addresses):
        try:
            async with asyncio.timeout((until - time.monotonic()) / (len(addresses) - tried)):
                return await asyncio.open_connection(address, port, limit=MOST_BYTES)
        except OSError as error:
            last = error
    raise last


def _look_at(writer: asyncio.StreamWriter, done: Walk) -> None:
    tls = writer.get_extra_info("ssl_object")
    if tls is not None:
        done.certificate = tls.getpeercert() or {}
        cipher = tls.cipher()
        done.tls = f"{tls.version()}{f' {cipher[0]}' if cipher else ''}"


async def _ask(road: Road, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, done: Walk) -> None:
    name = f"[{road.host}]" if ":" in road.host else road.host
    request = f"GET {road.path} HTTP/1.1\r\nHost: {name}\r\nUser-Agent: kioskctl\r\nConnection: close\r\n\r\n"
    writer.write(request.encode("ascii", "replace"))
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.split("\r\n")
    words = first.split(" ", 2)
    if len(words) < 2 or not words[0].startswith("HTTP/") or not words[1].isdecimal():
        raise ConnectionError("what answers does not speak HTTP")
    done.status, done.wall_s = int(words[1][:3]), time.time()
    fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    try:
        done.date_s = parsedate_to_datetime(fields["date"]).timestamp()
    except (KeyError, ValueError, OverflowError):
        done.date_s = None
