"""Everything that goes up one connection: control frames first, then speech at the pacer's word.

One task writes, so nothing ever overtakes and nobody else waits for a slow socket.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Callable, NoReturn

from kioskd.core.resample import Resampler, make_resampler
from kioskd.core.uplink import KEEPALIVE_CHUNKS, Move, Pacer
from kioskd.lanes import MOST_TOGETHER, SILENT_CHUNK, UPLINK_HZ
from kioskd.link.client import Connection
from kioskd.link.ports import Ports
from kioskd.link.redaction import Scrub, frame_row
from kioskd.link.replies import Replies
from kioskd.link.waker import Waker
from kioskd.wire.session import Session

NEVER = float("inf")


@dataclass(slots=True)
class Sent:
    """What went up one connection."""

    frames: int = 0
    bytes: int = 0
    chunks: int = 0
    zeros: int = 0
    keepalives: int = 0

    def shown(self) -> dict[str, int]:
        """For status."""
        return {f"{name}_up": getattr(self, name) for name in self.__slots__}


class Writer:
    """Writes one connection. Loop only.

    Args:
        replies: decides when ``response.create`` is due.
        resampler: from the lane's rate to the dialect's; None: one is made here.
        turn_sent: called when the whole of an utterance has gone up, before anything else does.

    Attributes:
        pacer: None until ``begin``; no audio goes up before.
        stuck_since: since when the socket has not taken a frame (monotonic seconds); infinity: it does.
        owed_since: since when an answer is expected; infinity: none is.
    """

    def __init__(
        self,
        session: Session,
        connection: Connection,
        replies: Replies,
        scrub: Scrub,
        ports: Ports,
        resampler: Resampler | None = None,
        turn_sent: Callable[[], None] = lambda: None,
    ) -> None:
        self._session = session
        self._turn_sent = turn_sent
        self._resampler = resampler or make_resampler(UPLINK_HZ, session.profile.in_rate_hz)
        self._by_hand = session.profile.turns == "manual"
        self._everything = ports.talk.mode == "open"  # goes up: where an utterance begins and ends the service says
        self._hears = False  # ... and it says that somebody speaks
        self._answer_s, self._expects_until = ports.talk.answer_s, 0.0
        self._create_at = NEVER  # after a commit, unless an answer begins before
        self._taken = 0  # of the lane, by whoever takes from it
        self._connection = connection
        self._uplink = ports.uplink
        self._replies = replies
        self._scrub = scrub
        self._clock = ports.clock
        self._trace = ports.trace
        self._on_sent = ports.on_sent
        self._on_audio = ports.on_audio
        self._frames: deque[bytes] = deque()
        self._waker = Waker()
        self.pacer: Pacer | None = None
        self.stuck_since = NEVER
        self.owed_since = NEVER
        self.sent = Sent()

    def begin(self, pacer: Pacer) -> None:
        """The session is ready: audio may go up."""
        self.pacer = pacer
        self._taken = self._uplink.taken
        self.wake()

    def stop(self) -> None:
        """The session is over: no more audio."""
        self.pacer = None
        self._hears = False
        self.owed_since = self._create_at = NEVER
        self._expects_until = 0.0

    def queue(self, frame: bytes) -> None:
        """Send a control frame, soon and in order."""
        self._frames.append(frame)
        self.wake()

    def wake(self) -> None:
        """There is something to look at."""
        self._waker.wake()

    @property
    def speaking(self) -> bool:
        """Whether an utterance is on its way."""
        return self.pacer is not None and self.pacer.speaking

    @property
    def engaged(self) -> bool:
        """Whether an utterance is on its way, or waits for it."""
        return self._hears if self._everything else self.speaking or len(self._uplink) > 0

    def turn_began(self) -> None:
        """The service hears speech."""
        self._hears = True
        if self.pacer is not None:
            self.pacer.heard()

    def turn_ended(self, answered: bool) -> None:
        """The service ended the turn; ``answered``: it owes nothing any more, for it answers or will not."""
        if self._hears and not answered and not self._everything:
            self._owe(self._clock())
        # An answer that begins while the service hears the visitor is one to something else (what a tool said): the
        # turn at hand is owed its silence all the same.
        if self.pacer is not None and not (answered and self._hears and self.pacer.speaking):
            self.pacer.turn_ended()
        self._hears = False
        if answered:
            self.owed_since = self._create_at = NEVER
            self._expects_until = 0.0

    @property
    def expecting(self) -> bool:
        """Whether an answer is owed, or may come to what was said: nobody knows yet whether the service heard it."""
        return self.owed_since < NEVER or self._clock() < self._expects_until

    def _owe(self, now: float) -> None:
        """An answer is expected. What was expected before is not expected later for it."""
        self.owed_since = min(self.owed_since, now)

    async def run(self) -> NoReturn:
        """Write until the connection is gone.

        Raises:
            LinkError: it is gone.
        """
        while True:
            # Cleared before anything is looked at: a ring from now on ends the wait below.
            self._waker.clear()
            self._frames.extend(self._session.outgoing())
            if self._frames:
                await self._send(self._frames.popleft())
            elif self.pacer is None:
                await self._waker.rest()
            else:
                await self._go_on(self.pacer, self._clock())

    async def _go_on(self, pacer: Pacer, now: float) -> None:
        due_at = min(self._replies.due_at(), self._create_at)
        if due_at <= now:
            self._replies.fired()
            self._create_at = NEVER
            self._owe(now)
            await self._send(self._session.create_response())
            return
        waiting = self._uplink.together(MOST_TOGETHER)
        step = pacer.next(now, waiting)
        match step.move:
            case Move.WAIT:
                await self._waker.rest(min(step.at, due_at) - now)
            case Move.CHUNK:
                await self._send_frame(pacer, now, waiting)
            case Move.ZERO:
                pacer.silent(now)
                self.sent.zeros += 1
                await self._send_audio(SILENT_CHUNK)
            case Move.KEEPALIVE:
                pacer.kept(now)
                self.sent.keepalives += 1
                await self._send_audio(SILENT_CHUNK * KEEPALIVE_CHUNKS)

    async def _send_frame(self, pacer: Pacer, now: float, most: int) -> None:
        given_up = self._uplink.taken != self._taken
        chunks = self._uplink.take(most)
        self._taken = self._uplink.taken
        if self._by_hand and given_up and chunks and pacer.speaking:
            # What waited of an utterance was dropped: what had gone up of it is no turn either.
            await self._send(self._session.clear())
        speech = [chunk for chunk in chunks if not chunk.ends]
        if speech:
            pacer.sent(now, len(speech))
            self.sent.chunks += len(speech)
            await self._send_audio(b"".join([chunk.pcm for chunk in speech]))
            if self._on_sent is not None:
                for chunk in speech:
                    self._on_sent(chunk)
        if len(speech) < len(chunks):
            await self._end(pacer, now)

    async def _end(self, pacer: Pacer, now: float) -> None:
        """The mark behind an utterance was taken."""
        if pacer.speaking:
            # Of what the service does not hear (a door that slams) it owes nothing; and shut in the middle of
            # everything (by mute, by the kiosk's own voice), an utterance may have held no word.
            if not self._everything:
                self._turn_sent()
                self._expects_until = now + self._answer_s
                if self._hears:
                    self._owe(now)
            await self._commit(pacer, now)
        pacer.ended()

    async def _commit(self, pacer: Pacer, now: float) -> None:
        """Where the kiosk finds the end of a turn: say it, and no zeros need to follow (dialects reference 3.3)."""
        if self._by_hand:
            pacer.turn_ended()
            self._create_at = now + self._session.profile.create_after_commit_s
            await self._send(self._session.commit())

    async def _send_audio(self, pcm: bytes) -> None:
        resampled = self._resampler.process(pcm)
        if resampled:
            await self._send(self._session.append(resampled))
        if self._on_audio is not None:
            self._on_audio(pcm)

    async def _send(self, frame: bytes) -> None:
        self.sent.frames += 1
        self.sent.bytes += len(frame)
        if self._trace is not None:
            self._trace("wire", frame_row(">", frame, self._scrub))
        self.stuck_since = self._clock()
        await self._connection.send(frame)
        self.stuck_since = NEVER
