"""From the moment at which the gate opens while the link sleeps to the first speech on the wire.

A connection has round trips of its own (TCP, upgrade, the two words of the handshake); a bare client of the same
library pays them too, in turns with the kiosk's link. What the kiosk takes longer is counted: inbox, machine,
supervisor, the thread that prepares the resampler, the session's own checks, the writer.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any, Mapping

from websockets.asyncio.client import connect

from benchmarks.figure import Measured, ProbeFailed, percentile, spread
from benchmarks.host import often
from benchmarks.peer import Peer
from benchmarks.pure import tone
from kioskd.config.sections import Config, Talk
from kioskd.core.effects import CloseLink, OpenLink
from kioskd.core.events import Event, GateOpened, SessionEnded
from kioskd.core.machine import Machine
from kioskd.inbox import Inbox
from kioskd.lanes import CHUNK_BYTES, UPLINK_HZ, Chunk, PlaybackLane, UplinkLane
from kioskd.link.endpoints import EndpointSetup
from kioskd.link.limits import Limits
from kioskd.link.supervisor import Supervisor
from kioskd.wire import frames
from kioskd.wire.dialects import LOCAL
from kioskd.wire.frames import Setup

WAKES = 150
FIRST = 5  # of each: what is loaded and made once
PATIENCE_S = 5.0
# The bucket of ten attempts a minute is not what is measured.
LIMITS = Limits(bucket=10_000, probe_s=0.0)
SPEECH = tone(CHUNK_BYTES // 2, UPLINK_HZ)


class Sleeper:
    """A link and the machine that wakes it; of the machine's effects only those that concern the link are done."""

    def __init__(self, url: str) -> None:
        self._sent, self._ended = asyncio.Event(), asyncio.Event()
        self._sent_at = 0.0
        self._lane = UplinkLane(10.0, lambda lost_ms: None)
        self._machine = Machine(Config(talk=Talk(mode="voice")), 0.0)
        self._inbox = Inbox(asyncio.get_running_loop(), self._deliver)
        self.link = Supervisor(
            [EndpointSetup("local-1", LOCAL, url, "hydra-v1.1")],
            self._lane,
            PlaybackLane(30.0),
            self._inbox.post,
            self._inbox.bell,
            Talk(),
            lambda: 0.5,
            limits=LIMITS,
            on_sent=self._was_sent,
        )

    async def __aenter__(self) -> Sleeper:
        self.link.start()
        await asyncio.sleep(0.2)  # what it loads ahead of time, it has loaded
        return self

    async def __aexit__(self, *_: Any) -> None:
        await self.link.aclose()
        self._inbox.close()

    def _deliver(self, event: Event) -> None:
        for effect in self._machine.step(event, time.monotonic()):
            if isinstance(effect, OpenLink):
                self.link.open(effect.reason, effect.greet)
                self.link.press()
            elif isinstance(effect, CloseLink):
                self.link.close(effect.reason)
        if isinstance(event, SessionEnded):
            self._ended.set()

    def _was_sent(self, chunk: Chunk) -> None:
        if not self._sent.is_set():
            self._sent_at = time.monotonic()
            self._sent.set()

    def _gate(self) -> float:
        """The capture thread's part."""
        at = time.monotonic()
        self._lane.push(Chunk(SPEECH, at))
        self._inbox.post(GateOpened(at))
        return at

    async def wake(self) -> float:
        """Wake it once and let it fall asleep again; ms from the gate to the socket."""
        self._sent.clear()
        self._ended.clear()
        at = await asyncio.to_thread(self._gate)
        await self._sent.wait()
        self._machine = Machine(Config(talk=Talk(mode="voice")), 0.0)  # the next visitor
        self.link.close("the bench")
        await self._ended.wait()
        return (self._sent_at - at) * 1000


async def bare(url: str) -> float:
    """The same frames by the library alone; ms from the dial to the socket."""
    configuration = frames.configure(LOCAL, Setup("", None, (), False, "hydra-v1.1", None), "evt_1")
    speech = frames.append(SPEECH)
    began = time.monotonic()
    async with connect(url, compression=None, proxy=None, ping_interval=None, close_timeout=1) as socket:
        await socket.recv()
        await socket.send(configuration, text=True)
        await socket.recv()
        await socket.send(speech, text=True)
        return (time.monotonic() - began) * 1000


def wake_to_wire_ms() -> Mapping[str, Measured]:
    """Bare and kiosk in turns."""
    return asyncio.run(_wake_to_wire())


async def _wake_to_wire() -> Mapping[str, Measured]:
    kiosk, plain = [], []
    with Peer() as peer:
        async with Sleeper(peer.url) as sleeper:
            for _ in range(FIRST + often(WAKES, 3)):
                try:
                    async with asyncio.timeout(PATIENCE_S):
                        plain.append(await bare(peer.url))
                        kiosk.append(await sleeper.wake())
                except TimeoutError as error:
                    raise ProbeFailed(f"no speech was on the wire {PATIENCE_S:g} s after the gate opened") from error
    kiosk, plain = kiosk[FIRST:], plain[FIRST:]
    over = round(percentile(kiosk, 0.99) - percentile(plain, 0.5), 3)
    story = (
        f"from the gate to the first speech on the socket, p99 of {len(kiosk)} wakes, over a bare client's median "
        f"of {percentile(plain, 0.5):.1f} ms (median over it {percentile(kiosk, 0.5) - percentile(plain, 0.5):.1f} ms)"
    )
    return {"wake_to_wire_ms": Measured(over, story, {"ms": spread(kiosk), "bare_ms": spread(plain)})}
