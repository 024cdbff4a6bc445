"""What the link wants of the socket under a connection: to notice a vanished peer, and to be read in small sips."""

from __future__ import annotations

import asyncio
import socket
from asyncio import sslproto

# Dialects reference 8.7. Beside the pings of the profile: whichever notices first that a peer vanished. With these
# numbers a peer whose packets no longer come is noticed within 25 s: 20 s behind the first byte that it does not
# acknowledge, and where nothing is sent a keep-alive goes out after 15 s. A peer that something on the way still
# acknowledges for (a proxy, a NAT box) is noticed by the ping alone: ping_interval_s + ping_timeout_s, 50 s.
TCP_USER_TIMEOUT_MS = 20_000
KEEP_ALIVE_IDLE_S = 15
KEEP_ALIVE_INTERVAL_S = 5
KEEP_ALIVE_COUNT = 3

# asyncio hands on up to 256 KiB at once, and the library takes all frames of it apart before anything else has its
# turn: 4 to 8 ms while a long answer comes faster than it is spoken (loop_lag_ms). An eighth of that is a dozen frames.
SIP_BYTES = 32 * 1024


def sip() -> None:
    """Bound what one turn of the loop reads of a connection; called before it is opened.

    asyncio has no public way to say it: the length stands in ``max_size`` of whatever reads the socket. That is the
    transport, or under TLS its protocol, which makes a buffer of that length when it is made: so it is set for the
    class. Nothing else in this process has asyncio speak TLS but the short dials of the link's probes and tokens.
    """
    sslproto.SSLProtocol.max_size = SIP_BYTES


def tend(transport: asyncio.BaseTransport) -> None:
    """Set up the socket of an open connection, encrypted or not."""
    if hasattr(transport, "max_size"):  # where it has none (a loop that is not asyncio's own) all stays as it is
        transport.max_size = SIP_BYTES
    sock = transport.get_extra_info("socket")
    if sock is None:
        return
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # tcp(7): unacknowledged data older than this breaks the connection; the kernel's own patience is 15 minutes.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, TCP_USER_TIMEOUT_MS)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEP_ALIVE_IDLE_S)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEP_ALIVE_INTERVAL_S)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, KEEP_ALIVE_COUNT)
