"""Hears of changes of the network from the kernel (rtnetlink(7)), so that nobody waits for a backoff after a cable was
plugged in. Needs no library. Where the kernel does not tell, the table of routes is looked at.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from typing import Callable, Hashable, Iterator, NamedTuple

log = logging.getLogger(__name__)

# linux/rtnetlink.h
RTMGRP_LINK, RTMGRP_IPV4_IFADDR, RTMGRP_IPV4_ROUTE = 0x1, 0x10, 0x40
RTMGRP_IPV6_IFADDR, RTMGRP_IPV6_ROUTE = 0x100, 0x400
GROUPS = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_IFADDR | RTMGRP_IPV6_ROUTE
RTM_NEWLINK, RTM_DELLINK, RTM_NEWADDR, RTM_DELADDR, RTM_NEWROUTE, RTM_DELROUTE = 16, 17, 20, 21, 24, 25
RTA_OIF, RTA_GATEWAY, RTA_PRIORITY, IFA_ADDRESS = 4, 5, 6, 1
RT_TABLE_MAIN = 254
# linux/if.h, linux/if_addr.h
IFF_UP, IFF_RUNNING, IFF_LOWER_UP = 0x1, 0x40, 0x10000
UP = IFF_UP | IFF_RUNNING | IFF_LOWER_UP
IFA_F_TENTATIVE = 0x40  # not to be used before the kernel has asked the neighbours (RFC 4862, 5.4)

_MESSAGE = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_LINK = struct.Struct("=BxHiII")
_ADDRESS = struct.Struct("=BBBBI")
_ROUTE = struct.Struct("=BBBBBBBBI")
DATAGRAM_BYTES = 64 << 10

# A cable that is plugged in comes as a burst: link, address, route, over a second or more (DHCP). One change is told
# when it has been quiet for so long; at the latest after the other. Guesses.
QUIET_S = 0.5
LATEST_S = 3.0

# More interfaces, addresses and default routes than any kiosk has: beyond it the memory of them begins anew.
MOST_KNOWN = 1024

# What /proc/net/route is for this very thread, also where the unit shows nothing of /proc but processes.
ROUTES = ("/proc/thread-self/net/route", "/proc/thread-self/net/ipv6_route")
MOST_BYTES = 256 << 10
POLL_S = 2.0


class Fact(NamedTuple):
    """One thing that the kernel said: what it is about, and how it stands now; None: it is gone."""

    about: Hashable
    state: Hashable


def facts(datagram: bytes) -> Iterator[Fact]:
    """What a datagram of rtnetlink says about links, addresses and default routes of the main table. Never raises."""
    at = 0
    while at + _MESSAGE.size <= len(datagram):
        size, kind, _, _, _ = _MESSAGE.unpack_from(datagram, at)
        if size < _MESSAGE.size:
            return
        fact = _fact(kind, datagram[at + _MESSAGE.size : at + size])
        if fact is not None:
            yield fact
        at += (size + 3) & ~3


def _fact(kind: int, body: bytes) -> Fact | None:
    try:
        if kind in (RTM_NEWLINK, RTM_DELLINK):
            _, _, index, flags, _ = _LINK.unpack_from(body)
            # Wi-Fi drivers tell of every scan as news of the link; only that it can be used is news here.
            return Fact(("link", index), flags & UP if kind == RTM_NEWLINK else None)
        if kind in (RTM_NEWADDR, RTM_DELADDR):
            family, length, flags, _, index = _ADDRESS.unpack_from(body)
            address = _attributes(body[_ADDRESS.size :]).get(IFA_ADDRESS, b"")
            # A router that is heard again tells every address again; only one that is new is news.
            state = flags & IFA_F_TENTATIVE if kind == RTM_NEWADDR else None
            return Fact(("address", index, family, length, address), state)
        if kind in (RTM_NEWROUTE, RTM_DELROUTE):
            family, length, _, _, table, _, _, _, _ = _ROUTE.unpack_from(body)
            if length or table != RT_TABLE_MAIN:
                return None  # not a default route
            given = _attributes(body[_ROUTE.size :])
            about = "route", family, given.get(RTA_OIF), given.get(RTA_GATEWAY), given.get(RTA_PRIORITY)
            return Fact(about, kind == RTM_NEWROUTE or None)
    except struct.error:
        log.debug("= a message of rtnetlink ends too early")
    return None


def _attributes(body: bytes) -> dict[int, bytes]:
    found, at = {}, 0
    while at + _ATTRIBUTE.size <= len(body):
        size, kind = _ATTRIBUTE.unpack_from(body, at)
        if size < _ATTRIBUTE.size:
            break
        found[kind] = body[at + _ATTRIBUTE.size : at + size]
        at += (size + 3) & ~3
    return found


class Burst:
    """Many news, one change. Loop only.

    Args:
        told: called once the news have been quiet for ``quiet_s``, at the latest ``latest_s`` after the first.
    """

    def __init__(self, told: Callable[[], None], quiet_s: float = QUIET_S, latest_s: float = LATEST_S) -> None:
        self._told = told
        self._quiet_s = quiet_s
        self._latest_s = latest_s
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._latest_at = 0.0

    def news(self) -> None:
        """Something happened."""
        now = self._loop.time()
        if self._timer is None:
            self._latest_at = now + self._latest_s
        else:
            self._timer.cancel()
        self._timer = self._loop.call_at(min(now + self._quiet_s, self._latest_at), self._tell)

    def stop(self) -> None:
        """Tell nothing any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tell(self) -> None:
        self._timer = None
        self._told()


