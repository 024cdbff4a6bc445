"""What becomes of each chunk: kept, gated or sent, and what the machine is told of it. No device, no thread of its own.

Promises: an utterance in the lane is one contiguous run of chunks and one end mark. Each GateOpened is followed by one
GateClosed, each GateStirred by one GateOpened or GateCalmed, each leaving of Feed.ALWAYS by one GateClosed, after
the end mark. In Feed.WAKE nothing goes up before WakeHeard, and nothing but the word's last moment from before it.
"""

from __future__ import annotations

from typing import Callable, Protocol

from kioskd.audio.ownvoice import OwnVoice
from kioskd.audio.wakeword import Spotter
from kioskd.core.events import (
    GateCalmed,
    GateClosed,
    GateOpened,
    GateStirred,
    PartChanged,
    UplinkOverflowed,
    WakeHeard,
)
from kioskd.core.gate import Gate, GateStep
from kioskd.core.ports import Post
from kioskd.core.words import Feed, PartState, Vad
from kioskd.lanes import CHUNK_MS, Chunk, UplinkLane

# A wake word opens the gate for so long; then it must be said again, unless the machine has answered (it does at once).
WOKEN_CHUNKS = 10_000 // CHUNK_MS
# Chunks that may be fetched at once while nobody speaks: at 40 ms, and 80.
IN_SESSION_CHUNKS, AT_REST_CHUNKS = 2, 4
SPOTTER = "wake word"
GATE = "gate"


class Hearing(Protocol):
    """What the ears ask of a detector (audio/detector.py, core/vad.py): one of the two for each chunk, once."""

    def is_speech(self, pcm: bytes) -> bool:
        """Whether the chunk is speech for certain."""

    def is_candidate(self, pcm: bytes) -> bool:
        """Whether it may be, as far as that costs nothing to know."""

    @property
    def doubtful(self) -> bool:
        """After ``is_speech`` said no: whether the chunk may be speech all the same, for all that is known yet."""

    @property
    def fault(self) -> str:
        """A sentence for the owner when a part of the detector is missing; empty when all is well."""


