"""The panel's contacts: from edges in driver threads to facts in the inbox."""

from __future__ import annotations

import logging
import threading
from typing import Callable, Mapping, Protocol

from kioskd.core.events import ThreadDied
from kioskd.core.ports import Post
from kioskd.panel.watches import MuteWatch, Watch

log = logging.getLogger(__name__)

# The driver's own filter only takes the edge off a storm (a loose wire near a motor): at most 500 edges a second
# reach Python. Deciding what a press is, is not its business. A guess.
DRIVER_DEBOUNCE_S = 0.002

STOP_S = 2.0


class ButtonLine(Protocol):
    """What the panel needs of a line whose edges are awaited."""

    @property
    def is_pressed(self) -> bool:
        """How it stands now."""

    def close(self) -> None:
        """Report nothing more."""


class ButtonLines(Protocol):
    """Where such lines come from. An OSError's text is a sentence for people."""

    def button(
        self,
        pin: str,
        pull: str,
        debounce_s: float,
        on_press: Callable[[float], None],
        on_release: Callable[[float], None],
        on_lost: Callable[[str], None] | None = None,
    ) -> ButtonLine:
        """Open a line whose edges are reported in the driver's thread."""


class Contacts:
    """Opens the contacts and lets their watches tell what happens there.

    Edges come in driver threads, time passes in a thread of the panel that sleeps until something is due; both
    work under one lock, so that facts are posted in the order in which they happened.

    Args:
        watches: by name; they post.
        lines: where lines come from.
        post: the inbox, for the last word of the thread.
        clock: monotonic seconds, the clock of the lines.
    """

    def __init__(
        self, watches: Mapping[str, Watch], lines: ButtonLines, post: Post, clock: Callable[[], float]
    ) -> None:
        self._watches = watches
        self._lines = lines
        self._post = post
        self._clock = clock
        self._changed = threading.Condition()
        self._open: dict[str, ButtonLine] = {}
        self._stopping = False
        self._thread: threading.Thread | None = None
        for name, watch in watches.items():
            self._open_one(name, watch)
        if self._open:
            self._thread = threading.Thread(target=self._run, name="panel", daemon=True)
            self._thread.start()

    @property
    def muted(self) -> bool:
        """The mute switch stands at mute, or cannot be read."""
        return any(watch.muted for watch in self._watches.values() if isinstance(watch, MuteWatch))

    # -- opening ---------------------------------------------------------------------------------

    def _open_one(self, name: str, watch: Watch) -> None:
        # Not under the lock: opening takes the driver's locks, and the driver calls back with those held.
        section = watch.section
        try:
            line = self._lines.button(
                section.pin,
                section.pull,
                min(DRIVER_DEBOUNCE_S, section.debounce_ms / 1000),
                on_press=lambda at: self._edge(watch, True, at),
                on_release=lambda at: self._edge(watch, False, at),
                on_lost=lambda sentence: self._lost(watch, sentence),
            )
        except OSError as error:
            self._lost(watch, str(error))
            return
        self._open[name] = line
        with self._changed:
            # Edges before this are dropped; the level is read after them and knows them all.
            try:
                active = line.is_pressed
            except OSError as error:
                watch.unread(str(error), self._clock())
            else:
                watch.start(active)

    # -- what happens there: driver threads and the panel's own ----------------------------------

    def _edge(self, watch: Watch, active: bool, at: float) -> None:
        with self._changed:
            watch.edge(active, at)
            self._changed.notify()

    def _lost(self, watch: Watch, sentence: str) -> None:
        """Driver thread: the line's chip is gone."""
        with self._changed:
            watch.unread(sentence, self._clock())

    def _run(self) -> None:
        try:
            with self._changed:
                while not self._stopping:
                    due = self._due()
                    self._changed.wait(None if due is None else max(0.0, due - self._clock()))
                    now = self._clock()
                    for watch in self._watches.values():
                        watch.advance(now)
        except Exception as error:
            # The boundary of this thread: its last word goes to the machine.
            log.exception("the panel's thread failed")
            self._post(ThreadDied("panel", f"{type(error).__name__}: {error}"))

    def _due(self) -> float | None:
        return min((due for watch in self._watches.values() if (due := watch.due) is not None), default=None)

    def snapshot(self) -> dict[str, object]:
        """For status. Any thread."""
        with self._changed:
            return {name: watch.snapshot() for name, watch in self._watches.items()}

    def close(self) -> None:
        """Report nothing more and end the thread."""
        with self._changed:
            self._stopping = True
            for watch in self._watches.values():
                watch.stop()
            self._changed.notify()
        for line in self._open.values():
            try:
                line.close()
            except OSError as error:
                log.error("%s", error)
        if self._thread is not None:
            self._thread.join(STOP_S)
            if self._thread.is_alive():
                log.error("the panel's thread did not end within %s s", STOP_S)
