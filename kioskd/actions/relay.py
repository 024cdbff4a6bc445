"""One relay: energised for a moment, and released whatever happens. The second line of defence behind policy."""

from __future__ import annotations

import json
import logging
import threading
import time
from typing import Callable

from kioskd.actions.lastword import Word
from kioskd.actions.outcome import Outcome, failed
from kioskd.core.events import PartChanged, RelaySwitched
from kioskd.core.ports import Post, RelayLine
from kioskd.core.words import PartState

log = logging.getLogger(__name__)

# A driver that fails to release gets this many tries, this far apart; a guess: a busy bus recovers in milliseconds.
RELEASE_TRIES = 5
RELEASE_PAUSE_S = 0.02
# After those it is tried again this often, for as long as it takes: whatever else releases it (its fuse, an owner who
# puts the bus right), status must not go on saying that it is on. A guess.
STUCK_PAUSE_S = 2.0
# ``stop`` does not wait longer than this for a thread that is inside the line.
LOCK_S = 0.2
# The bound of ``longest_on_ms`` in the configuration, held here once more.
LONGEST_ON_S = 600.0
ENDING = "kioskd is ending; nothing moves any more."
# Of all relays: whether two may be on together is decided by one of them at a time. Held for microseconds.
_CLAIMS = threading.Lock()


