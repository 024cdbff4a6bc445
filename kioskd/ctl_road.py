"""The road to each service, for ``kioskctl doctor``: with what the link knows of proxies and faults; no session."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from kioskd.checkup import clock, journey
from kioskd.checkup.road import Apart, Road, Tunnel, Walk, walk
from kioskd.config.addresses import is_loopback
from kioskd.config.sections import Config
from kioskd.core.finding import Finding, fail
from kioskd.link.endpoints import EndpointSetup
from kioskd.link.failures import LinkError, of_name, of_network, of_timeout
from kioskd.link.proxy import Proxy, tunnel
from kioskd.services import endpoint_setups

# Enough to tell a slow line from a bad moment; together they take a second where all is well.
WALKS = 4
HOP_S = 5.0
# No further walk begins after so long. With one that is slow at all of its four hops that makes 25 s, below what a
# check has (checkup/runner.py); all services are walked to at the same time.
WALKS_S = 5.0


def services(config: Config) -> Iterator[Finding]:
    """The road to each service, walked several times; the first that tells its time of day is asked for it."""
    dated = False
    setups = endpoint_setups(config, set())
    for setup, walks in zip(setups, asyncio.run(all_walked(setups))):
        if isinstance(walks, str):
            yield fail(f"way {setup.name}", walks, "see service[].proxy and HTTPS_PROXY")
            continue
        host = urlsplit(address(setup)).hostname or ""
        yield from journey.told(setup.name, walks, time.time(), Explained(host), host)
        told = next((one for one in walks if one.date_s is not None), None)
        if not dated and told is not None and not is_loopback(host):
            dated = True
            yield from clock.against(told.date_s, told.wall_s)


async def all_walked(setups: Sequence[EndpointSetup]) -> list[list[Walk] | str]:
    """``walked`` to each."""
    asyncio.get_running_loop().set_default_executor(Apart())
    return await asyncio.gather(*map(walked, setups))


async def walked(setup: EndpointSetup) -> list[Walk] | str:
    """Some walks to a service, one after the other; a sentence where its proxy is none."""
    parts = urlsplit(address(setup))
    host, encrypted = parts.hostname or "", parts.scheme == "wss"
    port = parts.port or (443 if encrypted else 80)
    try:
        proxy = setup.read_proxy()
    except ValueError as error:
        return str(error)
    context = await asyncio.to_thread(ssl.create_default_context) if encrypted else None
    road = Road(host, port, encrypted, parts.path or "/", _tunnel(proxy, host, port), proxy.name if proxy else "")
    found: list[Walk] = []
    began = time.monotonic()
    while len(found) < WALKS and time.monotonic() - began < WALKS_S:
        found.append(await walk(road, context, HOP_S))
        if found[-1].failed in ("dns", "tls", "proxy"):
            break  # the next ones would end there as well, each after its patience
    return found


def address(setup: EndpointSetup) -> str:
    """Where it is, without a key."""
    return setup.url or setup.profile.url


def _tunnel(proxy: Proxy | None, host: str, port: int) -> Tunnel | None:
    return None if proxy is None else lambda: tunnel(proxy, host, port)


class Explained:
    """What went wrong on a walk to ``host``, in the words that the link has for it."""

    def __init__(self, host: str) -> None:
        self._host = host

    def __call__(self, error: Exception) -> str:
        host = self._host
        if isinstance(error, LinkError):
            return str(error)
        if isinstance(error, TimeoutError):
            return of_timeout(host, HOP_S).sentence
        if isinstance(error, UnicodeError):
            return of_name(host).sentence
        if isinstance(error, OSError):
            return of_network(error, host, time.time()).sentence
        return f"{host} answered what no service does ({type(error).__name__})"
