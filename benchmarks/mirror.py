"""A service that answers each marker it hears with a marker: ``python -m benchmarks.mirror``, as benchmarks/peer.py.

The answer begins with it. Between the arrival of the chunk that brought the marker's first sample and the answer it
thinks for a known time, which is stamped and taken off.
"""

from __future__ import annotations

import asyncio
import base64
import random

from benchmarks import markers
from benchmarks.peer import DELTA_MS, RATE_HZ, Service, main
from benchmarks.pure import tone
from kioskd.lanes import CHUNK_MS, UPLINK_HZ

# The visitor has come to the end of the word by then, and answers begin at any phase of the device's period.
LEAST_S, MOST_S = 0.12, 0.15
ANSWER_MS = 120
KEPT_FRAMES = 4 * UPLINK_HZ * CHUNK_MS // 1000


class Mirror(Service):
    """One visitor at a time."""

    def __init__(self) -> None:
        super().__init__()
        self._heard = b""  # the end of what was heard
        self._first = 0  # number of its first frame in all that was heard
        self._arrivals: list[tuple[int, float]] = []  # first frame and time of what is still here
        self._answered = -UPLINK_HZ  # the marker that was answered last
        self._thinking: set[asyncio.Task[None]] = set()
        self.turns: list[tuple[float, float, float]] = (
            []
        )  # a marker came, its answer left, where in chunk and answer it is

    async def hear(self, audio: str, now: float) -> None:
        """Look for a marker that is complete with this."""
        pcm = base64.b64decode(audio)
        self._arrivals.append((self._first + len(self._heard) // 2, now))
        self._heard += pcm
        found = [self._first + at for at in markers.find(self._heard, UPLINK_HZ)]
        fresh = [at for at in found if at > self._answered + UPLINK_HZ // 10]
        if fresh:
            self._answered = fresh[0]
            began, arrived_at = max(arrival for arrival in self._arrivals if arrival[0] <= fresh[0])
            task = asyncio.create_task(self._reflect((fresh[0] - began) / UPLINK_HZ, arrived_at))
            self._thinking.add(task)
            task.add_done_callback(self._thinking.discard)
        self._forget()

    def _forget(self) -> None:
        over = max(0, len(self._heard) // 2 - KEPT_FRAMES)
        self._heard, self._first = self._heard[2 * over :], self._first + over
        self._arrivals = [arrival for arrival in self._arrivals if arrival[0] >= self._first]

    async def _reflect(self, offset_s: float, arrived_at: float) -> None:
        """Answer a marker that began so far into the chunk that came then."""
        socket = self._socket
        if socket is None:
            return
        self._answers += 1
        response = f"resp_{self._answers}"
        await self._send(socket, "input_audio_buffer.speech_stopped", item_id=f"u{self._answers}")
        await self._send(socket, "response.created", response={"id": response})
        sound = markers.marker(RATE_HZ) + tone(RATE_HZ * ANSWER_MS // 1000, RATE_HZ)
        size = 2 * RATE_HZ * DELTA_MS // 1000
        pieces = [base64.b64encode(sound[at : at + size]).decode() for at in range(0, len(sound), size)]
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, arrived_at + random.uniform(LEAST_S, MOST_S) - loop.time()))
        self.turns.append((arrived_at, loop.time(), offset_s))
        for piece in pieces:
            await self._send(socket, "response.output_audio.delta", response_id=response, item_id="a", delta=piece)
        await self._send(socket, "response.done", response={"id": response, "status": "completed"})

    async def obey(self, line: bytes) -> dict[str, object]:
        """``turns``, or what a service of the bench obeys."""
        if b'"turns"' not in line:
            return await super().obey(line)
        turns, self.turns = self.turns, []
        return {"turns": turns}


if __name__ == "__main__":
    asyncio.run(main(Mirror()))