class Relay:
    """Pulses one line.

    Args:
        line: what moves.
        name: the tool's name; RelaySwitched carries it.
        pulse_s: seconds from energising to release.
        min_gap_s: least seconds from the begin of one pulse to the begin of the next.
        post: gets RelaySwitched when the line has really changed, and PartChanged when it does not let go.
        clock: monotonic seconds.
        longest_s: it is never on for longer; None: ``pulse_s``.
    """

    def __init__(
        self,
        line: RelayLine,
        name: str,
        pulse_s: float,
        min_gap_s: float,
        post: Post,
        clock: Callable[[], float] = time.monotonic,
        longest_s: float | None = None,
    ) -> None:
        longest_s = pulse_s if longest_s is None else longest_s
        if not 0.0 < pulse_s <= longest_s <= LONGEST_ON_S:
            most_s = min(longest_s, LONGEST_ON_S)
            raise ValueError(f"a pulse of {pulse_s} s: it must be above 0 and at most {most_s:g} s")
        self._line = line
        self._name = name
        self._pulse_s = pulse_s
        self._min_gap_s = min_gap_s
        self._post = post
        self._clock = clock
        # Its contacts, read right before it is energised, in the thread that pulses: empty, or why it must not be on.
        self.last_word: Callable[[], str] = str
        self._stopping = threading.Event()
        self._word: Word | None = None  # about the pulse that goes on, or the last one
        self._longest_s = longest_s
        self._rivals: dict[Relay, float] = {}  # never on together with this one, and how long apart
        self._off_at: float | None = None
        self._tell_lock = threading.Lock()
        self._line_lock = threading.Lock()
        self._running = False
        self._told_on = False
        self._stuck = ""
        self._mending = False
        self._mend_lock = threading.Lock()
        self._last_at: float | None = None
        self.pulses = 0
        self.refused = 0

    def never_with(self, other: Relay, apart_s: float) -> None:
        """These two are never on together, and the one is off for ``apart_s`` before the other is energised.

        Before either of them is used.
        """
        for one, rival in ((self, other), (other, self)):
            one._rivals[rival] = max(apart_s, one._rivals.get(rival, 0.0))

    def pulse(self, seconds: float | None = None, word: Word | None = None) -> Outcome:
        """Energise, wait, release. Blocks for ``seconds`` (None: ``pulse_s``), and before that until its rivals have
        been off for long enough; meanwhile ``word`` may call it back, and is asked at the end of that wait.

        Runs in a thread of this relay's own, so that the pulse ends on time whatever the loop or another action does.
        The line has a thread that releases it if this one is held up (lines/fuse.py).
        """
        pulse_s = self._pulse_s if seconds is None else seconds
        refusal = self._claim(pulse_s)
        if refusal:
            self.refused += 1
            return failed(refusal)
        cut_short = False
        word = Word() if word is None else word
        self._word = word
        try:
            trouble = self._alone(word) or self._energise(word)
            if not trouble:
                cut_short = self._stopping.wait(pulse_s)
        finally:
            # Also on the way of an exception: nothing leaves this function with the line on.
            stuck = self._release()
            with _CLAIMS:
                self._running = False
                self._off_at = self._clock()
        if stuck:
            return failed(f"{self._name} may still be energised: {stuck}")
        if trouble:
            return failed(trouble)
        reason = "The pulse was cut short, because kioskd ended." if cut_short else ""
        return Outcome(True, json.dumps({"pulse_ms": round(pulse_s * 1000)}), "", reason)

    def stop(self) -> None:
        """Release at once, and never energise again. Any thread; idempotent."""
        self._stopping.set()
        word = self._word
        if word is not None:
            word.say(ENDING)
        got = self._line_lock.acquire(timeout=LOCK_S)
        try:
            self._release()
        finally:
            if got:
                self._line_lock.release()

    def snapshot(self) -> dict[str, object]:
        """For status. ``stuck``: why the line may still be on; empty when it let go."""
        return {
            "line": self._line.name,
            "on": self._told_on,
            "pulses": self.pulses,
            "refused": self.refused,
            "stuck": self._stuck,
        }

    def _claim(self, pulse_s: float) -> str:
        """Take the relay for one pulse; else a sentence."""
        if not 0.0 < pulse_s <= self._longest_s:
            return f"{self._name} can be on for at most {self._longest_s:g} s, and for more than 0 s."
        now = self._clock()
        with _CLAIMS:
            if self._stopping.is_set():
                return ENDING
            if self._running:
                return f"{self._name} is being pulsed already."
            if self._last_at is not None and not now - self._last_at >= self._min_gap_s:
                return f"{self._name} was pulsed less than {self._min_gap_s:g} s ago (min_gap_s)."
            for rival in self._rivals:
                if rival._running or rival._stuck:
                    return f"{rival._name} is on at the moment, and {self._name} is never on together with it."
            self._running = True
            self._last_at = now
            return ""

    def _alone(self, word: Word) -> str:
        """Wait until the rivals have been off for long enough, and see that they are; else a sentence. Who has waited
        asks whether it may still be.

        This relay is taken by now, so none of them can be energised meanwhile.
        """
        waited = False
        for rival, apart_s in self._rivals.items():
            left_s = 0.0 if rival._off_at is None else rival._off_at + apart_s - self._clock()
            if left_s > 0.0 and not self._stopping.is_set():
                word.pause(left_s)
                waited = True
        refusal = word.back or (word.may_move() if waited else "")
        if refusal:
            return refusal
        for rival in self._rivals:
            if rival._reads_on(otherwise=True):
                return f"{rival._name} reads energised, or cannot be read; {self._name} is never on together with it."
        return self.last_word() if self._rivals else ""

    def _energise(self, word: Word) -> str:
        trouble = ""
        with self._line_lock:
            # Asked inside the lock: after ``stop`` has released the line, nobody may energise it again.
            if self._stopping.is_set():
                return ENDING
            if word.back:
                return word.back
            try:
                self._line.on()
            except OSError as error:
                trouble = f"{self._name} could not be energised: {error}"
            is_on = self._reads_on(otherwise=not trouble)
        if is_on:
            self._last_at = self._clock()  # it may have waited for its rivals
            self.pulses += 1
            self._tell(True)
        elif not trouble:
            trouble = f"{self._name} was told to energise and reads back released; look at {self._line.name}."
        return trouble

    def _reads_on(self, otherwise: bool) -> bool:
        try:
            return self._line.is_on
        except OSError as error:
            log.warning("%s cannot be read back: %s", self._line.name, error)
            return otherwise

    def _release(self) -> str:
        """Off, as often as it takes; empty, or why the line may still be on."""
        stuck = ""
        for attempt in range(RELEASE_TRIES):
            if attempt:
                time.sleep(RELEASE_PAUSE_S)
            try:
                self._line.off()
                if not self._line.is_on:
                    stuck = ""
                    break
                stuck = f"{self._line.name} was told to release and still reads energised."
            except Exception as error:
                # Whatever a driver throws: the door is open, so it is tried again, logged, and shown in status.
                stuck = f"{self._line.name} could not be released: {error}"
                log.exception("%s could not be released (try %d of %d)", self._name, attempt + 1, RELEASE_TRIES)
        self._show_stuck(stuck)
        if not stuck:
            self._tell(False)
        return stuck

    def _show_stuck(self, stuck: str) -> None:
        if stuck == self._stuck:
            return
        self._stuck = stuck
        if stuck:
            self._begin_mending()
        state = PartState.FAILED if stuck else PartState.RUNNING
        self._post(PartChanged(f"relay {self._name}", state, f"{stuck} Cut its supply by hand." if stuck else ""))

    def _begin_mending(self) -> None:
        with self._mend_lock:
            if self._mending or self._stopping.is_set():
                return
            try:
                threading.Thread(target=self._mend, name=f"kioskd-mend-{self._name}", daemon=True).start()
                self._mending = True
            except RuntimeError as error:
                # The line's fuse goes on, and the next pulse tries again.
                log.error("no thread can be had to go on releasing %s: %s", self._name, error)

    def _mend(self) -> None:
        """Until the line lets go, or kioskd ends: then the helper does it."""
        while not self._stopping.wait(STUCK_PAUSE_S):
            with self._line_lock:
                if self._stuck and not self._running:  # a pulse of its own releases it
                    self._try_again()
            with self._mend_lock:
                if not self._stuck:
                    self._mending = False
                    return

    def _try_again(self) -> None:
        try:
            self._line.off()
            stuck = self._line.is_on
        except Exception as error:
            # As in ``_release``, which has logged the first of these.
            log.debug("%s still cannot be released: %s", self._name, error)
            return
        if not stuck:
            log.warning("%s has let go", self._name)
            self._show_stuck("")
            self._tell(False)

    def _tell(self, on: bool) -> None:
        with self._tell_lock:
            changed, self._told_on = self._told_on != on, on
        if changed:
            self._post(RelaySwitched(self._name, on, self._clock()))