class Network:
    """Tells when the network changed. Loop only.

    Args:
        changed: called for each change; a burst of news is one.

    Attributes:
        how: how it gets to know, for status: a sentence.
        changes: how many were told.
    """

    def __init__(self, changed: Callable[[], None], quiet_s: float = QUIET_S, latest_s: float = LATEST_S) -> None:
        self._changed = changed
        self._burst = Burst(self._tell, quiet_s, latest_s)
        self._known: dict[Hashable, Hashable] = {}
        self._socket: socket.socket | None = None
        self._routes: tuple[bytes, ...] = ()
        self._polled_at = float("-inf")
        self.how = "nothing is watched yet"
        self.changes = 0

    def start(self, family: int = socket.AF_NETLINK) -> None:
        """Listen, or look from now on.

        Args:
            family: another one than rtnetlink's fails, as it does on a system that forbids it.
        """
        try:
            listener = socket.socket(family, socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, 0)
        except OSError as error:
            self._look_instead(error)
            return
        try:
            listener.bind((0, GROUPS))
        except (OSError, TypeError) as error:
            listener.close()
            self._look_instead(error)
            return
        self._socket = listener
        asyncio.get_running_loop().add_reader(listener, self._readable)
        self.how = "the kernel tells of changes"

    def tick(self, now: float) -> None:
        """To be called at least each ``POLL_S``; looks at the routes where the kernel does not tell."""
        if self._socket is not None or now - self._polled_at < POLL_S:
            return
        self._polled_at = now
        routes = routes_now()
        if routes != self._routes:
            self._routes = routes
            self._burst.news()

    def stop(self) -> None:
        """Hear no more."""
        self._burst.stop()
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    def _look_instead(self, error: Exception) -> None:
        why = getattr(error, "strerror", None) or type(error).__name__
        self.how = f"the table of routes is looked at each {POLL_S:g} s (no news from the kernel: {why})"
        log.warning("= %s; is AF_NETLINK missing in RestrictAddressFamilies= of the unit?", self.how)
        self._routes = routes_now()

    def _readable(self) -> None:
        assert self._socket is not None
        try:
            datagram, sender = self._socket.recvfrom(DATAGRAM_BYTES)
        except BlockingIOError:
            return
        except OSError:
            # ENOBUFS: more happened than fits; what it was is lost, and that is news enough.
            self._known.clear()
            self._burst.news()
            return
        if sender[0] == 0 and any([self._is_news(fact) for fact in facts(datagram)]):  # 0: the kernel, and nobody else
            self._burst.news()

    def _is_news(self, fact: Fact) -> bool:
        """Whether it stands otherwise than was told last; all are taken note of."""
        if fact.state is None:
            # What was there before us is not known, and gone it is news all the same.
            self._known.pop(fact.about, None)
            return True
        if self._known.get(fact.about) == fact.state:
            return False
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        self._known[fact.about] = fact.state
        return True

    def _tell(self) -> None:
        self.changes += 1
        log.debug("= the network changed")
        self._changed()


def routes_now() -> tuple[bytes, ...]:
    """The tables of routes without the counters that change with every use."""
    return tuple(_stable(path) for path in ROUTES)


def _stable(path: str) -> bytes:
    try:
        with open(path, "rb") as table:
            lines = table.read(MOST_BYTES).splitlines()
    except OSError:
        return b""  # no such family on this system
    if path.endswith("ipv6_route"):
        # destination, length, source, length, next hop, metric, references, uses, flags, device (net/ipv6/route.c)
        kept = [b" ".join(row[:6] + row[9:]) for row in (line.split() for line in lines)]
    else:
        # device, destination, gateway, flags, references, uses, metric, mask ... (net/ipv4/fib_trie.c)
        kept = [b" ".join(row[:4] + row[6:8]) for row in (line.split() for line in lines)]
    return b"\n".join(sorted(kept))
