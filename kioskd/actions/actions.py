"""The room's door: takes intents, actions and outcomes from the loop, and answers with events. Nothing here blocks."""

from __future__ import annotations

import atexit
import logging
import threading
import time
from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import Callable, Mapping, Sequence

from kioskd.actions.crew import Crew, Job
from kioskd.actions.interlocks import Interlocks
from kioskd.actions.ledger import Ledger
from kioskd.actions.outcome import Outcome, failed
from kioskd.actions.relay import Relay
from kioskd.actions.sensor import Sensor
from kioskd.actions.staff import Staff
from kioskd.config.sections import SecretRef, Tool
from kioskd.core.events import ActionEnded
from kioskd.core.house_events import InterlocksRead
from kioskd.core.ports import InputLine, Post, RelayLine
from kioskd.core.words import CallKey

log = logging.getLogger(__name__)

# Beyond what an action takes at its worst: then it hangs. The machine's own deadline is 30 s beyond.
MARGIN_S = 5.0
SENSOR_S = 5.0  # a 1-Wire bus with many thermometers takes one or two seconds (0.75 s each, data sheet DS18B20)
LOOK_S = 1.0  # reading interlocks; the machine waits for two seconds
# Hanging threads that are replaced; each costs about 100 kB. A guess.
SPARES = 4
# Keys remembered in memory besides the ledger. A session asks at most 1024 times (wire/calls.py), and only the live
# one's calls come this far.
MOST_KEYS = 4096
# Refusals without an intent that are written in a minute; the rest is counted. A service may ask 200 times a
# second, each a row and an fsync: 10 MB a minute, and a card worn out in weeks. A guess.
MOST_REFUSALS = 60
REFUSALS_S = 60.0

Do = Callable[[CallKey, Mapping[str, object]], Outcome]


@dataclass(frozen=True, slots=True)
class Hand:
    """A tool, ready to be run.

    Attributes:
        do: does it; blocks.
        crew: whose threads do it.
        bound_s: when it counts as hanging.
    """

    do: Do
    crew: Crew
    bound_s: float


