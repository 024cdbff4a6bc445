"""Tells the state of the house to whoever watches a fleet over MQTT (``mqtt.state``). It never listens."""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Callable, Mapping

from kioskd import __version__, report
from kioskd.bus.telling import client_id
from kioskd.config.secrets import redact
from kioskd.config.sections import Config
from kioskd.core import homeassistant
from kioskd.core.homeassistant import Board, Message, Names

if TYPE_CHECKING:
    from kioskd.app import House

log = logging.getLogger(__name__)

# A conversation changes phases several times a second; who watches a fleet looks at the last one. A guess.
LEAST_S = 1.0
# What is no news by itself (uptime, level) is told all the same now and then, so that a graph goes on.
MOST_S = 60.0
# A broker of the house confirms within some ms; SIGTERM must be done within a second, all together.
GOODBYE_S = 0.3


class Stating:
    """One kiosk's state. Loop only.

    Args:
        names: where its messages are.
        board: where they are put; None: nobody is told.
        discovery: Home Assistant's prefix; None: it is not told.
        page: makes the status page.
        clock: monotonic seconds.
        redact: takes secrets out of a text.
    """

    def __init__(
        self,
        names: Names,
        board: Board | None,
        discovery: str | None,
        page: Callable[[], Mapping[str, object]],
        clock: Callable[[], float] = time.monotonic,
        redact: Callable[[str], str] = lambda text: text,
    ) -> None:
        self._names, self._board, self._discovery = names, board, discovery
        self._page, self._clock, self._redact = page, clock, redact
        self._connections = 0
        self._told: Mapping[str, object] | None = None
        self._told_at = float("-inf")
        self.told = self.refused = 0

    def beat(self) -> None:
        """Tell what is new; call it about once a second."""
        board = self._board
        if board is None or board.connections != self._connections and not self._introduced(board):
            return
        if not self._connections:
            return  # no broker was reached yet
        now = self._clock()
        if now - self._told_at < LEAST_S:
            return
        shown = homeassistant.state(self._page(), self._redact)
        if homeassistant.news(self._told, shown) or now - self._told_at >= MOST_S:
            if self._keep(homeassistant.said(self._names, shown)):
                self._told, self._told_at = shown, now

    def _introduced(self, board: Board) -> bool:
        """A broker was reached: it may be another one, or have forgotten everything."""
        connections = board.connections
        messages = list(homeassistant.discovery(self._names, self._discovery)) if self._discovery else []
        if not all(map(self._keep, [*messages, self._names.here])):
            return False
        self._connections = connections
        self._told_at = float("-inf")
        return True

    def _keep(self, message: Message, wait_s: float = 0.0) -> bool:
        if self._board is not None and self._board.keep(message.topic, message.payload, wait_s):
            self.told += 1
            return True
        self.refused += 1
        return False

    async def aclose(self) -> None:
        """As ``goodbye``; the bus is closed after it."""
        if not self._connections:
            return
        # Its own thread: those of the loop may all wait for a dead resolver, for half a minute.
        thread = ThreadPoolExecutor(1, "goodbye")
        await asyncio.get_running_loop().run_in_executor(thread, self.goodbye)
        thread.shutdown(wait=False)

    def goodbye(self) -> None:
        """The kiosk ends in order: said as the broker would say it of one that is cut off. Blocks for a moment.

        It is waited for: what is still on its way when a connection is closed is lost, one time in three (paho 2).
        """
        if self._connections:
            self._keep(self._names.gone, GOODBYE_S)

    def snapshot(self) -> dict[str, object]:
        """For status."""
        return {
            "topic": self._names.state if self._board is not None else None,
            "discovery": self._discovery,
            "introduced": self._connections,
            "told": self.told,
            "refused": self.refused,
        }


def names_of(config: Config, node: str) -> Names:
    """Where this kiosk's messages are.

    Args:
        node: what tells it from others, where the configuration does not (``bus.mqtt.client_id``).
    """
    topic = config.mqtt.topic if config.mqtt is not None else ""
    return Names(topic, (config.mqtt and config.mqtt.client_id) or node, config.kiosk.name, __version__)


def will_of(config: Config, node: str) -> tuple[str, bytes] | None:
    """What the broker shall say when this kiosk is cut off; None: nobody looks."""
    if config.mqtt is None or not config.mqtt.state:
        return None
    gone = names_of(config, node).gone
    return gone.topic, gone.payload


def stating(
    config: Config,
    node: str,
    board: Board | None,
    page: Callable[[], Mapping[str, object]],
    redact: Callable[[str], str],
) -> Stating:
    """Who tells the state; nobody is told where the configuration does not want it."""
    wanted = config.mqtt is not None and config.mqtt.state
    discovery = config.mqtt.discovery if config.mqtt is not None else None
    return Stating(names_of(config, node), board if wanted else None, discovery, page, redact=redact)


def stating_of(house: House) -> Stating:
    """The one of a house."""
    return stating(
        house.config,
        client_id(),
        house.bus,
        lambda: report.status(house),
        lambda text: redact(text, house.secrets),
    )
