"""One attempt: the dial, and the session behind it, watched by somebody who keeps its deadlines."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import uuid
from typing import Callable, Sequence

from kioskd.core.resample import make_resampler
from kioskd.core.words import Link
from kioskd.lanes import UPLINK_HZ
from kioskd.link.client import Target, dial
from kioskd.link.conversation import Conversation
from kioskd.link.endpoints import EndpointSetup
from kioskd.link.failures import Cause, Ending, Failure, LinkError
from kioskd.link.memory import Carried, Line
from kioskd.link.ports import Ports
from kioskd.link.record import Record
from kioskd.link.redaction import Scrub
from kioskd.link.waker import Waker
from kioskd.wire.errors import LocalError
from kioskd.wire.address import connect_headers, connect_subprotocols, connect_url
from kioskd.wire.frames import configure_size
from kioskd.wire.profile import Trouble
from kioskd.wire.session import Session, Setup

log = logging.getLogger(__name__)

# A call that has just begun was begun in the network that there is now. A guess.
YOUNG_S = 1.0


class Attempt:
    """Dials one endpoint once. Loop only.

    Args:
        greet: the model shall speak first.
        voiceless: ask for no voice; the endpoint refused the one that it was asked for.
        ticked: called whenever the watch has looked, at least every ``tick_s``.

    Attributes:
        endpoint: its name.
        greets: the model speaks first.
        used: a conversation is on, or was, in its session or for it.
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
        self.endpoint = setup.name
        self.greets = greet
        self.used = False
        self._began_at = ports.clock()
        self._voiceless = voiceless
        self._ports = ports
        self._record = record
        self._ticked = ticked
        self._news = Waker()
        self._goodbye: str | None = None
        self._key: str | None = None  # that it carries
        self.conversation: Conversation | None = None

    def hang_up(self, reason: str, replaced: bool = False) -> None:
        """End it on purpose, however far it got. What waits in the uplink lane for its session is given up now.

        Args:
            replaced: another follows at once; nothing waits for this one, so what comes is left for the next.
        """
        self._goodbye = reason
        if self.conversation is not None:
            self.conversation.hang_up(reason, replaced)
        self._news.wake()

    @property
    def ending(self) -> bool:
        """Whether it is being ended on purpose."""
        return self._goodbye is not None

    def redial(self, reason: str) -> None:
        """Give up a call that nobody has answered yet, unless it has only just begun."""
        if self.conversation is None and self._ports.clock() - self._began_at >= YOUNG_S:
            self.hang_up(reason)

    def rekey(self) -> None:
        """The key was changed: give up a call that carries the old one, and that nobody has answered yet."""
        if self.conversation is not None or self._setup.tokens is not None:
            return
        try:
            outdated = self._setup.read_key() != self._key
        except (ValueError, OSError):
            return  # half written, perhaps: the next attempt reads it again, and says so
        if outdated:
            self.hang_up("the key was changed during the call")

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
        if self._goodbye is not None:
            self.conversation.hang_up(self._goodbye)  # it was said while the last step of the dial was on its way
        now = self._ports.clock()
        # Not less than a millisecond: a deadline that has passed needs a turn of the loop to take effect.
        return max(0.001, min(self._ports.limits.tick_s, self.conversation.watch(now) - now))

    async def _serve(self) -> Ending:
        """From the dial to the end of the session."""
        name = self._setup.name
        self._record.set(Link.CONNECTING, name, f"calling {name}")
        key, tokens = None, self._setup.tokens
        try:
            self._key = key = self._setup.read_key() if tokens is None else await tokens.token()
            target, session, items = self._prepare(key)
            # Not on the loop: where the rates differ its first one imports numpy, a tenth of a second.
            resampler = await asyncio.to_thread(make_resampler, UPLINK_HZ, self._setup.profile.in_rate_hz)
            connection = await dial(target)
        except LinkError as error:
            return Ending(error.failure if tokens is None or key is None else tokens.judged(key, error.failure))
        except (LocalError, ValueError, OSError) as error:
            # A key that cannot be read, a configuration that no session would take.
            return Ending(Failure(Trouble.FATAL, str(error), cause=Cause.KEY))
        self._record.set(Link.HANDSHAKE, name, f"{name} answered; the session is being set up")
        self.conversation = conversation = Conversation(
            self._setup, session, connection, target.scrub, self._ports, resampler, items
        )
        self._record.connected(name, conversation.traffic)
        self._news.wake()
        try:
            return await conversation.run()
        finally:
            self.conversation = None
            self._record.disconnected(name, conversation.traffic)

    def _prepare(self, key: str | None) -> tuple[Target, Session, Sequence[Line]]:
        """Raises LocalError, ValueError or OSError where a person has to change something."""
        setup, profile = self._setup, self._setup.profile
        target = Target(
            profile=profile,
            url=connect_url(profile, setup.url, setup.model, key, setup.auth, uuid.uuid4().hex),
            headers=connect_headers(profile, key, setup.auth),
            subprotocols=connect_subprotocols(profile, key, setup.auth),
            scrub=Scrub(key),
            open_timeout_s=setup.connect_timeout_s,
            close_timeout_s=self._ports.limits.goodbye_s,
            proxy=setup.read_proxy(),
            compress=setup.compress,
            wall=self._ports.wall,
        )
        carried = Carried()
        if self._ports.memory is not None:
            carried = self._ports.memory.carried(self._ports.clock(), bool(profile.replay_text))
        return target, self._session(carried.summary), carried.items

    def _session(self, summary: str) -> Session:
        """A fresh session, told of what was said before in this conversation as far as there is room for it."""
        profile = self._setup.profile
        bare = setup_of(self._setup, self.greets, self._voiceless)
        if summary:
            told = "\n\n".join(part for part in (bare.instructions, summary) if part)
            try:
                return Session(profile, dataclasses.replace(bare, instructions=told))
            except LocalError:
                log.info("= what was said before is not told to %s: there is no room for it", self.endpoint)
        return Session(profile, bare)


def setup_of(setup: EndpointSetup, greet: bool = False, voiceless: bool = False) -> Setup:
    """What the wire is told of an endpoint's session."""
    profile = setup.profile
    voice = setup.voice or profile.default_voice(setup.model or profile.default_model)
    return Setup(
        instructions=setup.instructions,
        voice=None if voiceless else voice,
        tools=tuple(setup.tools),
        greet=greet,
        model=setup.model,
        out_rate_hz=setup.out_rate_hz,
    )


def check_size(setup: EndpointSetup) -> None:
    """Raise LocalError where a service could not work with these instructions and tools."""
    configure_size(setup.profile, setup_of(setup))
