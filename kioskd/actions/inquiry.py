"""Asks people elsewhere about one call at a time: over the broker, or at an address that is polled."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from dataclasses import dataclass
from typing import Callable

from kioskd.actions.acknowledgement import LEAST_KEY, Question, call_of
from kioskd.actions.web import WebError, Wish, ask
from kioskd.config.confirm import StaffConfirm
from kioskd.config.sections import SecretRef
from kioskd.core.confirm_events import StaffAnswered, StaffUnreached
from kioskd.core.ports import Bus, Post
from kioskd.core.words import CallKey

log = logging.getLogger(__name__)

THREAD = "kioskd-inquiry"
# So often a question goes to the broker while nobody has answered: who was not there at first learns of it.
REPEAT_S = 5.0


def boottime() -> float:
    """Seconds since the boot, sleep included: a question does not survive a night's suspend."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(frozen=True, slots=True)
class _Open:
    """A question that waits. ``until``: seconds of ``boottime``."""

    key: CallKey
    question: Question
    secret: bytes
    until: float


class Inquiry:
    """Public methods: any thread, none blocks except ``stop``.

    Args:
        config: where and how.
        kiosk: this box's name, for people.
        bus: None without one.
        read_secret: reads the device's key, for each question afresh.
        post: gets StaffAnswered and StaffUnreached.
    """

    def __init__(
        self,
        config: StaffConfirm,
        kiosk: str,
        bus: Bus | None,
        read_secret: Callable[[SecretRef], str],
        post: Post,
    ) -> None:
        self._config = config
        self._kiosk = kiosk
        self._bus = bus
        self._read_secret = read_secret
        self._post = post
        self._topic = config.topic or ""
        self._changed = threading.Condition()
        self._wanted: tuple[CallKey, str, float] | None = None  # asked for, and not yet begun by the thread
        self._current: CallKey | None = None  # what an answer may still be about
        self._open: _Open | None = None
        self._stopping = False
        self.counts = {"asked": 0, "answered": 0, "void": 0}
        if bus is not None and self._topic:
            bus.subscribe(f"{self._topic}/answer", self._heard)
        self._thread = threading.Thread(target=self._run, name=THREAD, daemon=True)
        self._thread.start()

    def ask(self, key: CallKey, tool: str, for_s: float) -> None:
        """Begin to ask; whatever was asked before is void."""
        with self._changed:
            self._open, self._current, self._wanted = None, key, (key, tool, boottime() + for_s)
            self._changed.notify()

    def forget(self, key: CallKey) -> None:
        """Take no answer about this call any more."""
        with self._changed:
            if self._current == key:
                self._open = self._current = self._wanted = None
            self._changed.notify()

    def stop(self, timeout_s: float) -> bool:
        """End. False: a request to the address still hangs."""
        with self._changed:
            self._stopping, self._open, self._current, self._wanted = True, None, None, None
            self._changed.notify()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def snapshot(self) -> dict[str, object]:
        """For status."""
        with self._changed:
            return {"waiting": self._open is not None, **self.counts}

    # -- the answer ------------------------------------------------------------------------------

    def _heard(self, payload: bytes, retained: bool) -> None:
        """A thread of the bus. What the broker kept from before never counts."""
        if retained:
            self.counts["void"] += 1
            return
        self._take(payload)

    def _take(self, raw: bytes) -> None:
        with self._changed:
            waiting = self._open
            answer = None if waiting is None else waiting.question.read(waiting.secret, raw)
            if waiting is None or answer is None or boottime() >= waiting.until:
                self.counts["void"] += 1
                return
            self._open = None  # single use: the next one finds nothing to answer
            self.counts["answered"] += 1
            self._changed.notify()
        self._post(StaffAnswered(waiting.key, answer.ok, answer.by))

    # -- the thread ------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._stopping and self._wanted is None:
                    self._changed.wait()
                if self._stopping or self._wanted is None:
                    return
                wanted, self._wanted = self._wanted, None
            try:
                self._inquire(*wanted)
            except Exception as error:
                # The boundary of this thread: one question that fails must not take the next one's thread away.
                log.exception("asking people to confirm failed")
                self._post(StaffUnreached(wanted[0], f"a fault inside kioskd ({type(error).__name__})."))

    def _inquire(self, key: CallKey, tool: str, until: float) -> None:
        waiting = self._begun(key, tool, until)
        if waiting is None:
            return
        pause_s = REPEAT_S if self._topic else self._config.every_s
        reached = False
        while self._stands(waiting):
            trouble = self._publish(waiting) if self._topic else self._poll(waiting)
            reached = reached or not trouble
            if trouble and not reached:
                log.warning("nobody can be asked to confirm: %s", trouble)
                self._post(StaffUnreached(key, trouble))
                reached = True  # said once; it is tried on, while something else may confirm
            with self._changed:
                self._changed.wait_for(lambda: self._open is not waiting, max(0.0, min(pause_s, until - boottime())))

    def _begun(self, key: CallKey, tool: str, until: float) -> _Open | None:
        try:
            secret = self._read_secret(self._config.key)
        except (OSError, ValueError, LookupError) as error:
            text = str(error) if isinstance(error, ValueError) else type(error).__name__
            self._post(StaffUnreached(key, f"the key of confirm.staff cannot be read: {text}."))
            return None
        if len(secret) < LEAST_KEY:
            self._post(StaffUnreached(key, f"the key of confirm.staff has fewer than {LEAST_KEY} characters."))
            return None
        ends_at = int(time.time() + max(0.0, until - boottime()))
        question = Question(self._config.device, self._kiosk, tool, call_of(*key), secrets.token_hex(16), ends_at)
        waiting = _Open(key, question, secret.encode(), until)
        with self._changed:
            if self._current != key or self._wanted is not None:
                return None  # forgotten meanwhile, or asked for anew: another call, or this id for another tool
            self._open = waiting
            self.counts["asked"] += 1
        return waiting

    def _stands(self, waiting: _Open) -> bool:
        with self._changed:
            return self._open is waiting and boottime() < waiting.until and not self._stopping

    def _publish(self, waiting: _Open) -> str:
        if self._bus is None:
            return "there is no broker (section mqtt)"
        sent = self._bus.publish(f"{self._topic}/ask", waiting.question.message(waiting.secret))
        return "" if sent else "the broker cannot be reached"

    def _poll(self, waiting: _Open) -> str:
        """Ask the address once. Empty, or a sentence: it cannot be asked."""
        config = self._config
        assert config.url is not None
        body = waiting.question.message(waiting.secret)
        headers = {"Content-Type": "application/json"}
        wish = Wish(config.url, config.timeout_s, "the address of confirm.staff", "POST", body, headers)
        try:
            reply = ask(wish)
        except WebError as error:
            return str(error)
        if reply.body.strip() and reply.status == 200:
            self._take(reply.body)
        return ""
