"""What becomes of each chunk: kept, gated or sent, and what the machine is told of it. No device, no thread of its own.

Promises: an utterance in the lane is one contiguous run of chunks and one end mark. Each GateOpened is followed by one
GateClosed, each GateStirred by one GateOpened or GateCalmed, each leaving of Feed.ALWAYS by one GateClosed, after
the end mark.
"""

from __future__ import annotations

from kioskd.core.events import GateCalmed, GateClosed, GateOpened, GateStirred, UplinkOverflowed
from kioskd.core.gate import Gate, GateStep
from kioskd.core.ports import Post
from kioskd.core.vad import Vad
from kioskd.core.words import Feed
from kioskd.lanes import Chunk, UplinkLane


class Ears:
    """Capture thread only, all of it.

    ``feed``, ``watch`` and ``interrupt`` say what shall hold; ``hear`` is one of four ways to treat a chunk:

    * deaf: it is our own voice, nothing is kept;
    * keep: Feed.NEVER; only the preroll stays fresh, and nothing opens the gate;
    * gated: Feed.GATED, and barge-in watch (which also tells of stirrings) with what it let in;
    * all: Feed.ALWAYS and, for the hangover after it, its tail.
    """

    def __init__(self, lane: UplinkLane, post: Post, gate: Gate, vad: Vad) -> None:
        self._lane = lane
        self._post = post
        self._gate = gate
        self._vad = vad
        self._feed = Feed.NEVER
        self._deaf = False
        self._watching = False
        self._finishing = False  # an utterance that the watch let in outlives the watch
        self._hearing = False  # chunks come
        self._talking = False  # an utterance is in the lane, its end mark is not
        self._stirred = False  # GateStirred was posted, what became of it was not
        self._tail = 0  # chunks that may still follow a released button
        self._silent = 0  # chunks since the last voiced one, while everything goes up
        self._at = 0.0  # capture time of the last chunk

    @property
    def _always(self) -> bool:
        return self._feed is Feed.ALWAYS and not self._watching

    def feed(self, mode: Feed, deaf: bool, now: float) -> None:
        """See ``Capture.feed``."""
        self._finishing = False
        self._turn(mode, deaf and mode is Feed.NEVER, self._watching, now)

    def watch(self, on: bool, now: float) -> None:
        """See ``Capture.watch_barge_in``."""
        self._turn(self._feed, self._deaf, on, now)

    def _turn(self, mode: Feed, deaf: bool, watching: bool, now: float) -> None:
        was_always = self._always
        # What the kiosk itself says must not go up, so these two leave no tail and no preroll.
        at_once = (deaf and not watching and (not self._deaf or self._watching)) or (watching and not self._watching)
        self._finishing = self._finishing or (self._talking and self._watching and not watching)
        self._feed, self._deaf, self._watching = mode, deaf, watching
        if self._always and not was_always:
            self._begin()
        elif was_always and not self._always:
            self._release(at_once, now)
        elif self._talking and at_once:
            self._end()
        if at_once:
            self._forget()

    def hear(self, chunk: Chunk) -> None:
        """Treat one chunk."""
        everything = self._always or self._tail > 0
        gated = self._watching or self._feed is Feed.GATED or (self._finishing and self._talking)
        if self._talking and not (everything or gated):
            # Not before a chunk comes: a command that follows at once may want the utterance to go on.
            self._end()
        voiced = self._vad.is_speech(chunk.pcm)
        self._hearing = True
        self._at = chunk.at
        if everything:
            self._send(chunk, voiced)
        elif gated:
            self._carry(self._gate.step(chunk, voiced))
        elif not self._deaf:
            self._carry(self._gate.step(chunk, False))

    def interrupt(self) -> None:
        """No chunk follows for now (the device is gone, or muted): end what is in progress, keep nothing."""
        if self._always:
            # The button is still held: the end is told when it is released.
            self._mark()
        elif self._talking:
            self._end()
        self._forget()
        self._hearing = False

    def lost(self, ms: float) -> None:
        """Audio was thrown away because it had grown old; in an utterance that is the machine's concern."""
        if self._talking:
            self._post(UplinkOverflowed(ms))

    def _begin(self) -> None:
        """A button went down: what was said just before it belongs to the utterance."""
        self._silent = self._tail = 0
        if self._talking:
            return
        self._talking = self._hearing
        for chunk in self._gate.take_preroll():
            self._lane.push(chunk)

    def _release(self, at_once: bool, now: float) -> None:
        """A button came up; a hand is quicker than a tongue, so a tail follows unless it has been quiet for long."""
        if not self._talking:
            self._post(GateClosed(now))
        elif at_once or self._silent >= self._gate.hangover_chunks:
            self._end()
        else:
            self._tail = self._gate.hangover_chunks

    def _send(self, chunk: Chunk, voiced: bool) -> None:
        self._gate.step(chunk, voiced)  # for its state only: everything goes up
        self._settle(GateCalmed(chunk.at))
        self._talking = True
        self._silent = 0 if voiced else self._silent + 1
        self._lane.push(chunk)
        if self._tail:
            self._tail -= 1
            if not self._tail or self._silent >= self._gate.hangover_chunks:
                self._end()

    def _carry(self, step: GateStep) -> None:
        for chunk in step.out:
            self._lane.push(chunk)
        if step.opened:
            self._talking = True
            self._stirred = False
            self._post(GateOpened(self._at))
        elif step.closed:
            self._talking = False
            self._post(GateClosed(self._at))
        elif step.stirred and self._watching:
            self._stirred = True
            self._post(GateStirred(self._at))
        elif step.calmed:
            self._settle(GateCalmed(self._at))

    def _mark(self) -> None:
        """The end mark, if one is due."""
        self._tail = 0
        if self._talking:
            self._talking = False
            self._lane.push(Chunk(b"", self._at))

    def _end(self) -> None:
        """End the utterance; the gate starts afresh behind it, so that nothing goes up twice."""
        self._mark()
        self._gate.reset()
        self._post(GateClosed(self._at))

    def _forget(self) -> None:
        self._gate.reset()
        self._settle(GateCalmed(self._at))

    def _settle(self, calmed: GateCalmed) -> None:
        if self._stirred:
            self._stirred = False
            self._post(calmed)
