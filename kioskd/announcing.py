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

from kioskd.config.announce import Announce
from kioskd.config.cuefile import said
from kioskd.config.sections import Config
from kioskd.core.budget import VOICE
from kioskd.core.tally import Tally
from kioskd.housevoice import Account, dial_service

if TYPE_CHECKING:
    from kioskd.announce.announcer import Announcer
    from kioskd.announce.cues import CueMaker
    from kioskd.announce.ports import Socket
    from kioskd.announce.renderer import Renderer
    from kioskd.announce.shelf import Shelf
    from kioskd.app import House

log = logging.getLogger(__name__)


def spoken_texts(config: Config) -> dict[str, str]:
    """The text of each cue that is spoken."""
    cues = dataclasses.asdict(config.audio.cues)
    return {name: text for name, setting in cues.items() if (text := said(setting))}


def shelf_lookup(config: Config) -> Callable[[str], str | None]:
    """Where the recording of a text lies, for the playback thread. Nothing is loaded before a cue is to be spoken."""
    return lambda text: shelf(config.ops.state_dir, config.announce).find(text)


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
        self._account = Account()
        self.renew()

    def renew(self) -> None:
        """Make the recordings of the cues that are spoken now, by the voice of now; what was being made is given up."""
        if self._making is not None:
            self._making.cancel()
        self._making, self._maker, self._renderer, self._fault = None, None, None, ""
        if self._announcer is not None:
            self._announcer.use(self._rendering())
        if spoken_texts(self._house.config):
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

    def readings(self) -> Mapping[str, Tally]:
        """What the service was used for since the start, for the meter; no counter in it ever falls."""
        return self._account.readings()

    # -- the machine's side ----------------------------------------------------------------------

    def play(self, number: int) -> None:
        """Its turn has come."""
        self._speaker().play(number)

    def page(self, text: str) -> None:
        """Call somebody aloud, ``text`` being the owner's. Whoever called them otherwise has done so all the same."""
        try:
            self._speaker().say(text, page=True)
        except ValueError as error:
            log.warning("staff were not called aloud: %s", error)

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

    def _barred(self) -> str:
        return self._house.metering.verdict.restricted.get(VOICE, "")

    def _rendering(self) -> Renderer:
        if self._renderer is None:
            house = self._house
            self._renderer = open_renderer(house.config, house.secrets, account=self._account, barred=self._barred)
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


def open_renderer(
    config: Config,
    seen: set[str],
    env: Mapping[str, str] = os.environ,
    account: Account | None = None,
    barred: Callable[[], str] = lambda: "",
) -> Renderer:
    """What turns text into sound under this configuration.

    Args:
        seen: every key read goes in here, for the redaction of logs.
        account: counts what the service is used for; None: nobody asks.
        barred: why the service is not to be called now, a sentence; empty: it may be.
    """
    import secrets

    from kioskd.announce.hosted import Hosted
    from kioskd.announce.local import Local
    from kioskd.announce.ports import VoiceFailed
    from kioskd.announce.renderer import Renderer

    section, service = config.announce, config.announce.service
    if service is None:
        return Renderer(None, Local(section))

    used = account or Account()

    async def dial() -> Socket:
        if why := barred():
            raise VoiceFailed(why)
        return await dial_service(service, seen, env, used)

    return Renderer(Hosted(dial, section, service, lambda: secrets.token_hex(8), asked=used.asked), Local(section))
