"""A line that works, and an inbox that can be waited for."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Callable, Iterator, TypeVar

import pytest

from kioskd.actions.ledger import Ledger
from kioskd.core.events import Event

E = TypeVar("E", bound=Event)

# Longer than anything here takes, on a machine that is busy with other things.
PATIENCE_S = 20.0


class FakeLine:
    """A relay line that works: it keeps its level and remembers each edge with its time.

    ``fail_on`` and ``fail_off`` raise before the line moves, that often; ``weld`` keeps it on.
    """

    def __init__(self, name: str = "GPIO27") -> None:
        self._name = name
        self._on = False
        self._lock = threading.Lock()
        self.edges: list[tuple[bool, float]] = []
        self.fail_on: list[Exception] = []
        self.fail_off: list[Exception] = []
        self.weld = False
        self.dead = False

    @property
    def name(self) -> str:
        return self._name

    @property
    def is_on(self) -> bool:
        return self._on

    def on(self) -> None:
        if self.fail_on:
            raise self.fail_on.pop(0)
        if not self.dead:
            self._move(True)

    def off(self) -> None:
        if self.fail_off:
            raise self.fail_off.pop(0)
        if not self.weld:
            self._move(False)

    def _move(self, on: bool) -> None:
        with self._lock:
            if on != self._on:
                self._on = on
                self.edges.append((on, time.monotonic()))

    @property
    def rises(self) -> int:
        return sum(1 for on, _ in self.edges if on)


class Posts:
    """What was posted, in order; ``wait`` for an event instead of sleeping."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._changed = threading.Condition()

    def __call__(self, event: Event) -> bool:
        with self._changed:
            self.events.append(event)
            self._changed.notify_all()
        return True

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in list(self.events) if isinstance(event, kind)]

    def wait(self, kind: type[E], count: int = 1, when: Callable[[E], bool] = lambda event: True) -> E:
        """The ``count``-th event of that kind for which ``when`` holds."""

        def found() -> list[E]:
            return [event for event in self.of(kind) if when(event)]

        with self._changed:
            assert self._changed.wait_for(lambda: len(found()) >= count, PATIENCE_S), f"no {kind}: {self.events}"
        return found()[count - 1]


@pytest.fixture
def posts() -> Posts:
    return Posts()


@pytest.fixture
def line() -> FakeLine:
    return FakeLine()


@pytest.fixture
def ledger(tmp_path: Path, posts: Posts) -> Iterator[Ledger]:
    ledger = Ledger(tmp_path / "ledger.db", posts, retry_s=0.05)
    ledger.start()
    yield ledger
    assert ledger.stop(PATIENCE_S)
