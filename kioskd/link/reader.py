"""Frames in, facts out, within bounds: a hostile service costs the loop half a millisecond at a time, or one frame."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Callable, NoReturn

from kioskd.link.client import POLICY_VIOLATION, Connection
from kioskd.link.failures import Failure, LinkError
from kioskd.link.limits import Allowance
from kioskd.link.ports import Ports
from kioskd.link.redaction import Scrub, frame_row
from kioskd.wire.errors import ProtocolError
from kioskd.wire.facts import Audio, Fact
from kioskd.wire.profile import Trouble
from kioskd.wire.session import Session


@dataclass(slots=True)
class Heard:
    """What came over one connection."""

    frames: int = 0
    bytes: int = 0
    at: float = 0.0  # when the last frame came

    def shown(self) -> dict[str, int]:
        """For status."""
        return {"frames_down": self.frames, "bytes_down": self.bytes}


class Reader:
    """Reads one connection. Loop only.

    Args:
        name: of the endpoint, for sentences.
        take: called with each fact, in order.
        heard_all: called after the facts of one frame, when it held more than audio or wants an answer.
    """

    def __init__(
        self,
        name: str,
        session: Session,
        connection: Connection,
        scrub: Scrub,
        ports: Ports,
        take: Callable[[Fact], None],
        heard_all: Callable[[], None],
    ) -> None:
        self._name = name
        self._session = session
        self._connection = connection
        self._scrub = scrub
        self._limits = ports.limits
        self._clock = ports.clock
        self._trace = ports.trace
        self._take = take
        self._heard_all = heard_all
        self._control = Allowance(ports.limits.events_a_second, 1.0)
        self.heard = Heard(at=ports.clock())

    async def run(self) -> NoReturn:
        """Read until the connection is gone, or ought to be.

        Raises:
            LinkError: it is gone; or, with a close code of ours in the failure, close it with that one.
        """
        working_s = 0.0
        while True:
            frame = await self._connection.receive()
            began = self._clock()
            self._hear(frame, began)
            working_s += self._clock() - began
            if working_s >= self._limits.parse_s:
                # What waits in the library's queue is handed out without a turn of the loop: give it one.
                working_s = 0.0
                await asyncio.sleep(0)

    def _hear(self, frame: str | bytes, now: float) -> None:
        self.heard.frames += 1
        self.heard.bytes += len(frame)
        self.heard.at = now
        if isinstance(frame, str):
            # Before anything is cut to length or copied: from here on nobody can repeat the key.
            frame = self._scrub.frame(frame)
        if self._trace is not None:
            self._trace("wire", frame_row("<", frame, self._scrub))
        broken: ProtocolError | None = None
        try:
            self._session.receive(frame, binary=isinstance(frame, bytes))
        except ProtocolError as error:
            broken = error
        told = self._session.facts()
        control = [fact for fact in told if not isinstance(fact, Audio)]
        # A frame that means nothing counts too: parsing it was work.
        self._count(len(control) if told else 1, now)
        for fact in told:
            self._take(fact)
        if control:
            self._heard_all()
        if broken is not None:
            raise LinkError(Failure(Trouble.TRANSPORT, broken.sentence, close_code=broken.code))

    def _count(self, events: int, now: float) -> None:
        for _ in range(events):
            if self._control.exceeded(now):
                sentence = f"{self._name} sent more than {self._limits.events_a_second} events in a second"
                raise LinkError(Failure(Trouble.TRANSPORT, sentence, close_code=POLICY_VIOLATION))
