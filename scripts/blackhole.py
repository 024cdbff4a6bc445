"""How long until a connection that lies in a black hole is given up, with the product's own numbers and a real kernel.

Four connections over the loopback of a namespace of their own, whose interface is then taken down: packets go nowhere,
and nobody says so. Two are watched by the kernel alone (TCP_USER_TIMEOUT, keep-alives), two by the link's pings.
"""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
import time
from dataclasses import replace
from typing import Any

from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

from kioskd.config.sections import Talk
from kioskd.core.events import Event, SessionEnded, SessionReady
from kioskd.inbox import Inbox
from kioskd.lanes import CHUNK_BYTES, Chunk, PlaybackLane, UplinkLane
from kioskd.link.client import Target, dial
from kioskd.link.endpoints import EndpointSetup
from kioskd.link.failures import LinkError
from kioskd.link.limits import Limits
from kioskd.link.redaction import Scrub
from kioskd.link.supervisor import Supervisor
from kioskd.wire.dialects import HYDRA

# What docs/network.md states, and a second for a kernel that looks at its patience when a timer ends.
BOUNDS_S = {
    "the kernel, while speech goes up": 21.0,
    "the kernel, while nothing is sent": 26.0,
    "the link, in mid word": 15.5,
    "the link, while nobody speaks": 25.5,
}
# The link's pings out of the way.
DUMB = replace(HYDRA, ping_interval_s=300, ping_timeout_s=300)


async def service(socket: Any) -> None:
    """Hydra as far as a session needs it; it never hears anything."""
    await socket.send(json.dumps({"type": "session.created", "session_id": str(id(socket))}))
    try:
        async for frame in socket:
            if "session.configure" in frame[:200]:
                echo = {"output_audio_sample_rate": 24_000}
                await socket.send(json.dumps({"type": "session.configured", "session": echo}))
    except ConnectionClosed:
        return  # that was to come


async def by_kernel(url: str, speaks: bool, cut: asyncio.Event) -> float:
    """A bare connection; seconds from the cut until it is given up."""
    connection = await dial(Target(DUMB, url, {}, Scrub(None)))
    await connection.receive()
    await cut.wait()
    began = time.monotonic()

    async def speak() -> None:
        while speaks:
            await connection.send('{"type": "input_audio_buffer.append", "audio": "' + "A" * 850 + '"}')
            await asyncio.sleep(0.02)

    speaking = asyncio.create_task(speak())
    try:
        while True:
            await connection.receive()
    except LinkError:
        return time.monotonic() - began
    finally:
        speaking.cancel()
        await asyncio.gather(speaking, return_exceptions=True)


async def by_link(url: str, speaks: bool, cut: asyncio.Event) -> float:
    """A whole link in session; seconds from the cut until it says that the session has ended."""
    happened: dict[type[Event], asyncio.Event] = {SessionReady: asyncio.Event(), SessionEnded: asyncio.Event()}

    def heard(event: Event) -> None:
        if type(event) in happened:
            happened[type(event)].set()

    inbox = Inbox(asyncio.get_running_loop(), heard)
    uplink = UplinkLane(10.0, lambda lost_ms: None)
    given = (uplink, PlaybackLane(60.0), inbox.post, inbox.bell, Talk(), lambda: 0.5)
    link = Supervisor([EndpointSetup("hydra", HYDRA, url)], *given, limits=Limits(probe_s=0.0))
    link.start()
    link.open("a visitor", greet=False)
    await happened[SessionReady].wait()
    await cut.wait()
    began = time.monotonic()
    while speaks and not happened[SessionEnded].is_set():
        uplink.push(Chunk(b"\1\0" * (CHUNK_BYTES // 2), time.monotonic()))
        await asyncio.sleep(0.02)
    await happened[SessionEnded].wait()
    took_s = time.monotonic() - began
    await link.aclose()
    inbox.close()
    return took_s


async def measure() -> dict[str, float]:
    """All four at once."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    async with serve(service, "127.0.0.1", 0, ping_interval=None, close_timeout=0.1) as server:
        url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/"
        cut = asyncio.Event()
        waits = [work(url, speaks, cut) for work in (by_kernel, by_link) for speaks in (True, False)]
        found = asyncio.gather(*waits)
        await asyncio.sleep(2.0)  # all are in session, and an idle one idles
        await asyncio.to_thread(subprocess.run, ["ip", "link", "set", "lo", "down"], check=True)
        cut.set()
        took = await found
        for connection in server.connections:
            connection.transport.abort()
    return dict(zip(BOUNDS_S, took))


def main() -> int:
    """Measure, and say how long each took."""
    logging.disable()
    late = 0
    for name, took_s in asyncio.run(measure()).items():
        late += took_s > BOUNDS_S[name]
        print(f"{name:<36} {took_s:5.1f} s, at most {BOUNDS_S[name]:g} s{'  LATE' * (took_s > BOUNDS_S[name])}")
    return int(late > 0)


if __name__ == "__main__":
    sys.exit(main())
