"""What changes around the link and makes another attempt worth while: the network, the clock, the files of the keys."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Callable, Protocol, Sequence

from kioskd.link.endpoints import EndpointSetup
from kioskd.link.keyfile import KeyWatch
from kioskd.link.network import Network

log = logging.getLogger(__name__)

# How long after a key file was replaced, or the clock was set, it is noticed at the latest.
LOOK_S = 1.0

# A clock that is slewed moves by half a millisecond in a second (adjtime(3)); one that was set, or a device that
# slept, moves at once. A guess: no certificate cares for less.
JUMP_S = 5.0


class Told(Protocol):
    """Who is told; the supervisor. Loop only."""

    def keys_changed(self, name: str) -> None:
        """A file with a secret of that endpoint came or changed."""

    def network_changed(self) -> None:
        """What could not be reached may be there now, and an open connection may be dead."""


class Surroundings:
    """Looks once a second, and hears of the network at once. Loop only.

    Args:
        wall: the time of day in seconds since 1970.
        clock: monotonic seconds, which stand still while the device sleeps.
    """

    def __init__(
        self,
        setups: Sequence[EndpointSetup],
        told: Told,
        wall: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
        look_s: float = LOOK_S,
    ) -> None:
        self._told = told
        self._wall = wall
        self._clock = clock
        self._look_s = look_s
        self._keys = KeyWatch(setups, self._key_changed)
        self._network = Network(told.network_changed)
        self._apart_s = wall() - clock()
        self._task: asyncio.Task[None] | None = None
        self._key_changes = 0
        self._clock_jumps = 0
        self._faults = 0

    def start(self) -> None:
        """Begin. Once."""
        self._network.start()
        self._task = asyncio.get_running_loop().create_task(self._run(), name="surroundings")

    def use(self, setups: Sequence[EndpointSetup]) -> None:
        """Watch the files of these endpoints from now on."""
        self._keys.use(setups)

    async def aclose(self) -> None:
        """Notice nothing any more."""
        self._network.stop()
        if self._task is not None:
            self._task.cancel()

    def snapshot(self) -> dict[str, object]:
        """For status."""
        return {
            "watched_by": self._network.how,
            "network_changes": self._network.changes,
            "key_changes": self._key_changes,
            "clock_jumps": self._clock_jumps,
            "watch_faults": self._faults,
        }

    def look(self) -> None:
        """One look at the clock, at the files, and at the routes where the kernel does not tell."""
        now = self._clock()
        apart_s = self._wall() - now
        if abs(apart_s - self._apart_s) > JUMP_S:
            self._clock_jumps += 1
            log.info("= the clock was set, or the device slept: %+.0f s", apart_s - self._apart_s)
            self._told.network_changed()
        self._apart_s = apart_s
        self._keys.look()
        self._network.tick(now)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._look_s)
            try:
                self.look()
            except Exception:
                # The boundary of this task: a bug here is shown, and what is watched goes on to be watched.
                log.exception("= a look at the surroundings of the link went wrong")
                self._faults += 1

    def _key_changed(self, name: str) -> None:
        self._key_changes += 1
        log.info("= a file with a secret of %s changed", name)
        self._told.keys_changed(name)
