"""A panel on simulated lines, and an inbox that a test can wait on."""

from __future__ import annotations

import queue
import time
from typing import Any, Iterator

import pytest

from kioskd.config import sections
from kioskd.core.events import Event
from kioskd.lines.lines import Lines, open_lines

PATIENCE_S = 5.0


class Posted:
    """Stands where the inbox stands: takes events from any thread."""

    def __init__(self) -> None:
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()

    def post(self, event: Event) -> bool:
        self._events.put(event)
        return True

    def next(self, patience_s: float = PATIENCE_S) -> Event:
        return self._events.get(timeout=patience_s)

    def take(self, count: int) -> list[Event]:
        return [self.next() for _ in range(count)]

    def empty(self) -> bool:
        return self._events.empty()


@pytest.fixture
def posted() -> Posted:
    return Posted()


@pytest.fixture
def lines() -> Iterator[Lines]:
    made = open_lines("simulated", None)
    yield made
    made.close()


@pytest.fixture
def section() -> sections.Panel:
    """Talk button, mute switch, one lamp; debounced as fast as the shortest configuration allows a test to be."""
    return sections.Panel(
        pins="simulated",
        talk=sections.Button(pin="GPIO17", debounce_ms=5),
        mute=sections.Button(pin="GPIO22", debounce_ms=5),
        lamp=sections.Lamp(single="GPIO10"),
    )


@pytest.fixture
def clock() -> Any:
    return time.monotonic
