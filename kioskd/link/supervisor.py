"""Owns the link: dials, waits, fails over, sleeps, and proves that it moves.

One task, one loop, one connection at a time. How often it may dial is core/backoff.py, whom it dials endpoints.py, who
wants a session wish.py, what happens once somebody answers conversation.py.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import time
from typing import Callable, Mapping, Sequence

from kioskd.config.sections import Session, Talk
from kioskd.core.ports import Post, Trace
from kioskd.core.words import Link
from kioskd.inbox import Bell
from kioskd.lanes import Chunk, PlaybackLane, UplinkLane
from kioskd.link.attempt import Attempt, check_size
from kioskd.link.client import preload
from kioskd.link.course import Course
from kioskd.link.endpoints import EndpointSetup
from kioskd.link.failures import Ending
from kioskd.link.limits import Limits
from kioskd.link.memory import Memory
from kioskd.link.outcomes import Outcomes
from kioskd.link.ports import Ports
from kioskd.link.probe import Lookout
from kioskd.link.record import Record
from kioskd.link.renewal import Renewal
from kioskd.link.standings import Standings
from kioskd.link.waker import Waker
from kioskd.link.wish import Wish

log = logging.getLogger(__name__)


class Supervisor(Outcomes):
    """The link. Made and used on the loop only; no method blocks.

    Args:
        endpoints: in order of preference; their names are unique.
        uplink: taken from only while a session is ready; what waits in it survives until the first one.
        playback: answers go here.
        post: takes events for the machine.
        inbox_bell: makes the wake-up that the capture thread rings (``Inbox.bell``).
        talk: how zeros and keep-alives are paced.
        rng: chance in [0, 1), for the jitter.
        clock: monotonic seconds.
        trace: takes every frame, without audio and key, as rows of kind "wire".
        limits: deadlines and bounds.
        on_sent: called with each chunk of speech after its bytes were handed to the socket.
        on_audio: likewise with all samples that go up, speech and zeros; S16_LE mono at 16 kHz.
        session: when a session is open, how long it lasts, what the next one is told.

    ValueError is raised when there is no endpoint, or two have one name.
    """

    def __init__(
        self,
        endpoints: Sequence[EndpointSetup],
        uplink: UplinkLane,
        playback: PlaybackLane,
        post: Post,
        inbox_bell: Callable[[Callable[[], None]], Bell],
        talk: Talk,
        rng: Callable[[], float],
        clock: Callable[[], float] = time.monotonic,
        trace: Trace | None = None,
        limits: Limits = Limits(),
        on_sent: Callable[[Chunk], None] | None = None,
        on_audio: Callable[[bytes], None] | None = None,
        session: Session = Session(),
    ) -> None:
        self._endpoints = tuple(endpoints)
        self._uplink = uplink
        self._post, self._rng, self._clock, self._limits = post, rng, clock, limits
        ring = inbox_bell(self._rung).ring
        self._memory = Memory(session, talk.linger_s)
        callbacks = self._became_ready, self._answer_ended
        self._ports = Ports(
            *(uplink, playback, post, ring, talk, limits, clock, *callbacks, trace, on_sent, on_audio),
            memory=self._memory,
            options=session,
        )
        self._course = Course(endpoints, limits)
        self._standings = Standings([setup.name for setup in endpoints], clock)
        self._record = Record(post, clock)
        self.readings = self._record.readings  # what each endpoint was used for since start
        self._news = Waker()
        self._task: asyncio.Task[None] | None = None
        self._attempt: Attempt | None = None
        self._wish = Wish(session.policy)
        self._policy = session.policy
        self._renewal = Renewal(self._course, talk.linger_s, clock)
        self._mismatches: Sequence[str] = ()
        self._closing = False
        self._rekeyed: set[str] = set()
        self._lookout = Lookout(limits, clock, self._probed)
        often = dataclasses.replace(limits, probe_s=limits.well_probe_s, probe_retry_s=limits.well_probe_s)
        self._sickbed = Lookout(often, clock, self._probed_sick)
        self._ticked_at = clock()

    # -- what the machine wants ------------------------------------------------------------------

    def start(self) -> None:
        """Begin to work. Once."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="link")

    def use(self, endpoints: Sequence[EndpointSetup]) -> None:
        """Other endpoints, or the same with another persona or key, from the next session on."""
        self._course.use(endpoints)
        self._standings.use([setup.name for setup in endpoints])
        self._endpoints = tuple(endpoints)
        if self._record.state is Link.REFUSED and not self._wish and not self._course.barred:
            self._record.set(Link.ASLEEP, "", "the service may be asked again")
        # Whether they can be reached is told while somebody still looks, and not in five minutes, nor of the old ones.
        self._lookout.stop()
        self._lookout.soon()
        self._news.wake()

    def open(self, reason: str, greet: bool) -> None:
        """Want a session. ``greet``: a person opened the conversation, so the model may speak first."""
        if self._wish.person:
            return
        log.debug("= a session is wanted: %s", reason)
        self._wish.opened(greet)
        self._memory.forget()
        self._lookout.stop()
        if self._attempt is not None:
            self._attempt.used = True
        if self._live is None:
            self._course.fresh(self._clock())
        else:
            self._greet_late(self._live.endpoint)
            self._wish.greet = False
            self._wish.served()
        self._news.wake()

    def close(self, reason: str) -> None:
        """The conversation is over: end its session, and try no further unless the policy keeps one.

        A session that was part of a conversation is never kept for the next visitor: a fresh one takes its place.
        """
        self._wish.closed()
        self._memory.forget()
        if self._attempt is not None:
            if self._attempt.used or not self._wish:
                self._attempt.hang_up(reason)
        elif self._record.outage is not None and not self._wish:
            # Still true, but the next attempt that it promised will not be made.
            self._record.set(self._record.state, self._record.endpoint, self._record.outage.sentence)
        self._news.wake()

    def press(self) -> None:
        """A person waits: try now, if the bucket has a token for it."""
        if self._wish and self._attempt is None:
            self._course.press(self._clock())
            self._news.wake()

    def rest(self, on: bool) -> None:
        """Whether the conversation rests: a session is replaced only then."""
        self._renewal.rest(on)
        self._tend()

    async def aclose(self) -> None:
        """End everything; a session is closed with 1000. Takes at most a second."""
        self._closing = True
        self._wish.stop()
        self.close("the kiosk is stopping")
        self._lookout.stop()
        self._sickbed.stop()
        if self._task is None:
            return
        await asyncio.wait([self._task], timeout=self._limits.goodbye_s + 0.1)
        self._task.cancel()
        await asyncio.wait([self._task], timeout=0.1)

    # -- what the house around it says -----------------------------------------------------------

    def restrict(self, reasons: Mapping[str, str]) -> None:
        """Endpoints that are not to be dialled now, by name with a sentence each; those not named may be.

        A session with one of them is closed at the next quiet moment. When none is left the link is REFUSED.
        """
        if reasons == self._course.restrictions:
            return
        was_barred = bool(self._course.barred)
        self._course.restrict(reasons)
        if was_barred and not self._course.barred and self._record.state is Link.REFUSED:
            self._record.set(Link.ASLEEP, "", "the service may be asked again")
        self._tend()
        self._news.wake()

    def network_changed(self) -> None:
        """Try now (within the bucket); a connection that is up must answer a ping, or is given up."""
        if self._live is not None:
            self._live.prove()
        elif self._attempt is not None:
            self._attempt.redial("the network changed during the call")
        else:
            self._course.nudge(self._clock())
        self._lookout.soon()
        self._news.wake()

    def update_tools(self, tools: Sequence[Mapping[str, object]]) -> bool:
        """Other tools, as the service is told of them: at once where the dialect can, else from the next session on.

        Returns:
            whether the session that is there (if any) knows them now.

        Raises:
            LocalError: a service could not work with them (too large); then nothing was changed.
        """
        endpoints = tuple(dataclasses.replace(setup, tools=tuple(tools)) for setup in self._endpoints)
        for setup in endpoints:
            check_size(setup)
        self._endpoints = endpoints
        return self._live is None or self._live.update_tools(tools)

    # -- what others may know --------------------------------------------------------------------

    @property
    def state(self) -> Link:
        """What the link claims."""
        return self._record.state

    def progress(self) -> float:
        """When the link's task last turned (monotonic seconds); in every state at least every ``tick_s``."""
        return self._ticked_at

    def snapshot(self) -> dict[str, object]:
        """For status."""
        conversation = self._conversation
        wait_s = self._course.wait_s(self._clock()) if self._wish and self._attempt is None else None
        return {
            **self._record.snapshot(None if conversation is None else conversation.traffic()),
            "wanted": bool(self._wish),
            "policy": self._policy,
            "next_attempt_in_s": None if wait_s is None or wait_s == float("inf") else round(wait_s, 1),
            "waiting_ms": self._uplink.waiting_ms,
            "default_voice_at": sorted(self._course.voiceless),
            "failovers": self._course.failovers,
            "endpoints": self._standings.snapshot(self._course.restrictions),
            "renewals": self._renewal.count,
            "mismatches": list(self._mismatches),
            "conversation": None if conversation is None else conversation.snapshot(),
        }

    # -- the loop --------------------------------------------------------------------------------

    async def _run(self) -> None:
        await asyncio.to_thread(preload)
        while not self._closing:
            # Cleared before anything is looked at: news from now on end the next pause.
            self._news.clear()
            try:
                self._ticked()
                await self._turn()
            except Exception:
                # The boundary of this task: a bug here is shown, and tried again at the pace of a tick.
                log.exception("= the link lost its thread")
                self._record.totals.faults += 1
                self._record.set(Link.OFFLINE, "", "an error in the link itself; the journal has the traceback")
                await self._news.rest(self._limits.tick_s)

    async def _turn(self) -> None:
        now = self._clock()
        if barred := self._course.barred:
            self._record.set(Link.REFUSED, "", barred)
            await self._news.rest(self._limits.tick_s)
        elif not self._wish:
            self._lookout.look(self._endpoints[self._course.current])
            await self._news.rest(self._limits.tick_s)
        elif (wait_s := self._course.wait_s(now)) > 0:
            await self._news.rest(min(wait_s, self._limits.tick_s))
        elif self._course.begin(now):
            setup = self._endpoints[self._course.current]
            self._rekeyed.discard(setup.name)
            self._judge(setup, await self._try(setup))

    async def _try(self, setup: EndpointSetup) -> Ending:
        self._record.attempted(setup.name)
        self._attempt = Attempt(
            setup,
            greet=setup.greet and self._wish.greet,
            voiceless=setup.name in self._course.voiceless,
            ports=self._ports,
            record=self._record,
            ticked=self._ticked,
        )
        self._attempt.used = self._wish.person
        try:
            return await self._attempt.run()
        finally:
            self._attempt = None
