"""Owns the link: dials, waits, fails over, sleeps, and proves that it moves.

One task, one loop, one connection at a time. How often it may dial is core/backoff.py, whom it dials endpoints.py,
what happens once somebody answers conversation.py.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Callable, Sequence

from kioskd.config.sections import Talk
from kioskd.core.events import SessionReady
from kioskd.core.ports import Post, Trace
from kioskd.core.words import CallKey, Link
from kioskd.inbox import Bell
from kioskd.lanes import Chunk, PlaybackLane, UplinkLane
from kioskd.link.attempt import Attempt
from kioskd.link.client import preload
from kioskd.link.conversation import Conversation
from kioskd.link.course import Course
from kioskd.link.endpoints import EndpointSetup
from kioskd.link.failures import Ending, Failure
from kioskd.link.limits import Limits
from kioskd.link.ports import Ports
from kioskd.link.probe import Lookout
from kioskd.link.record import Record
from kioskd.link.waker import Waker
from kioskd.wire.facts import Ended
from kioskd.wire.profile import Trouble

log = logging.getLogger(__name__)


class Supervisor:
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
    ) -> None:
        self._endpoints = tuple(endpoints)
        self._uplink = uplink
        self._post = post
        self._rng = rng
        self._clock = clock
        self._limits = limits
        ring = inbox_bell(self._rung).ring
        callbacks = self._became_ready, self._answer_ended
        self._ports = Ports(uplink, playback, post, ring, talk, limits, clock, *callbacks, trace, on_sent, on_audio)
        self._course = Course(endpoints, limits)
        self._record = Record(post, clock)
        self._news = Waker()
        self._task: asyncio.Task[None] | None = None
        self._attempt: Attempt | None = None
        self._wanted = False
        self._greet = False
        self._closing = False
        self._lookout = Lookout(limits, clock, self._probed)
        self._ticked_at = clock()

    # -- what the machine wants ------------------------------------------------------------------

    def start(self) -> None:
        """Begin to work. Once."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="link")

    def use(self, endpoints: Sequence[EndpointSetup]) -> None:
        """Other endpoints, or the same with another persona or key, from the next session on."""
        self._course.use(endpoints)
        self._endpoints = tuple(endpoints)
        self._news.wake()

    def open(self, reason: str, greet: bool) -> None:
        """Want a session. ``greet``: a person opened the conversation, so the model may speak first."""
        if self._wanted:
            return
        log.debug("= a session is wanted: %s", reason)
        self._wanted = True
        self._greet = greet
        self._lookout.stop()
        self._course.fresh(self._clock())
        self._news.wake()

    def close(self, reason: str) -> None:
        """Want no session: end the one that is there, and try no further."""
        self._wanted = False
        self._greet = False
        if self._attempt is not None:
            self._attempt.hang_up(reason)
        elif self._record.outage is not None:
            # Still true, but the next attempt that it promised will not be made.
            self._record.set(self._record.state, self._record.endpoint, self._record.outage.sentence)
        self._news.wake()

    def press(self) -> None:
        """A person waits: try now, if the bucket has a token for it."""
        if self._wanted and self._attempt is None:
            self._course.press(self._clock())
            self._news.wake()

    def send_output(self, key: CallKey, output: str) -> None:
        """The output of a tool call; dropped and counted when its session is gone."""
        if (conversation := self._of(key.session, key.endpoint)) is not None:
            conversation.send_output(key.call_id, output)

    def send_text(self, session: str, text: str) -> None:
        """A text item; dropped and counted when the session is gone."""
        if (conversation := self._of(session)) is not None:
            conversation.send_text(text)

    def ask_response(self, session: str) -> None:
        """Let the model speak about the outputs sent: once for all of them, when it is quiet."""
        if (conversation := self._of(session)) is not None:
            conversation.ask_response()

    def cancel_response(self, session: str, response: str) -> None:
        """Stop generating."""
        if (conversation := self._of(session)) is not None:
            conversation.cancel_response(response)

    def truncate(self, session: str, response: str, heard_ms: int) -> None:
        """The visitor heard only so much of an answer."""
        if (conversation := self._of(session)) is not None:
            conversation.truncate(response, heard_ms)

    async def aclose(self) -> None:
        """End everything; a session is closed with 1000. Takes at most a second."""
        self._closing = True
        self.close("the kiosk is stopping")
        self._lookout.stop()
        if self._task is None:
            return
        await asyncio.wait([self._task], timeout=self._limits.goodbye_s + 0.1)
        self._task.cancel()
        await asyncio.wait([self._task], timeout=0.1)

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
        conversation = None if self._attempt is None else self._attempt.conversation
        wait_s = self._course.wait_s(self._clock()) if self._wanted and self._attempt is None else None
        return {
            **self._record.snapshot(None if conversation is None else conversation.traffic()),
            "wanted": self._wanted,
            "next_attempt_in_s": None if wait_s is None else round(wait_s, 1),
            "waiting_ms": self._uplink.waiting_ms,
            "default_voice_at": sorted(self._course.voiceless),
            "failovers": self._course.failovers,
            "conversation": None if conversation is None else conversation.snapshot(),
        }

    # -- the loop --------------------------------------------------------------------------------

    async def _run(self) -> None:
        await asyncio.to_thread(preload)
        while not self._closing:
            # Cleared before anything is looked at: news from now on end the next pause.
            self._news.clear()
            self._ticked_at = self._clock()
            try:
                await self._turn()
            except Exception:
                # The boundary of this task: a bug here is shown, and tried again at the pace of a tick.
                log.exception("= the link lost its thread")
                self._record.totals.faults += 1
                self._record.set(Link.OFFLINE, "", "an error in the link itself; the journal has the traceback")
                await self._news.rest(self._limits.tick_s)

    async def _turn(self) -> None:
        now = self._clock()
        if not self._wanted:
            self._lookout.look(self._endpoints[self._course.current])
            await self._news.rest(self._limits.tick_s)
            return
        wait_s = self._course.wait_s(now)
        if wait_s > 0:
            await self._news.rest(min(wait_s, self._limits.tick_s))
        elif self._course.begin(now):
            setup = self._endpoints[self._course.current]
            self._judge(setup, await self._try(setup))

    async def _try(self, setup: EndpointSetup) -> Ending:
        self._record.totals.attempts += 1
        greet, voiceless = setup.greet and self._greet, setup.name in self._course.voiceless
        self._attempt = Attempt(setup, greet, voiceless, self._ports, self._record, self._ticked)
        try:
            return await self._attempt.run()
        finally:
            self._attempt = None

    def _ticked(self) -> None:
        self._ticked_at = self._clock()

    def _probed(self, setup: EndpointSetup, failure: Failure | None) -> None:
        """What a probe of the sleeping link found."""
        if self._wanted:
            return
        self._record.totals.probes += 1
        if failure is not None:
            self._record.failed(setup.name, failure)
            self._record.set(Link.OFFLINE, setup.name, failure.sentence)
        elif self._record.state is not Link.REFUSED:  # what was refused, a probe does not ask for
            self._record.healthy(setup.name)
            self._record.set(Link.ASLEEP, setup.name, "nobody speaks; the service can be reached")

    # -- what an attempt brings ------------------------------------------------------------------

    def _became_ready(self, name: str, session: str) -> None:
        self._greet = False  # spoken once; a reconnect does not greet again
        self._record.totals.sessions += 1
        self._course.ready(self._clock())
        self._ports.playback.forget_cuts()
        self._record.healthy(name)
        self._record.set(Link.READY, name, f"in session with {name}")
        self._post(SessionReady(session, name))

    def _answer_ended(self, ended: Ended) -> None:
        self._record.totals.add_usage(ended.usage or {})
        if ended.status == "completed":
            self._course.completed()

    def _judge(self, setup: EndpointSetup, ending: Ending) -> None:
        """An attempt, or its session, is over: what now?"""
        now = self._clock()
        self._record.totals.dropped_chunks += ending.dropped
        quiet = ending.failure.trouble is Trouble.NORMAL and ending.was_ready and not ending.engaged
        if ending.ours or quiet:
            self._rest(setup, ending, now)
            return
        self._record.failed(setup.name, ending.failure)
        self._course.failed(setup.name, ending, now, self._rng(), waiting=len(self._uplink) > 0)
        state, when = self._course.prospect(ending.failure, now)
        self._record.set(state, setup.name, ending.failure.sentence + (when if self._wanted else ""))

    def _rest(self, setup: EndpointSetup, ending: Ending, now: float) -> None:
        """Closed by us, or by the service because nobody spoke (Hydra: after 30 s, with 1000): both end well."""
        self._wanted = self._wanted and ending.ours
        self._course.rested(now)
        if ending.was_ready:
            self._lookout.proven()
        if self._record.outage is None:
            self._record.set(Link.ASLEEP, setup.name, ending.failure.sentence)
        else:
            self._record.set(Link.OFFLINE, setup.name, self._record.outage.sentence)

    def _of(self, session: str, endpoint: str | None = None) -> Conversation | None:
        """The conversation of that session, if it is the one that is there."""
        conversation = None if self._attempt is None else self._attempt.conversation
        if conversation is not None and conversation.ready and not conversation.over.done():
            if conversation.id == session and endpoint in (None, conversation.endpoint):
                return conversation
        self._record.totals.late_outputs += 1
        return None

    def _rung(self) -> None:
        if self._attempt is not None and self._attempt.conversation is not None:
            self._attempt.conversation.wake()
