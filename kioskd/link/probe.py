"""Looks whether a sleeping link could be opened, so that ASLEEP never hides a dead one. Opens no session."""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from typing import Callable
from urllib.parse import urlsplit

from kioskd.config.addresses import is_loopback
from kioskd.link import portal
from kioskd.link.endpoints import EndpointSetup
from kioskd.link.failures import Cause, Failure, LinkError, of_name, of_timeout
from kioskd.link.limits import Limits
from kioskd.link.proxy import HAPPY_EYEBALLS_S, Proxy, tunnel
from kioskd.wire.profile import Trouble

log = logging.getLogger(__name__)


async def probe(
    url: str, timeout_s: float, wall: Callable[[], float] = time.time, proxy: Proxy | None = None
) -> Failure | None:
    """DNS, TCP and TLS, the way that a session would take; None when all is well. Loop only.

    Args:
        url: without a key.
        wall: the time of day in seconds since 1970, for sentences about certificates.
        proxy: None: straight.
    """
    parts = urlsplit(url)
    host, encrypted = parts.hostname or "", parts.scheme == "wss"
    try:
        context = await asyncio.to_thread(ssl.create_default_context) if encrypted else None
        async with asyncio.timeout(timeout_s):
            await _connect(host, parts.port or (443 if encrypted else 80), context, proxy)
    except TimeoutError:
        return of_timeout(host if proxy is None else f"{host} (through {proxy.name})", timeout_s)
    except UnicodeError:
        return of_name(host)
    except LinkError as error:
        return error.failure
    except OSError as error:
        return await portal.explained(error, host, wall(), proxy)
    return None


async def _connect(host: str, port: int, context: ssl.SSLContext | None, proxy: Proxy | None) -> None:
    """Connect, and hang up."""
    if proxy is None:
        _, writer = await asyncio.open_connection(host, port, ssl=context, happy_eyeballs_delay=HAPPY_EYEBALLS_S)
    else:
        _, writer = await tunnel(proxy, host, port)
    try:
        if proxy is not None and context is not None:
            await writer.start_tls(context, server_hostname=host)
    finally:
        writer.transport.abort()


class Lookout:
    """Probes now and then, in a task of its own, so that a visitor never waits for a probe. Loop only.

    Args:
        told: called with what was found; None: the service can be reached.
    """

    def __init__(
        self,
        limits: Limits,
        clock: Callable[[], float],
        told: Callable[[EndpointSetup, Failure | None], None],
    ) -> None:
        self._limits = limits
        self._clock = clock
        self._told = told
        self._due_at = clock()
        self._task: asyncio.Task[None] | None = None

    def look(self, setup: EndpointSetup) -> None:
        """Begin a probe if it is time for one."""
        url = setup.url or setup.profile.url
        host = urlsplit(url).hostname or ""
        # This machine is not probed: nothing lies between, and a connection would start the service behind its socket.
        if self._limits.probe_s <= 0 or is_loopback(host) or self._clock() < self._due_at:
            return
        if self._task is None or self._task.done():
            self._due_at = self._clock() + self._limits.probe_retry_s
            self._task = asyncio.create_task(self._probe(setup, url), name=f"probe of {setup.name}")

    def proven(self) -> None:
        """A session has just shown that the service can be reached."""
        self._due_at = self._clock() + self._limits.probe_s

    def soon(self) -> None:
        """What it would find may have changed: the next look is due."""
        self._due_at = self._clock()

    def stop(self) -> None:
        """Give up a probe that runs."""
        if self._task is not None:
            self._task.cancel()

    async def _probe(self, setup: EndpointSetup, url: str) -> None:
        try:
            failure = await probe(url, setup.connect_timeout_s, proxy=setup.read_proxy())
        except ValueError as error:
            # A proxy that is none, or its password cannot be read; sentences, both.
            failure = Failure(Trouble.FATAL, str(error), cause=Cause.PROXY)
        except Exception:
            # The boundary of this task. It goes to status as a failed probe.
            log.exception("= the probe of %s went wrong", setup.name)
            failure = Failure(Trouble.TRANSPORT, "an error in the probe itself; the journal has the traceback")
        if failure is None:
            self.proven()
        self._told(setup, failure)
