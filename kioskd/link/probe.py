"""Looks whether a sleeping link could be opened, so that ASLEEP never hides a dead one. Opens no session."""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from typing import Callable
from urllib.parse import urlsplit

from kioskd.link.client import HAPPY_EYEBALLS_S, is_loopback
from kioskd.link.endpoints import EndpointSetup
from kioskd.link.failures import Failure, of_network, of_timeout
from kioskd.link.limits import Limits
from kioskd.wire.profile import Trouble

log = logging.getLogger(__name__)


async def probe(url: str, timeout_s: float, wall: Callable[[], float] = time.time) -> Failure | None:
    """DNS, TCP and TLS; None when all is well. Loop only.

    Args:
        url: without a key.
        wall: the time of day in seconds since 1970, for sentences about certificates.
    """
    parts = urlsplit(url)
    host, encrypted = parts.hostname or "", parts.scheme == "wss"
    try:
        context = await asyncio.to_thread(ssl.create_default_context) if encrypted else None
        async with asyncio.timeout(timeout_s):
            _, writer = await asyncio.open_connection(
                host, parts.port or (443 if encrypted else 80), ssl=context, happy_eyeballs_delay=HAPPY_EYEBALLS_S
            )
    except TimeoutError:
        return of_timeout(host, timeout_s)
    except OSError as error:
        return of_network(error, host, wall())
    writer.transport.abort()
    return None


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

    def stop(self) -> None:
        """Give up a probe that runs."""
        if self._task is not None:
            self._task.cancel()

    async def _probe(self, setup: EndpointSetup, url: str) -> None:
        try:
            failure = await probe(url, setup.connect_timeout_s)
        except Exception:
            # The boundary of this task. It goes to status as a failed probe.
            log.exception("= the probe of %s went wrong", setup.name)
            failure = Failure(Trouble.TRANSPORT, "an error in the probe itself; the journal has the traceback")
        if failure is None:
            self.proven()
        self._told(setup, failure)