class Actions:
    """Loop only, except where noted.

    Args:
        tools: as configured.
        relays: by tool name; a relay tool without a line answers each run with a sentence.
        inputs: by tool name, for sensors that read a line.
        ledger: started and stopped by whoever made it; after this room, so that the last outcomes are written.
        post: gets one ActionEnded for each ``run``, and what relay and ledger have to tell.
        kiosk_name: for staff.
        read_secret: reads a secret's text; called in a worker thread.
        contacts: by pin, for interlocks.
        workers: threads for sensors and staff together. Each relay has its own.
    """

    def __init__(
        self,
        tools: Sequence[Tool],
        relays: Mapping[str, RelayLine],
        inputs: Mapping[str, InputLine],
        ledger: Ledger,
        post: Post,
        kiosk_name: str,
        read_secret: Callable[[SecretRef], str],
        workers: int = 2,
        contacts: Mapping[str, InputLine] | None = None,
    ) -> None:
        self._ledger = ledger
        self._post = post
        self._kiosk_name = kiosk_name
        self._read_secret = read_secret
        self._lines = relays
        self._inputs = inputs
        self._stopping = threading.Event()
        self._workers = Crew("kioskd-action", workers, SPARES)
        self._relays: dict[str, Relay] = {}
        self._crews = [self._workers]
        self._lock = threading.Lock()  # for the two below: ends come from threads
        self._keys: OrderedDict[CallKey, bool] = OrderedDict()  # True: has ended
        self._counts = {"done": 0, "failed": 0, "refused_twice": 0, "refusals_unwritten": 0, "decisions_unwritten": 0}
        self._intents: set[CallKey] = set()  # written, and their endings not yet. Loop only, as the next one
        self._refusals: deque[float] = deque(maxlen=MOST_REFUSALS)  # when they were written
        self._decisions: deque[float] = deque(maxlen=MOST_REFUSALS)  # ... in the audit trail
        self._untold = 0  # decisions since then that were not
        guarded = [tool for tool in tools if tool.policy.interlocks]
        self._interlocks = {
            tool.name: Interlocks(tool.name, tool.policy.interlocks, contacts or {}) for tool in guarded
        }
        # Of its own: a door must not wait for staff who do not answer.
        self._lookout = Crew("kioskd-look", 1, SPARES) if guarded else None
        if self._lookout is not None:
            self._crews.append(self._lookout)
        self._hands: dict[str, Hand] = {}
        self._missing: dict[str, str] = {}
        for tool in tools:
            self._prepare(tool)
        # A process that ends without ``stop`` would freeze the relay threads in the middle of a pulse.
        atexit.register(self.halt)

    # -- what the corridor asks ------------------------------------------------------------------

    def commit(self, key: CallKey, tool: str, arguments: str) -> None:
        """Write an intent: see ``Ledger.commit``."""
        self._intents.add(key)
        self._ledger.commit(key, tool, arguments)

    def record(self, key: CallKey, tool: str, outcome: str, reason: str) -> None:
        """Write an outcome: see ``Ledger.record``. Of those that no intent precedes at most ``MOST_REFUSALS``."""
        if key in self._intents:
            self._intents.discard(key)
        elif _too_many(self._refusals, time.monotonic()):
            self._counts["refusals_unwritten"] += 1
            return
        self._ledger.record(key, tool, outcome, reason)

    def audit(self, what: str, data: Mapping[str, object]) -> None:
        """A line for the audit trail. Of what moves nothing at most ``MOST_REFUSALS`` a minute, then their number."""
        if data.get("verdict") in ("refuse", "confirm"):
            if _too_many(self._decisions, time.monotonic()):
                self._untold += 1
                self._counts["decisions_unwritten"] += 1
                return
        if self._untold:
            data = {**data, "unwritten_before": self._untold}
            self._untold = 0
        self._ledger.audit(what, data)

    def keep_lock(self, tool: str, for_s: float) -> None:
        """Remember a lock-out over a restart."""
        self._ledger.keep_lock(tool, for_s)

    def look(self, key: CallKey, tool: str) -> None:
        """Read the tool's interlocks. Answered by one InterlocksRead."""
        interlocks = self._interlocks.get(tool)
        if interlocks is None or self._lookout is None:
            self._post(InterlocksRead(key, "", f"{tool} has no interlocks that could be read; it is refused"))
            return

        def answer(outcome: Outcome) -> None:
            why = "" if outcome.ok else outcome.reason or f"the interlocks of {tool} cannot be read"
            self._post(InterlocksRead(key, outcome.say, why))

        if not self._lookout.submit(Job(f"interlocks of {tool}", interlocks.read, answer, LOOK_S)):
            answer(failed("kioskd is ending, or far too much is waiting; the interlocks are not read"))

    def run(self, key: CallKey, tool: str, arguments: Mapping[str, object]) -> None:
        """Do it, at most once for each key in this process, whatever the ledger said. Answered by one ActionEnded."""
        with self._lock:
            seen = key in self._keys
            answered = self._keys.setdefault(key, False)
            self._counts["refused_twice"] += seen
            if len(self._keys) > MOST_KEYS:
                self._keys.popitem(last=False)
        if seen:
            log.error("%s (%s) has been run already and is not run again", tool, key)
            if answered:  # else the first run is still to answer
                self._end(key, failed("this call has been run already; it is not run again."))
            return
        hand = self._hands.get(tool)
        if hand is None:
            self._end(key, failed(self._missing.get(tool, f"there is no tool {tool}.")))
            return
        do = hand.do
        job = Job(tool, lambda: do(key, arguments), lambda outcome: self._end(key, outcome), hand.bound_s)
        if not hand.crew.submit(job):
            self._end(key, failed(f"{tool} cannot be run now: kioskd is ending, or far too much is waiting."))

    def halt(self) -> None:
        """Release every relay at once, and energise none again, also for what was asked before. Any thread."""
        for relay in self._relays.values():
            relay.stop()

    def stop(self, timeout_s: float) -> bool:
        """Release every relay, begin nothing more, wait for what runs. False: a thread hangs. Idempotent."""
        deadline = time.monotonic() + timeout_s
        self.halt()
        atexit.unregister(self.halt)
        self._stopping.set()
        # A list, not a generator: each crew is told, also when one before it hangs.
        return all([crew.stop(max(0.0, deadline - time.monotonic())) for crew in self._crews])

    def snapshot(self) -> dict[str, object]:
        """For status. ``stuck``: tool by hanging thread; ``missing``: why a tool cannot be run."""
        crews = [crew.snapshot() for crew in self._crews]
        with self._lock:
            running = sum(1 for ended in self._keys.values() if not ended)
        stuck: dict[str, object] = {}
        for crew in crews:
            stuck.update(crew["stuck"] if isinstance(crew["stuck"], dict) else {})
        return {
            **self._counts,
            "running": running,
            "stuck": stuck,
            "faults": sum(crew["faults"] for crew in crews if isinstance(crew["faults"], int)),
            "missing": dict(self._missing),
            "relays": {name: relay.snapshot() for name, relay in self._relays.items()},
            "ledger": self._ledger.snapshot(),
        }

    def _end(self, key: CallKey, outcome: Outcome) -> None:
        """Any thread."""
        with self._lock:
            if key in self._keys:
                self._keys[key] = True
            self._counts["done" if outcome.ok else "failed"] += 1
        self._post(ActionEnded(key, outcome.ok, outcome.result, outcome.say, outcome.reason))

    # -- the kinds -------------------------------------------------------------------------------

    def _prepare(self, tool: Tool) -> None:
        """Make the tool's hand; a tool that cannot be made is missing, with its reason, and the others work."""
        if tool.dry_run:
            self._missing[tool.name] = f"{tool.name} is on trial (dry_run): it moves nothing."
            return
        for kind, make in KINDS.items():
            if getattr(tool.action, kind) is not None:
                try:
                    self._hands[tool.name] = self._guarded(tool, make(self, tool))
                except (LookupError, ValueError) as error:
                    self._missing[tool.name] = f"{tool.name} cannot be run: {error.args[0]}."
                    log.error("%s", self._missing[tool.name])
                return
        self._missing[tool.name] = f"{tool.name} cannot be run: its action names nothing to do."

    def _guarded(self, tool: Tool, hand: Hand) -> Hand:
        """Its interlocks once more, right before it moves: writing the intent down took time."""
        interlocks = self._interlocks.get(tool.name)
        if interlocks is None:
            return hand

        def do(key: CallKey, arguments: Mapping[str, object]) -> Outcome:
            read = interlocks.read()
            return hand.do(key, arguments) if read.ok else failed(read.reason)

        return Hand(do, hand.crew, hand.bound_s)

    def _relay(self, tool: Tool) -> Hand:
        action = tool.action.relay
        line = self._lines.get(tool.name)
        if action is None or line is None:
            raise LookupError("its relay line is not there")
        relay = Relay(line, tool.name, action.pulse_ms / 1000, action.min_gap_s, self._post)
        self._relays[tool.name] = relay
        # Started now: a door must not depend on whether a thread can be had at that moment.
        crew = Crew(f"kioskd-relay-{tool.name}", 1, 0)
        self._crews.append(crew)
        return Hand(lambda key, arguments: relay.pulse(), crew, action.pulse_ms / 1000 + MARGIN_S)

    def _sensor(self, tool: Tool) -> Hand:
        action = tool.action.sensor
        line = self._inputs.get(tool.name)
        if action is None or (action.file is None and line is None):
            raise LookupError("its input line is not there")
        sensor = Sensor(tool.name, action, line)
        return Hand(lambda key, arguments: sensor.read(), self._workers, SENSOR_S)

    def _staff(self, tool: Tool) -> Hand:
        action = tool.action.staff
        if action is None:
            raise LookupError("it has no webhook")
        ref = action.token
        token = None if ref is None else lambda: self._read_secret(ref)
        staff = Staff(tool.name, action, self._kiosk_name, token, self._stopping.wait)
        return Hand(staff.call, self._workers, staff.longest_s + MARGIN_S)


def _too_many(times: deque[float], now: float) -> bool:
    """Whether this refusal is one too many to be written; if not, it counts from now on."""
    if len(times) == MOST_REFUSALS and now - times[0] < REFUSALS_S:
        return True
    times.append(now)
    return False


# One row for each kind of action: the key in the YAML, and what makes it ready.
KINDS: Mapping[str, Callable[[Actions, Tool], Hand]] = {
    "relay": Actions._relay,
    "sensor": Actions._sensor,
    "staff": Actions._staff,
}
