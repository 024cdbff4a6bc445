"""One relay: energised for a moment, and released whatever happens. The second line of defence behind policy."""

from __future__ import annotations

import json
import logging
import threading
import time
from typing import Callable

from kioskd.actions.outcome import Outcome, failed
from kioskd.core.events import PartChanged, RelaySwitched
from kioskd.core.ports import Post, RelayLine
from kioskd.core.words import PartState

log = logging.getLogger(__name__)

# A driver that fails to release gets this many tries, this far apart; a guess: a busy bus recovers in milliseconds.
RELEASE_TRIES = 5
RELEASE_PAUSE_S = 0.02
# ``stop`` does not wait longer than this for a thread that is inside the line.
LOCK_S = 0.2
# The bounds of ``pulse_ms`` in the configuration, held here once more.
LONGEST_PULSE_S = 60.0


class Relay:
    """Pulses one line.

    Args:
        line: what moves.
        name: the tool's name; RelaySwitched carries it.
        pulse_s: seconds from energising to release; also the longest the line stays on.
        min_gap_s: least seconds from the begin of one pulse to the begin of the next.
        post: gets RelaySwitched when the line has really changed, and PartChanged when it does not let go.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        line: RelayLine,
        name: str,
        pulse_s: float,
        min_gap_s: float,
        post: Post,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not 0.0 < pulse_s <= LONGEST_PULSE_S:
            raise ValueError(f"a pulse of {pulse_s} s: it must be above 0 and at most {LONGEST_PULSE_S:g} s")
        self._line = line
        self._name = name
        self._pulse_s = pulse_s
        self._min_gap_s = min_gap_s
        self._post = post
        self._clock = clock
        self._stopping = threading.Event()
        self._claim_lock = threading.Lock()
        self._line_lock = threading.Lock()
        self._running = False
        self._told_on = False
        self._stuck = ""
        self._last_at: float | None = None
        self.pulses = 0
        self.refused = 0

    def pulse(self) -> Outcome:
        """Energise, wait, release. Blocks for ``pulse_s``; runs in a thread of this relay's own, so that the pulse
        ends on time whatever the loop or another action does."""
        refusal = self._claim()
        if refusal:
            self.refused += 1
            return failed(refusal)
        cut_short = False
        try:
            trouble = self._energise()
            if not trouble:
                cut_short = self._stopping.wait(self._pulse_s)
        finally:
            # Also on the way of an exception: nothing leaves this function with the line on.
            stuck = self._release()
            self._running = False
        if stuck:
            return failed(f"{self._name} may still be energised: {stuck}")
        if trouble:
            return failed(trouble)
        reason = "The pulse was cut short, because kioskd ended." if cut_short else ""
        return Outcome(True, json.dumps({"pulse_ms": round(self._pulse_s * 1000)}), "", reason)

    def stop(self) -> None:
        """Release at once, and never energise again. Any thread; idempotent."""
        self._stopping.set()
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

    def _claim(self) -> str:
        """Take the relay for one pulse; else a sentence."""
        now = self._clock()
        with self._claim_lock:
            if self._stopping.is_set():
                return "kioskd is ending; nothing moves any more."
            if self._running:
                return f"{self._name} is being pulsed already."
            if self._last_at is not None and not now - self._last_at >= self._min_gap_s:
                return f"{self._name} was pulsed less than {self._min_gap_s:g} s ago (min_gap_s)."
            self._running = True
            self._last_at = now
            return ""

    def _energise(self) -> str:
        trouble = ""
        with self._line_lock:
            # Asked inside the lock: after ``stop`` has released the line, nobody may energise it again.
            if self._stopping.is_set():
                return "kioskd is ending; nothing moves any more."
            try:
                self._line.on()
            except OSError as error:
                trouble = f"{self._name} could not be energised: {error}"
            is_on = self._reads_on(otherwise=not trouble)
        if is_on:
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
        state = PartState.FAILED if stuck else PartState.RUNNING
        self._post(PartChanged(f"relay {self._name}", state, f"{stuck} Cut its supply by hand." if stuck else ""))

    def _tell(self, on: bool) -> None:
        with self._claim_lock:
            changed, self._told_on = self._told_on != on, on
        if changed:
            self._post(RelaySwitched(self._name, on, self._clock()))
