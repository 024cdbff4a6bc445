"""The keypad is read while a code is awaited, and never else."""

from __future__ import annotations

import queue
import threading
from typing import Any, Iterator

import pytest

from kioskd.core.confirm_events import CLEAR, ENTER, KeyTyped
from kioskd.core.events import Event, PartChanged, ThreadDied
from kioskd.core.words import PartState
from kioskd.panel import keypad as room
from kioskd.panel.keypad import Keypad

PATIENCE_S = 20.0


class Posts:
    """What was posted; ``next`` waits for it."""

    def __init__(self) -> None:
        self.events: queue.Queue[Event] = queue.Queue()

    def __call__(self, event: Event) -> bool:
        self.events.put(event)
        return True

    def next(self, kind: type[Event]) -> Any:
        while not isinstance(event := self.events.get(timeout=PATIENCE_S), kind):
            pass
        return event


class Pad:
    """Keys that a test types; knows whether it is open."""

    def __init__(self) -> None:
        self.keys: queue.Queue[tuple[str, float]] = queue.Queue()
        self.opened, self.closed = threading.Semaphore(0), threading.Semaphore(0)
        self.is_open = False
        self.broken: list[Exception] = []

    def open(self) -> None:
        if self.broken:
            raise self.broken.pop()
        self.is_open = True
        self.opened.release()

    def read(self, timeout_s: float) -> list[tuple[str, float]]:
        assert self.is_open
        try:
            return [self.keys.get(timeout=0.01)]
        except queue.Empty:
            return []

    def close(self) -> None:
        self.is_open = False
        self.closed.release()


@pytest.fixture
def pad() -> Pad:
    return Pad()


@pytest.fixture
def posts() -> Posts:
    return Posts()


@pytest.fixture
def keypad(pad: Pad, posts: Posts) -> Iterator[Keypad]:
    keypad = Keypad(pad, posts)
    yield keypad
    keypad.close()
    keypad.close()


def test_it_is_open_only_while_it_is_listened_to(keypad: Keypad, pad: Pad, posts: Posts) -> None:
    assert not pad.is_open
    for at in (1.0, 2.0):
        keypad.listen(True)
        assert pad.opened.acquire(timeout=PATIENCE_S)
        pad.keys.put(("5", at))
        assert posts.next(KeyTyped) == KeyTyped("5", at)
        keypad.listen(False)
        assert pad.closed.acquire(timeout=PATIENCE_S)
    assert keypad.snapshot() == {"simulated": False, "read": False, "problem": ""}


def test_one_that_is_not_there_is_said_and_tried_again(
    keypad: Keypad, pad: Pad, posts: Posts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "RETRY_S", 0.01)
    pad.broken = [OSError("it is gone")]
    keypad.listen(True)
    failed = posts.next(PartChanged)
    assert failed.state is PartState.FAILED and "it is gone" in failed.reason
    assert posts.next(PartChanged) == PartChanged("keypad", PartState.RUNNING, "")
    assert pad.opened.acquire(timeout=PATIENCE_S)


def test_a_fault_nobody_foresaw_is_the_threads_last_word(keypad: Keypad, pad: Pad, posts: Posts) -> None:
    pad.broken = [ZeroDivisionError()]
    keypad.listen(True)
    assert posts.next(ThreadDied).thread == "keypad"


def test_a_simulated_one_is_pressed_from_outside_and_deaf_at_other_times(posts: Posts) -> None:
    keypad = Keypad(None, posts, clock=lambda: 7.0)
    keypad.press("5")
    keypad.listen(True)
    for name in ("5", "#", "*", "A"):
        keypad.press(name)
    assert [posts.next(KeyTyped).key for _ in range(4)] == ["5", ENTER, CLEAR, "A"]
    assert posts.events.empty(), "what was typed before nobody has heard"
    with pytest.raises(ValueError, match="no key 'talk'"):
        keypad.press("talk")
    keypad.close()
