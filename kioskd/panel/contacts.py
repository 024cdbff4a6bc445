"""The panel's contacts: talk button and mute switch, from edges in driver threads to facts in the inbox."""

from __future__ import annotations

import logging
import threading
from typing import Callable, Protocol

from kioskd.config import sections
from kioskd.core.events import MuteSwitched, Pressed, Released, ThreadDied
from kioskd.core.ports import Post
from kioskd.panel.button import Debounce, PushButton, What
from kioskd.panel.troubles import Troubles

log = logging.getLogger(__name__)

# The driver's own filter only takes the edge off a storm (a loose wire near a motor): at most 500 edges a second
# reach Python. Deciding what a press is, is not its business. A guess.
DRIVER_DEBOUNCE_S = 0.002

STOP_S = 2.0

_KIND = {"talk": "button", "mute": "switch"}
# A switch that cannot be read may well stand at mute: what people said to it with their hand comes before talking.
_UNREAD = "; the microphone stays closed: mend it and restart kioskd, or take panel.mute out of the configuration"


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
    """Opens talk button and mute switch and posts what happens there, the mute switch's first position as well.

    Edges come in driver threads, time passes in a thread of the panel that sleeps until something is due; both
    work under one lock, so that facts are posted in the order in which they happened.

    Args:
        section: ``panel`` of the configuration.
        lines: where lines come from.
        post: the inbox.
        clock: monotonic seconds, the clock of the lines.
        longest_press_s: a button held longer is stuck.
        troubles: where what does not work is said.

    Attributes:
        muted: the mute switch stands at mute, or cannot be read.
    """

    def __init__(
        self,
        section: sections.Panel,
        lines: ButtonLines,
        post: Post,
        clock: Callable[[], float],
        longest_press_s: float,
        troubles: Troubles,
    ) -> None:
        self.muted = False
        self._lines = lines
        self._post = post
        self._clock = clock
        self._longest_press_s = longest_press_s
        self._troubles = troubles
        self._changed = threading.Condition()
        self._open: dict[str, ButtonLine] = {}
        self._talk: PushButton | None = None
        self._mute: Debounce | None = None
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._open_buttons(section.talk, section.mute)

    # -- opening ---------------------------------------------------------------------------------

    def _open_buttons(self, talk: sections.Button | None, mute: sections.Button | None) -> None:
        if talk is not None and self._open_button("talk", talk, self._talk_edge):
            self._start_talk(talk)
        if mute is not None:
            if self._open_button("mute", mute, self._mute_edge):
                self._start_mute(mute)
            else:
                self._post_mute(True)
        if self._open:
            self._thread = threading.Thread(target=self._run, name="panel", daemon=True)
            self._thread.start()

    def _open_button(self, name: str, button: sections.Button, edge: Callable[[bool, float], None]) -> bool:
        # Not under the lock: opening takes the driver's locks, and the driver calls back with those held.
        try:
            self._open[name] = self._lines.button(
                button.pin,
                button.pull,
                min(DRIVER_DEBOUNCE_S, button.debounce_ms / 1000),
                on_press=lambda at: edge(True, at),
                on_release=lambda at: edge(False, at),
                on_lost=lambda sentence: self._lost(name, sentence),
            )
        except OSError as error:
            self._say(name, str(error))
            return False
        return True

    def _say(self, name: str, sentence: str) -> None:
        unread = _UNREAD if name == "mute" else ""
        self._troubles.say(name, f"The {name} {_KIND[name]}: {sentence.rstrip('.') if unread else sentence}{unread}")

    def _post_mute(self, on: bool) -> None:
        self.muted = on
        self._post(MuteSwitched(on))

    def _start_talk(self, button: sections.Button) -> None:
        # Edges before this are dropped; the level is read after them and knows them all.
        with self._changed:
            try:
                down = self._open["talk"].is_pressed
            except OSError as error:
                self._say("talk", str(error))
                return
            self._talk = PushButton(button.debounce_ms / 1000, self._longest_press_s, down)
            if down:
                self._troubles.say(
                    "talk",
                    f"The talk button on {button.pin} is held since the start and counts when it was released; "
                    "if nobody holds it, check its wires and panel.talk.pull.",
                )

    def _start_mute(self, button: sections.Button) -> None:
        with self._changed:
            try:
                on = self._open["mute"].is_pressed
            except OSError as error:
                self._say("mute", str(error))
                self._post_mute(True)
                return
            self._mute = Debounce(button.debounce_ms / 1000, on)
            self._post_mute(on)

    # -- what happens there: driver threads and the panel's own ----------------------------------

    def _talk_edge(self, down: bool, at: float) -> None:
        with self._changed:
            if self._talk is not None:
                for fact in self._talk.edge(down, at):
                    self._tell_talk(fact.what, fact.at)
                self._changed.notify()

    def _mute_edge(self, on: bool, at: float) -> None:
        with self._changed:
            if self._mute is not None:
                self._tell_mute(self._mute.edge(on, at) is not None)
                self._changed.notify()

    def _advance(self, now: float) -> None:
        if self._talk is not None:
            for fact in self._talk.advance(now):
                self._tell_talk(fact.what, fact.at)
        if self._mute is not None:
            self._tell_mute(self._mute.settle(now) is not None)

    def _tell_mute(self, settled: bool) -> None:
        if settled and self._mute is not None:
            self._post_mute(self._mute.level)

    def _tell_talk(self, what: What, at: float) -> None:
        if what is What.DOWN:
            self._post(Pressed("talk", at))
        elif what is What.UP:
            self._post(Released("talk", at))
        elif what is What.STUCK:
            self._troubles.say(
                "talk",
                f"The talk button has been held for {self._longest_press_s:g} s: it is stuck or something leans on it; "
                "it counts again when it was released.",
            )
        else:
            self._troubles.say("talk", "")

    def _lost(self, name: str, sentence: str) -> None:
        """Driver thread: the line's chip is gone. A button that was down is up now: nobody can release it any more.

        A switch that can be read no more counts as set to mute.
        """
        with self._changed:
            if name == "talk" and self._talk is not None:
                if self._talk.down:
                    self._post(Released("talk", self._clock()))
                self._talk = None
            elif name == "mute":
                self._mute = None
                self._post_mute(True)
            self._say(name, sentence)

    def _run(self) -> None:
        try:
            with self._changed:
                while not self._stopping:
                    due = self._due()
                    self._changed.wait(None if due is None else max(0.0, due - self._clock()))
                    self._advance(self._clock())
        except Exception as error:
            # The boundary of this thread: its last word goes to the machine.
            log.exception("the panel's thread failed")
            self._post(ThreadDied("panel", f"{type(error).__name__}: {error}"))

    def _due(self) -> float | None:
        times = [button.due for button in (self._talk, self._mute) if button is not None]
        return min((time for time in times if time is not None), default=None)

    def snapshot(self) -> dict[str, object]:
        """For status. Any thread."""
        with self._changed:
            talk, mute = self._talk, self._mute
            return {
                "talk": talk and {"stuck": talk.stuck, "presses": talk.presses, "glitches": talk.glitches},
                "mute": mute and {"on": mute.level, "glitches": mute.glitches},
            }

    def close(self) -> None:
        """Report nothing more and end the thread."""
        with self._changed:
            self._stopping = True
            self._talk = self._mute = None
            self._changed.notify()
        for button in self._open.values():
            try:
                button.close()
            except OSError as error:
                log.error("%s", error)
        if self._thread is not None:
            self._thread.join(STOP_S)
            if self._thread.is_alive():
                log.error("the panel's thread did not end within %s s", STOP_S)
