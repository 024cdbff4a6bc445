"""One session, from the open connection to its end.

Two tasks: the reader waits for nothing but the socket, the writer for nothing but the socket and its own pace. Whoever
first sees that it is over says so through ``_end``; everybody else follows.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from typing import Awaitable, Mapping, Sequence

from kioskd.core.events import ServiceComplained, SessionEnded
from kioskd.core.resample import Resampler
from kioskd.core.uplink import Pacer
from kioskd.lanes import CHUNK_MS
from kioskd.link.barge import Barge
from kioskd.link.client import POLICY_VIOLATION, Connection
from kioskd.link.deadlines import deadlines
from kioskd.link.downlink import Downlink, Placed
from kioskd.link.endpoints import EndpointSetup
from kioskd.link.failures import Ending, Failure, LinkError
from kioskd.link.limits import Allowance
from kioskd.link.liveness import VANISHED, Liveness
from kioskd.link.memory import Line
from kioskd.link.orders import Orders
from kioskd.link.patience import Patience
from kioskd.link.ports import Ports
from kioskd.link.quoting import told
from kioskd.link.reader import Reader
from kioskd.link.redaction import Scrub
from kioskd.link.replies import Replies
from kioskd.link.term import Term, term_of
from kioskd.link.translate import event_of, failure_of
from kioskd.link.writer import NEVER, Writer
from kioskd.wire import facts
from kioskd.wire.errors import LocalError
from kioskd.wire.profile import Trouble
from kioskd.wire.session import Session

log = logging.getLogger(__name__)

GOODBYE = 1000  # RFC 6455, 7.4.1
WELL_BELOW = 0.7  # of the service's idle limit: a keep-alive that is late by a third of it still counts


class Conversation(Orders):
    """One session over one connection. Loop only.

    Args:
        setup: whose session it is.
        session: not yet fed.
        connection: open; it is closed when ``run`` returns.
        resampler: from the lane's rate to the dialect's; None: one is made here.
        items: what was said in the session that this one takes over from.

    Attributes:
        endpoint: the name of whose session it is.
        term: how long it may last.
        mismatches: what of it is not what was asked for, in sentences.
        id: the session's id, from ``session.created`` on.
        ready: audio may flow, or could until it was ``over``.
        over: how it ended, as soon as it has; the goodbye may still take a moment.
        config: what the service says it runs with.
    """

    def __init__(
        self,
        setup: EndpointSetup,
        session: Session,
        connection: Connection,
        scrub: Scrub,
        ports: Ports,
        resampler: Resampler | None = None,
        items: Sequence[Line] = (),
    ) -> None:
        self._setup = setup
        self._session = session
        self._connection = connection
        self._ports = ports
        self._clock = ports.clock
        self._replies = Replies(setup.profile.tool_debounce_ms / 1000)
        self._downlink = Downlink(ports.playback, ports.limits.overlong_s)
        self._bad_frames = Allowance(ports.limits.bad_frames - 1, ports.limits.bad_frames_s)
        self._barge = Barge()
        self._patience = Patience(session, self._take_all)
        self._writer = Writer(session, connection, self._replies, scrub, ports, resampler, self._patience.turn_over)
        self._reader = Reader(setup.name, session, connection, scrub, ports, self._take, self._writer.wake)
        self._phase_since = ports.clock()  # of the handshake
        self._ready_at = 0.0
        self.over: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self._close_code: int | None = None
        self._items = items
        self._asked: dict[str, str] = {}  # names of the tools that were called and have not answered, by call id
        given = connection, ports.limits, ports.clock, self._reader.heard, setup.profile.pong_s, self._vanished
        self._liveness = Liveness(setup.name, *given)
        self.term = Term()
        self.mismatches: Sequence[str] = ()
        self.endpoint, self.id, self.ready = setup.name, "", False
        self.config: Mapping[str, object] = {}

    # -- its life --------------------------------------------------------------------------------

    async def run(self) -> Ending:
        """Until its end, whoever ends it."""
        self._patience.handshake()
        tasks = [asyncio.create_task(self._guarded(part)) for part in (self._reader.run(), self._writer.run())]
        try:
            return await self.over
        finally:
            self._patience.stop()
            self._liveness.stop()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if self._close_code is None:
                self._connection.abort()
            else:
                # The sentences are for us, not for the peer: no reason.
                await self._connection.close(self._close_code)

    def hang_up(self, reason: str, replaced: bool = False) -> None:
        """End it on purpose; nothing more is taken from the lane. ``replaced``: what comes there is for the next."""
        self._end(Failure(Trouble.NORMAL, reason, close_code=GOODBYE), GOODBYE, ours=True, replaced=replaced)

    def prove(self) -> None:
        """Have the peer answer a ping, or give the connection up: the network under it has changed."""
        self._liveness.prove()

    def watch(self, now: float) -> float:
        """End it if a deadline has passed. Returns when the next one will (monotonic seconds)."""
        earliest = NEVER
        heard_at, since = self._reader.heard.at, None if self.ready else self._phase_since
        for at, sentence in deadlines(self._setup, bool(self.id), since, self._writer, heard_at, self._ports.limits):
            if now >= at:
                self._end(Failure(Trouble.TRANSPORT, sentence), None)
            earliest = min(earliest, at)
        if self.ready and not self.over.done():
            earliest = min(earliest, self._liveness.watch(now, busy=not self.quiet))
        return earliest

    def _vanished(self, failure: Failure) -> None:
        self._end(failure, None)

    def _end(
        self,
        failure: Failure,
        close_code: int | None,
        ours: bool = False,
        voice: bool = False,
        replaced: bool = False,
    ) -> None:
        """The first one to say so decides. ``close_code``: None means without a goodbye."""
        if self.over.done():
            return
        self._close_code = close_code
        engaged, dropped = self._writer.engaged, 0
        if self.ready:
            # Now, not after the goodbye: what is said from here on belongs to the next session, and what waited for
            # this one would be nonsense there.
            self._ports.uplink.attach(None)
            self._writer.stop()
            dropped = 0 if replaced else len(self._ports.uplink.clear())
            failure = failure if ours else self.term.named(failure, self.endpoint, self._clock())
            self._ports.report(SessionEnded(self.id, failure.close_code or VANISHED, failure.sentence, replaced))
        self.over.set_result(Ending(failure, self.ready, engaged, dropped, ours, voice))

    async def _guarded(self, part: Awaitable[None]) -> None:
        try:
            await part
        except LinkError as error:
            code = error.failure.close_code
            # Where the peer closed, the goodbye has nothing to do; where it just vanished there is none.
            self._end(error.failure, None if code == VANISHED else code)
        except LocalError as error:
            self._end(Failure(Trouble.FATAL, str(error)), GOODBYE)
        except Exception:
            # The boundary of these two tasks: a bug here costs this session, not the daemon.
            log.exception("= the session with %s is given up", self._setup.name)
            self._end(Failure(Trouble.TRANSPORT, "an error in the link itself; the journal has the traceback"), GOODBYE)

    # -- what the service says -------------------------------------------------------------------

    def _take_all(self) -> None:
        for fact in self._session.facts():
            self._take(fact)
        self._writer.wake()

    def _take(self, fact: facts.Fact) -> None:
        if self.over.done():
            return
        if isinstance(fact, facts.Ended):
            fact = self._barge.ended(fact)
        match fact:
            case facts.Audio():
                return self._play(fact)
            case facts.Created():
                self._limit(fact.expires_at)
                # Part of every call's key, so it must never be the same twice.
                self.id = fact.session or f"unnamed-{uuid.uuid4().hex}"
                self._phase_since = self._clock()
                self._patience.handshake()
            case facts.Ready():
                self._patience.handshake()
                self._begin(fact)
            case facts.Warned():
                told(logging.WARNING, self._setup.name, "warns", fact.code, fact.message)
            case facts.Complaint():
                if not self._survives(fact):
                    return None
            case _:
                self._follow(fact)
        event = event_of(fact, self._setup.name, self.id)
        if event is not None:
            self._ports.report(event)

    def _limit(self, expires_at: int | None) -> None:
        """The session has begun: how long may it last?"""
        left_s = None if expires_at is None else expires_at - self._ports.wall()
        self.term = term_of(self._clock(), self._setup.profile, self._ports.options, left_s)

    def _begin(self, fact: facts.Ready) -> None:
        talk = self._ports.talk
        self.config = fact.config
        self.mismatches = fact.mismatches
        if self._session.setup.instructions != self._setup.instructions:
            # They hold what was said before, which is nobody's to read in status.
            self.config = {key: value for key, value in fact.config.items() if key != "instructions"}
        for role, text in self._items:
            self._writer.queue(self._session.replayed(role, text))
        self.ready = True
        self._ready_at = self._clock()
        self._connection.before_ready = False
        pacer = Pacer(
            self._clock(),
            chunk_s=CHUNK_MS / 1000,
            catch_up=self._setup.profile.catch_up,
            end_of_turn_s=talk.end_of_turn_s,
            keepalive_s=min(talk.keepalive_s, WELL_BELOW * self._setup.profile.idle_close_s or NEVER),
        )
        self._ports.on_ready(self.endpoint, self.id)
        self._writer.begin(pacer)
        self._ports.uplink.attach(self._ports.ring)

    def _follow(self, fact: facts.Fact) -> None:
        """What the pace, the liveness and the answers of tools depend on."""
        match fact:
            case facts.UserStarted():
                self._replies.interrupted()
                self._writer.turn_began()
                if self._barge.generating and not self._setup.profile.server_cancels:
                    self._downlink.spoken_over(self._barge.generating)
                    self.cancel_response(self._barge.generating, spoken_over=True)
            case facts.UserStopped():
                self._patience.turn_over()
                self._writer.turn_ended(answered=False)
            case facts.TurnRejected():
                self._writer.turn_ended(answered=True)
            case facts.Began():
                self._barge.began(fact.response)
                self._replies.began()
                self._writer.turn_ended(answered=True)
            case facts.Ended():
                self._replies.done()
                if fact.status == "cancelled":
                    self._patience.cut()
                self._ports.on_ended(fact)
            case facts.ToolCalled():
                self._replies.asked(fact.call_id, self._clock())
                self._asked[fact.call_id] = fact.name
            case facts.Said() if self._ports.memory is not None:
                self._ports.memory.said(fact.role, fact.text, self._clock(), fact.piece)

    def _play(self, audio: facts.Audio) -> None:
        placed = self._downlink.put(audio)
        if placed is Placed.FULL:
            sentence = "The answer was longer than this kiosk plays (audio.longest_answer_s); the rest is cut off."
            log.warning("= %s: %s", self._setup.name, sentence)
            self.cancel_response(audio.response)
            self._ports.report(ServiceComplained(self.id, "answer_too_long", sentence))
        elif placed is Placed.ENDLESS:
            sentence = f"{self._setup.name} does not stop sending audio that is not played"
            self._end(Failure(Trouble.TRANSPORT, sentence, close_code=POLICY_VIOLATION), POLICY_VIOLATION)

    def _survives(self, complaint: facts.Complaint) -> bool:
        """Whether the session goes on and the machine should hear of this."""
        failure = failure_of(complaint, self._setup.name, self._session.setup.instructions != self._setup.instructions)
        if failure is not None:
            self._end(failure, GOODBYE, voice=complaint.before_ready and "voice" in complaint.param)
            return False
        code = told(logging.INFO, self._setup.name, "says", complaint.code, complaint.message)
        self._replies.complained(complaint.code)
        if complaint.trouble is Trouble.TURN_LOST:
            self._writer.turn_ended(answered=True)
        elif complaint.trouble is Trouble.FRAME and self._bad_frames.exceeded(self._clock()):
            sentence = f"{self._setup.name} refused our frames again and again ({code})"
            self._end(Failure(Trouble.TRANSPORT, sentence), GOODBYE)
            return False
        return complaint.trouble is not Trouble.BENIGN