class Ears:
    """Capture thread only, all of it.

    ``feed``, ``watch`` and ``interrupt`` say what shall hold; ``hear`` is one of five ways to treat a chunk:

    * deaf: it is our own voice, nothing is kept;
    * keep: Feed.NEVER; only the preroll stays fresh, and nothing opens the gate;
    * spot: Feed.WAKE; as keep, until the wake word is heard, and from there on gated;
    * gated: Feed.GATED, and barge-in watch (which also tells of stirrings) with what it let in;
    * all: Feed.ALWAYS and, for the hangover after it, its tail.

    The detector is asked for certainty only where it decides something: gated. A button needs no neural network.

    Args:
        spotter: hears the wake word; None: Feed.WAKE is as Feed.NEVER.
        voice: half duplex: what may hold the kiosk's own voice counts as not captured; None: the machine says it all.
        give_way: lowers the kiosk's voice, or lifts it: within a period of the device, whatever the loop does.
    """

    def __init__(
        self,
        lane: UplinkLane,
        post: Post,
        gate: Gate,
        vad: Hearing,
        spotter: Spotter | None = None,
        voice: OwnVoice | None = None,
        give_way: Callable[[bool], object] = bool,
    ) -> None:
        self._lane = lane
        self._post = post
        self._gate = gate
        self._vad = vad
        self._spotter = spotter
        self._voice = voice
        self._give_way = give_way
        self._gave_way = False
        self._fault = ""  # what was told of the detector
        self._woken = 0  # Feed.WAKE: chunks for which the gate may still open
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
        self._woken = 0
        if mode is Feed.WAKE and self._spotter is not None and self._spotter.prepare():
            self._post(PartChanged(SPOTTER, PartState.FAILED, self._spotter.progress().reason))
        self._turn(mode, deaf and mode is Feed.NEVER, self._watching, now)

    def watch(self, on: bool, now: float) -> None:
        """See ``Capture.watch_barge_in``."""
        self._turn(self._feed, self._deaf, on, now)

    def _turn(self, mode: Feed, deaf: bool, watching: bool, now: float) -> None:
        if self._spotter is not None:
            # It hears in Feed.WAKE only, and what comes then does not follow what it heard last.
            self._spotter.forget()
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
        if not watching:
            self._yield(False)

    @property
    def leisure(self) -> int:
        """How many chunks may come at once. One: there is an utterance, or what may become one, or the watch.

        Otherwise the preroll holds what comes late. In a session that is a delay, so it is kept small; where there is
        none, the dial takes longer.
        """
        if self._talking or self._watching or self._tail or self._always or self._gate.state is not Vad.QUIET:
            return 1
        return IN_SESSION_CHUNKS if self._lane.attended else AT_REST_CHUNKS

    def hear(self, chunk: Chunk) -> None:
        """Treat one chunk."""
        if self._voice is not None and self._voice.in_chunk(chunk.at):
            if self._hearing:
                self.interrupt()
            return
        everything = self._always or self._tail > 0
        gated = not everything and self._gated
        if self._talking and not (everything or gated):
            # Not before a chunk comes: a command that follows at once may want the utterance to go on.
            self._end()
        voiced = self._vad.is_speech(chunk.pcm) if gated else self._vad.is_candidate(chunk.pcm)
        self._hearing = True
        self._at = chunk.at
        if everything:
            self._send(chunk, voiced)
        elif gated:
            self._tell_fault()
            self._carry(self._gate.step(chunk, voiced, self._vad.doubtful))
            self._yield(self._watching and self._gate.state is not Vad.QUIET)
            if self._woken and not self._talking:
                self._woken -= 1
        elif not self._deaf:
            self._carry(self._gate.step(chunk, False))
            if self._feed is Feed.WAKE:
                self._spot(chunk, voiced)

    @property
    def _gated(self) -> bool:
        return (
            self._watching
            or self._feed is Feed.GATED
            or (self._feed is Feed.WAKE and self._woken > 0)
            or (self._finishing and self._talking)
        )

    def suspect(self) -> None:
        """The chunk at hand may be speech; who knows for certain has still to be asked. In the middle of ``hear``."""
        if self._watching:
            self._yield(True)

    def _yield(self, on: bool) -> None:
        """Barge-in's first step, without the machine: it follows (GateStirred), but its loop may be held up."""
        if on is not self._gave_way:
            self._gave_way = on
            self._give_way(on)

    def _tell_fault(self) -> None:
        """A detector that lost a stage goes on without it, but not in silence."""
        if self._vad.fault != self._fault:
            self._fault = self._vad.fault
            self._post(PartChanged(GATE, PartState.FAILED, self._fault))

    def _spot(self, chunk: Chunk, candidate: bool) -> None:
        """Is it the wake word? What is said behind it is treated as gated without waiting for the machine's word."""
        if self._spotter is None or not self._spotter.hear(chunk, candidate):
            return
        behind = self._spotter.behind()
        self._spotter.forget()
        self._gate.start_behind(behind)
        self._woken = WOKEN_CHUNKS
        self._post(WakeHeard(self._spotter.word, chunk.at))

    def interrupt(self) -> None:
        """No chunk follows for now (the device is gone, or muted): end what is in progress, keep nothing."""
        if self._always:
            # The button is still held: the end is told when it is released.
            self._mark()
        elif self._talking:
            self._end()
        self._forget()
        self._hearing = False
        self._woken = 0

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
        if self._spotter is not None:
            self._spotter.forget()
        self._settle(GateCalmed(self._at))
        self._yield(False)

    def _settle(self, calmed: GateCalmed) -> None:
        if self._stirred:
            self._stirred = False
            self._post(calmed)
