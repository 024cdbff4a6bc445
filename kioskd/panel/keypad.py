"""The keypad: read by a thread of its own, and only while a code is awaited. What is typed otherwise nobody knows."""

from __future__ import annotations

import logging
import threading
import time
from typing import Callable, Protocol

from kioskd.core.confirm_events import CLEAR, ENTER, KeyTyped
from kioskd.core.events import PartChanged, ThreadDied
from kioskd.core.ports import Post
from kioskd.core.words import PartState
from kioskd.panel.keys import MEANING

log = logging.getLogger(__name__)

THREAD = "keypad"
PART = "keypad"
WAIT_S = 0.2
# A keypad that is not there is tried again so often, while a code is awaited.
RETRY_S = 1.0
STOP_S = 2.0
KEYS = frozenset("0123456789ABCD") | {ENTER, CLEAR}


class Source(Protocol):
    """Where keys come from. An OSError's text is a sentence for people."""

    def open(self) -> None:
        """Begin; what was typed before is not seen."""

    def read(self, timeout_s: float) -> list[tuple[str, float]]:
        """Keys that went down, each with its time; waits for at most ``timeout_s``."""

    def close(self) -> None:
        """Give it back."""


class Keypad:
    """Public methods: any thread, none blocks except ``close``.

    Args:
        source: None: a simulated one, whose keys are pressed with ``press``.
        post: gets KeyTyped, PartChanged and ThreadDied.
        clock: monotonic seconds.
    """

    def __init__(self, source: Source | None, post: Post, clock: Callable[[], float] = time.monotonic) -> None:
        self._source = source
        self._post = post
        self._clock = clock
        self._changed = threading.Condition()
        self._on = False
        self._stopping = False
        self._problem = ""
        self._thread: threading.Thread | None = None

    def listen(self, on: bool) -> None:
        """Read it from now on, or no more."""
        with self._changed:
            self._on = on
            if on and self._source is not None and self._thread is None and not self._stopping:
                self._thread = threading.Thread(target=self._run, name=THREAD, daemon=True)
                self._thread.start()
            self._changed.notify()

    def press(self, name: str) -> None:
        """Press a key of a simulated keypad; nothing is read of it while no code is awaited.

        Raises:
            ValueError: no such key; the text is a sentence.
        """
        key = MEANING.get(name, name)
        if key not in KEYS:
            raise ValueError(f"The keypad has no key {name!r}: 0 to 9, A to D, # (enter) and * (begin anew).")
        if self._on:
            self._post(KeyTyped(key, self._clock()))

    def snapshot(self) -> dict[str, object]:
        """For status; never what is typed."""
        return {"simulated": self._source is None, "read": self._on, "problem": self._problem}

    def close(self) -> None:
        """End the thread. Idempotent."""
        with self._changed:
            self._stopping, self._on = True, False
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(STOP_S)
            if self._thread.is_alive():
                log.error("the keypad's thread did not end within %s s", STOP_S)

    # -- the thread ------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while self._awaited():
                self._attend()
        except Exception as error:
            # The boundary of this thread: its last word goes to the machine.
            log.exception("the keypad's thread failed")
            self._post(ThreadDied(THREAD, f"{type(error).__name__}: {error}"))

    def _awaited(self) -> bool:
        """Wait until a code is awaited; False: the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._on or self._stopping)
            return not self._stopping

    def _attend(self) -> None:
        """Read while a code is awaited, or until the keypad fails."""
        source = self._source
        assert source is not None
        try:
            source.open()
            try:
                self._say("")
                while self._on:
                    for key, at in source.read(WAIT_S):
                        if self._on:
                            self._post(KeyTyped(key, at))
            finally:
                source.close()
        except OSError as error:
            self._say(f"The keypad: {error}")
            with self._changed:
                self._changed.wait_for(lambda: not self._on, RETRY_S)

    def _say(self, problem: str) -> None:
        if problem != self._problem:
            self._problem = problem
            self._post(PartChanged(PART, PartState.FAILED if problem else PartState.RUNNING, problem))
