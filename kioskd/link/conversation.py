"""One session, from the open connection to its end.

Two tasks: the reader waits for nothing but the socket, the writer for nothing but the socket and its own pace. Whoever
first sees that it is over says so through ``_end``; everybody else follows.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import uuid
from typing import Awaitable, Mapping

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
from kioskd.link.patience import Patience
from kioskd.link.ports import Ports
from kioskd.link.reader import Heard, Reader
from kioskd.link.redaction import Scrub
from kioskd.link.replies import Replies
from kioskd.link.translate import event_of, failure_of
from kioskd.link.writer import NEVER, Sent, Writer
from kioskd.wire import facts
from kioskd.wire.errors import LocalError
from kioskd.wire.profile import Trouble
from kioskd.wire.session import Session

log = logging.getLogger(__name__)

GOODBYE, VANISHED = 1000, 1006  # RFC 6455, 7.4.1


class Conversation:
    """One session over one connection. Loop only.

    Args:
        setup: whose session it is.
        session: not yet fed.
        connection: open; it is closed when ``run`` returns.
        resampler: from the lane's rate to the dialect's; None: one is made here.

    Attributes:
        endpoint: the name of whose session it is.
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
        self._writer = Writer(session, connection, self._replies, scrub, ports, resampler)
        self._reader = Reader(setup.name, session, connection, scrub, ports, self._take, self._writer.wake)
        self._phase_since = ports.clock()  # of the handshake
        self._ready_at = 0.0
        self.over: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self._close_code: int | None = None
        self.endpoint = setup.name
        self.id = ""
        self.ready = False
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
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if self._close_code is None:
                self._connection.abort()
            else:
                # The sentences are for us, not for the peer: no reason.
                await self._connection.close(self._close_code)

    def hang_up(self, reason: str) -> None:
        """End it on purpose. From here on nothing is taken from the uplink lane for it."""
        self._end(Failure(Trouble.NORMAL, reason, close_code=GOODBYE), GOODBYE, ours=True)

    def watch(self, now: float) -> float:
        """End it if a deadline has passed. Returns when the next one will (monotonic seconds)."""
        earliest = NEVER
        heard_at, since = self._reader.heard.at, None if self.ready else self._phase_since
        for at, sentence in deadlines(self._setup, bool(self.id), since, self._writer, heard_at, self._ports.limits):
            if now >= at:
                self._end(Failure(Trouble.TRANSPORT, sentence), None)
            earliest = min(earliest, at)
        return earliest

    def _end(self, failure: Failure, close_code: int | None, ours: bool = False, voice: bool = False) -> None:
        """The first one to say so decides. ``close_code``: None means without a goodbye."""
        if self.over.done():
            return
        self._close_code = close_code
        engaged, dropped = len(self._ports.uplink) > 0 or self._writer.speaking, 0
        if self.ready:
            # Now, not after the goodbye: what is said from here on belongs to the next session, and what waited for
            # this one would be nonsense there.
            self._ports.uplink.attach(None)
            self._writer.stop()
            dropped = self._ports.uplink.clear()
            self._ports.report(SessionEnded(self.id, failure.close_code or VANISHED, failure.sentence))
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

    # -- what others want of it ------------------------------------------------------------------

    def wake(self) -> None:
        """The uplink lane rang."""
        self._writer.wake()

    def send_output(self, call_id: str, output: str) -> None:
        """The output of a tool call."""
        self._writer.queue(self._session.tool_output(call_id, output))
        self._replies.answered(call_id, self._clock())

    def send_text(self, text: str) -> None:
        """A text item."""
        self._writer.queue(self._session.text(text))

    def ask_response(self) -> None:
        """Let the model speak, once all calls are answered and it is quiet."""
        self._replies.want(self._clock())
        self._writer.wake()

    def cancel_response(self, response: str, spoken_over: bool = False) -> None:
        """Stop generating. ``spoken_over``: the visitor's speech is the reason."""
        if self._barge.cancel(response, spoken_over):
            self._writer.queue(self._session.cancel(response))
            self._patience.cancelled(response)

    def truncate(self, response: str, heard_ms: int) -> None:
        """Only so much of it was heard; told where the dialect has a word for it (Hydra: none, reference A7)."""
        for frame in self._session.truncate(response, heard_ms):
            self._writer.queue(frame)

    def traffic(self) -> tuple[float, Sent, Heard]:
        """Seconds in session, and what went up and came down so far."""
        session_s = self._clock() - self._ready_at if self.ready else 0.0
        return session_s, self._writer.sent, self._reader.heard

    def snapshot(self) -> dict[str, object]:
        """For status."""
        _, sent, heard = self.traffic()
        return {
            "session": self.id,
            "config": dict(self.config),
            **sent.shown(),
            **heard.shown(),
            "overlong_s": round(self._downlink.overlong_s, 3),
            "rtt_ms": None if self._connection.rtt_s is None else round(self._connection.rtt_s * 1000, 1),
            "wire": dataclasses.asdict(self._session.counters),
        }

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
                # Part of every call's key, so it must never be the same twice.
                self.id = fact.session or f"unnamed-{uuid.uuid4().hex}"
                self._phase_since = self._clock()
                self._patience.handshake()
            case facts.Ready():
                self._patience.handshake()
                self._begin(fact)
            case facts.Warned():
                log.warning("< %s warns (%s): %s", self._setup.name, fact.code, fact.message)
            case facts.Complaint():
                if not self._survives(fact):
                    return None
            case _:
                self._follow(fact)
        event = event_of(fact, self._setup.name, self.id)
        if event is not None:
            self._ports.report(event)

    def _begin(self, fact: facts.Ready) -> None:
        talk = self._ports.talk
        self.config = fact.config
        self.ready = True
        self._ready_at = self._clock()
        self._connection.before_ready = False
        pacer = Pacer(
            self._clock(),
            chunk_s=CHUNK_MS / 1000,
            catch_up=self._setup.profile.catch_up,
            end_of_turn_s=talk.end_of_turn_s,
            keepalive_s=talk.keepalive_s,
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
                self._writer.turn_ended(answered=False)
            case facts.TurnRejected():
                self._writer.turn_ended(answered=True)
            case facts.Began():
                self._barge.began(fact.response)
                self._replies.began()
                self._writer.turn_ended(answered=True)
            case facts.Ended():
                self._replies.done()
                self._ports.on_ended(fact)
            case facts.ToolCalled():
                self._replies.asked(fact.call_id, self._clock())

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
        failure = failure_of(complaint, self._setup.name)
        if failure is not None:
            self._end(failure, GOODBYE, voice=complaint.before_ready and "voice" in complaint.param)
            return False
        log.info("< %s says %s: %s", self._setup.name, complaint.code or "error", complaint.message)
        self._replies.complained(complaint.code)
        if complaint.trouble is Trouble.TURN_LOST:
            self._writer.turn_ended(answered=True)
        elif complaint.trouble is Trouble.FRAME and self._bad_frames.exceeded(self._clock()):
            sentence = f"{self._setup.name} refused our frames again and again ({complaint.code}: {complaint.message})"
            self._end(Failure(Trouble.TRANSPORT, sentence), GOODBYE)
            return False
        return complaint.trouble is not Trouble.BENIGN
