"""The door of the announcements: joins the room ``announce`` to the link's connection, the lane, the cues and status.

Of the room itself nothing is loaded before the first announcement, unless a cue is spoken.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import os
import random
from functools import lru_cache
from typing import TYPE_CHECKING, Callable, Mapping
from urllib.parse import urlsplit

from kioskd.config.addresses import is_loopback
from kioskd.config.announce import Announce, AnnounceService
from kioskd.config.cuefile import said
from kioskd.config.secrets import SecretError, read_secret
from kioskd.config.sections import Config

if TYPE_CHECKING:
    from kioskd.announce.announcer import Announcer
    from kioskd.announce.cues import CueMaker
    from kioskd.announce.ports import Socket
    from kioskd.announce.renderer import Renderer
    from kioskd.announce.shelf import Shelf
    from kioskd.app import House
    from kioskd.link.client import Connection
    from kioskd.link.proxy import Proxy

log = logging.getLogger(__name__)

# The sound is here by then, or nobody wants it any more; and SIGTERM must be done within a second, all together.
GOODBYE_S = 0.2


def spoken_texts(config: Config) -> dict[str, str]:
    """The text of each cue that is spoken."""
    cues = dataclasses.asdict(config.audio.cues)
    return {name: text for name, setting in cues.items() if (text := said(setting))}


def shelf_lookup(config: Config) -> Callable[[str], str | None] | None:
    """Where the recording of a text lies, for the playback thread; None where no cue is spoken."""
    return shelf(config.ops.state_dir, config.announce).find if spoken_texts(config) else None


@lru_cache(maxsize=1)
def shelf(state_dir: str, section: Announce) -> Shelf:
    """The recordings of this kiosk: one shelf for the playback thread and for whoever renders, with one count."""
    from kioskd.announce.shelf import Shelf

    return Shelf(state_dir, section)


class Announcing:
    """Loop only.

    Args:
        house: whose speaker speaks.
    """

    def __init__(self, house: House) -> None:
        self._house = house
        self._announcer: Announcer | None = None
        self._renderer: Renderer | None = None
        self._maker: CueMaker | None = None
        self._making: asyncio.Task[None] | None = None
        self._fault = ""
        if spoken_texts(house.config):
            self._making = asyncio.create_task(self._make_cues(), name="cues")

    # -- the change socket's side ----------------------------------------------------------------

    def change(self, request: Mapping[str, object]) -> Mapping[str, object]:
        """``{"text": ..., "voice": ...}`` begins one and answers with its number; with ``run`` it asks for that one.

        Raises:
            ValueError: a sentence: it is unknown, or cannot be spoken.
        """
        if "run" in request:
            return self._speaker().ask(request["run"])
        text, voice = request.get("text"), request.get("voice", "")
        if not isinstance(text, str) or not isinstance(voice, str):
            raise ValueError("say: say TEXT")
        if not self._house.config.announce.volume:
            raise ValueError("announce.volume is 0: nothing would be heard")
        if self._house.machine.state.stopping:
            raise ValueError("kioskd is ending")
        answer = self._speaker().say(text, voice)
        return {**answer, "longest_s": self._house.config.announce.wait_s}

    def snapshot(self) -> dict[str, object]:
        """For status."""
        service = self._house.config.announce.service
        renderer, maker = self._renderer, self._maker
        problem = self._fault or (maker.problem if maker else "") or (renderer.problem if renderer else "")
        state = self._announcer.snapshot() if self._announcer else {"state": "idle", "waiting": 0, "ended": {}}
        return {
            **state,
            "reason": problem,
            "service": service.url if service else "local",
            "fallback": bool(service and renderer and renderer.problem),
            "rendered": dict(renderer.rendered) if renderer else {},
            "failed": dict(renderer.failed) if renderer else {},
            "broken": shelf(self._house.config.ops.state_dir, self._house.config.announce).broken if maker else 0,
            "cues": dict(maker.by) if maker else dict.fromkeys(spoken_texts(self._house.config), ""),
        }

    # -- the machine's side ----------------------------------------------------------------------

    def play(self, number: int) -> None:
        """Its turn has come."""
        self._speaker().play(number)

    def over(self, number: int, heard: bool) -> None:
        """It sounds no more."""
        self._speaker().over(number, heard)

    async def aclose(self) -> None:
        """Give everything up; also twice."""
        if self._making is not None:
            self._making.cancel()
            await asyncio.gather(self._making, return_exceptions=True)
        if self._announcer is not None:
            await self._announcer.aclose()

    # -- the room --------------------------------------------------------------------------------

    def _speaker(self) -> Announcer:
        if self._announcer is None:
            from kioskd.announce.announcer import Announcer

            house = self._house
            self._announcer = Announcer(
                self._rendering(), house.playback_lane, house.inbox.post, self._deaf, house.config.announce.wait_s
            )
        return self._announcer

    def _deaf(self) -> str:
        from kioskd.audio.doctor.audition import dumb

        return dumb(self._house.playback)

    def _rendering(self) -> Renderer:
        if self._renderer is None:
            self._renderer = open_renderer(self._house.config, self._house.secrets)
        return self._renderer

    async def _make_cues(self) -> None:
        """Render what is spoken. The boundary of its task."""
        try:
            from kioskd.announce import cues

            config, chance = self._house.config, random.SystemRandom().random
            kept = shelf(config.ops.state_dir, config.announce)
            self._maker = cues.CueMaker(
                spoken_texts(config), self._rendering(), kept, self._renew, chance, cues.START_S
            )
            await self._maker.run()
        except Exception as error:
            log.exception("the spoken cues were given up")
            self._fault = f"a fault inside kioskd ({type(error).__name__}) keeps the cues from being spoken"

    def _renew(self) -> None:
        self._house.playback.set_cues(dataclasses.asdict(self._house.config.audio.cues))


def open_renderer(config: Config, seen: set[str], env: Mapping[str, str] = os.environ) -> Renderer:
    """What turns text into sound under this configuration.

    Args:
        seen: every key read goes in here, for the redaction of logs.
    """
    import secrets

    from kioskd.announce.hosted import Hosted
    from kioskd.announce.local import Local
    from kioskd.announce.renderer import Renderer

    section, service = config.announce, config.announce.service
    if service is None:
        return Renderer(None, Local(section))

    async def dial() -> Socket:
        return await dial_service(service, seen, env)

    return Renderer(Hosted(dial, section, service, lambda: secrets.token_hex(8)), Local(section))


async def dial_service(service: AnnounceService, seen: set[str], env: Mapping[str, str]) -> Socket:
    """A socket to the house's voice, over the link's one client. The key is read afresh each time.

    Raises:
        VoiceFailed: it cannot be had; the text says why.
    """
    from kioskd.announce.ports import VoiceFailed
    from kioskd.link.client import Target, dial
    from kioskd.link.failures import LinkError
    from kioskd.link.redaction import Scrub
    from kioskd.wire.lightning import MOST_FRAME_BYTES
    from kioskd.wire.profile import Profile

    try:
        key = None if service.key is None else await asyncio.to_thread(read_secret, service.key, env)
    except SecretError as error:
        raise VoiceFailed(f"its key cannot be had: {error}") from error
    if key is not None:
        seen.add(key)
    scrub = Scrub(key)
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    profile = Profile(name="lightning", url=service.url, max_frame_bytes=MOST_FRAME_BYTES)
    try:
        way = proxy_for(service.url, seen, env)
        within_s = service.deadline_s
        target = Target(profile, service.url, headers, scrub, (), within_s, close_timeout_s=GOODBYE_S, proxy=way)
        return Line(await dial(target), scrub.frame)
    except LinkError as error:
        raise VoiceFailed(_of_us(str(error))) from None
    except ValueError as error:
        raise VoiceFailed(str(error)) from None


def proxy_for(url: str, seen: set[str], env: Mapping[str, str]) -> Proxy | None:
    """The way to the service: straight to this device, else as ``HTTPS_PROXY`` says.

    Raises:
        ValueError: what the environment names is no proxy that is spoken here; a sentence.
    """
    from kioskd.link import proxy

    parts = urlsplit(url)
    host = parts.hostname or ""
    address = None if is_loopback(host) else proxy.from_environment(host, parts.port or 443, env)
    if address is None:
        return None
    found = proxy.parsed(address)
    seen.update(secret for secret in found.secrets if secret)
    return found


class Line:
    """A connection as the room ``announce`` has it (announce/ports.Socket)."""

    def __init__(self, connection: Connection, mask: Callable[[str], str]) -> None:
        self._connection, self._mask = connection, mask

    async def receive(self) -> str | bytes:
        """The next frame, without the key."""
        from kioskd.announce.ports import VoiceFailed
        from kioskd.link.failures import LinkError

        try:
            frame = await self._connection.receive()
        except LinkError as error:
            raise VoiceFailed(_of_us(str(error))) from None
        return self._mask(frame) if isinstance(frame, str) else frame

    async def send(self, frame: str) -> None:
        """Hand one text frame over."""
        from kioskd.announce.ports import VoiceFailed
        from kioskd.link.failures import LinkError

        try:
            await self._connection.send(frame)
        except LinkError as error:
            raise VoiceFailed(_of_us(str(error))) from None

    async def close(self, code: int) -> None:
        """Say goodbye."""
        await self._connection.close(code)


def _of_us(sentence: str) -> str:
    """The link's sentences name the keys of its own section."""
    return sentence.replace("service.", "announce.service.")
