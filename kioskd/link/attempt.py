"""One attempt: the dial, and the session behind it, watched by somebody who keeps its deadlines."""

from __future__ import annotations

import asyncio
import uuid
from typing import Callable

from kioskd.core.resample import make_resampler
from kioskd.core.words import Link
from kioskd.lanes import UPLINK_HZ
from kioskd.link.client import Target, dial
from kioskd.link.conversation import Conversation
from kioskd.link.endpoints import EndpointSetup
from kioskd.link.failures import Ending, Failure, LinkError
from kioskd.link.ports import Ports
from kioskd.link.record import Record
from kioskd.link.redaction import Scrub
from kioskd.link.waker import Waker
from kioskd.wire.errors import LocalError
from kioskd.wire.address import connect_headers, connect_subprotocols, connect_url
from kioskd.wire.profile import Trouble
from kioskd.wire.session import Session, Setup


class Attempt:
    """Dials one endpoint once. Loop only.

    Args:
        greet: the model shall speak first.
        voiceless: ask for no voice; the endpoint refused the one that it was asked for.
        ticked: called whenever the watch has looked, at least every ``tick_s``.

    Attributes:
        conversation: None until somebody answered, and after the end.
    """

    def __init__(
        self,
        setup: EndpointSetup,
        greet: bool,
        voiceless: bool,
        ports: Ports,
        record: Record,
        ticked: Callable[[], None],
    ) -> None:
        self._setup = setup
        self._greet = greet
        self._voiceless = voiceless
        self._ports = ports
        self._record = record
        self._ticked = ticked
        self._news = Waker()
        self._goodbye: str | None = None
        self.conversation: Conversation | None = None

    def hang_up(self, reason: str) -> None:
        """End it on purpose, however far it got. What waits in the uplink lane for its session is given up now."""
        self._goodbye = reason
        if self.conversation is not None:
            self.conversation.hang_up(reason)
        self._news.wake()

    async def run(self) -> Ending:
        """Until its end. Cancelling this drops the connection."""
        task = asyncio.create_task(self._serve(), name=f"link to {self._setup.name}")
        task.add_done_callback(lambda _: self._news.wake())
        try:
            while not task.done():
                # Cleared before anything is looked at: news from now on end the pause below.
                self._news.clear()
                self._ticked()
                await self._news.rest(self._watch(task))
            if task.cancelled():
                return Ending(Failure(Trouble.NORMAL, self._goodbye or "given up"), ours=True)
            return task.result()
        finally:
            task.cancel()

    def _watch(self, task: asyncio.Task[Ending]) -> float:
        """Pass on the wish to end, keep the deadlines; returns the seconds until the next look."""
        if self.conversation is None:
            if self._goodbye is not None:
                task.cancel()
            return self._ports.limits.tick_s
        now = self._ports.clock()
        # Not less than a millisecond: a deadline that has passed needs a turn of the loop to take effect.
        return max(0.001, min(self._ports.limits.tick_s, self.conversation.watch(now) - now))

    async def _serve(self) -> Ending:
        """From the dial to the end of the session."""
        name = self._setup.name
        self._record.set(Link.CONNECTING, name, f"calling {name}")
        try:
            target, session = self._prepare()
            # Not on the loop: where the rates differ its first one imports numpy, a tenth of a second.
            resampler = await asyncio.to_thread(make_resampler, UPLINK_HZ, self._setup.profile.in_rate_hz)
            connection = await dial(target)
        except LinkError as error:
            return Ending(error.failure)
        except (LocalError, ValueError, OSError) as error:
            # A key that cannot be read, a configuration that no session would take.
            return Ending(Failure(Trouble.FATAL, str(error)))
        self._record.totals.connects += 1
        self._record.set(Link.HANDSHAKE, name, f"{name} answered; the session is being set up")
        self.conversation = conversation = Conversation(
            self._setup, session, connection, target.scrub, self._ports, resampler
        )
        self._news.wake()
        try:
            return await conversation.run()
        finally:
            self.conversation = None
            self._record.totals.add_traffic(*conversation.traffic())

    def _prepare(self) -> tuple[Target, Session]:
        """Raises LocalError, ValueError or OSError where a person has to change something."""
        setup, profile = self._setup, self._setup.profile
        key = setup.read_key()
        voice = setup.voice or profile.default_voice(setup.model or profile.default_model)
        target = Target(
            profile=profile,
            url=connect_url(profile, setup.url, setup.model, key, setup.auth, uuid.uuid4().hex),
            headers=connect_headers(profile, key, setup.auth),
            subprotocols=connect_subprotocols(profile, key, setup.auth),
            scrub=Scrub(key),
            open_timeout_s=setup.connect_timeout_s,
            close_timeout_s=self._ports.limits.goodbye_s,
        )
        wire_setup = Setup(
            instructions=setup.instructions,
            voice=None if self._voiceless else voice,
            tools=tuple(setup.tools),
            greet=self._greet,
            model=setup.model,
            out_rate_hz=setup.out_rate_hz,
        )
        return target, Session(profile, wire_setup)
