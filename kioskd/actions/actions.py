"""The room's door: takes intents, actions and outcomes from the loop, and answers with events. Nothing here blocks."""

from __future__ import annotations

import atexit
import logging
import threading
import time
from collections import OrderedDict
from typing import Callable, Mapping, Sequence

from kioskd.actions import hands
from kioskd.actions.crew import Crew, Job
from kioskd.actions.hands import Hand, Workshop
from kioskd.actions.interlocks import Interlocks
from kioskd.actions.lastword import Words
from kioskd.actions.ledger import Ledger
from kioskd.actions.outcome import Outcome, failed
from kioskd.actions.ration import Folded, Ration
from kioskd.actions.relay import Relay
from kioskd.config.sections import SecretRef, Tool
from kioskd.core.events import ActionEnded
from kioskd.core.house_events import InterlocksRead
from kioskd.core.ports import Courier, InputLine, Post, RelayLine
from kioskd.core.words import CallKey

log = logging.getLogger(__name__)

LOOK_S = 1.0  # reading interlocks; the machine waits for two seconds
# Hanging threads that are replaced; each costs about 100 kB. A guess.
SPARES = 4
# Keys remembered in memory besides the ledger. A session asks at most 1024 times (wire/calls.py), and only the live
# one's calls come this far.
MOST_KEYS = 4096
# Outcomes that no intent precedes (refusals, mostly) and that get a row in the ledger: so many at once, then one a
# minute. A service may ask 200 times a second, each a row and an fsync: a card worn out in weeks. A guess.
MOST_ROWS, ROW_S = 60, 60.0
# Lines of the audit trail about what moves nothing: so many at once, then ten an hour, and one for all the others every
# ten minutes. At 500 bytes a line a flood then needs months to push a move out of the trail's 32 MB.
MOST_LINES, LINE_S = 60, 360.0
FOLDED_S = 600.0
# Classes that move nothing: whatever a service makes of them, it must not push a move out of the trail.
STILL = ("read", "notify")


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
        courier: the broker of the house, where there is one; started and stopped by whoever made it.
        withheld: by tool name, a sentence why it is not done, though it could be.
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
        courier: Courier | None = None,
        withheld: Mapping[str, str] | None = None,
    ) -> None:
        self._ledger = ledger
        self._post = post
        self._stopping = threading.Event()
        self._workers = Crew("kioskd-action", workers, SPARES)
        self._relays: dict[str, Relay] = {}
        self._crews = [self._workers]
        self._lock = threading.Lock()  # for the two below: ends come from threads
        self._keys: OrderedDict[CallKey, bool] = OrderedDict()  # True: has ended
        self._counts = {"done": 0, "failed": 0, "refused_twice": 0, "refusals_unwritten": 0, "decisions_unwritten": 0}
        self._intents: set[CallKey] = set()  # written, and their endings not yet. Loop only, as the next ones
        self._rows, self._rationed = Ration(MOST_ROWS, ROW_S), Ration(MOST_LINES, LINE_S)
        # Of its own: a service that fills the other must not hide that somebody opened the housing.
        self._rattling = Ration(MOST_LINES, LINE_S)
        self._folded = Folded(FOLDED_S)
        self._classes = {tool.name: tool.class_ for tool in tools}
        guarded = [tool for tool in tools if tool.policy.interlocks]
        self._interlocks = {
            tool.name: Interlocks(tool.name, tool.policy.interlocks, contacts or {}) for tool in guarded
        }
        self._contacts = contacts or {}
        # Of its own: a door must not wait for staff who do not answer.
        self._lookout = Crew("kioskd-look", 1, SPARES) if guarded else None
        if self._lookout is not None:
            self._crews.append(self._lookout)
        self._hands: dict[str, Hand] = {}
        self._missing: dict[str, str] = {}
        self._trials = {tool.name for tool in tools if tool.dry_run}
        self._words = Words(post)
        given = (relays, inputs, post, kiosk_name, read_secret, self._stopping, self._workers)
        self._shop = Workshop(*given, self._own_crew, self._relays, self._words, courier)
        for tool in tools:
            self._prepare(tool, tools, (withheld or {}).get(tool.name, ""))
        hands.pair(self._shop, tools)
        # A process that ends without ``stop`` would freeze the relay threads in the middle of a pulse.
        atexit.register(self.halt)

    def use(self, tools: Sequence[Tool], kiosk_name: str) -> None:
        """The same tools by another policy: their actions, and the lines of their interlocks, are as they were. A tool
        that is not among them any more is not asked for. What runs, runs on.
        """
        self._classes = {tool.name: tool.class_ for tool in tools}
        for tool in tools:
            if tool.name in self._interlocks:
                self._interlocks[tool.name] = Interlocks(tool.name, tool.policy.interlocks, self._contacts)
        for rename in self._shop.renames:
            rename(kiosk_name)

    # -- what the corridor asks ------------------------------------------------------------------

    def commit(self, key: CallKey, tool: str, arguments: str) -> None:
        """Write an intent: see ``Ledger.commit``."""
        self._intents.add(key)
        access = self._classes.get(tool) == "access"
        self._ledger.commit(key, tool, arguments, told=self._worth_a_line(tool), access=access)

    def record(self, key: CallKey, tool: str, outcome: str, reason: str) -> None:
        """Write an outcome: see ``Ledger.record``. Of those that no intent precedes only as many as ``MOST_ROWS`` says;
        the decision's own line has told of a refusal."""
        meant = key in self._intents
        self._intents.discard(key)
        if not meant and not self._rows.take(time.monotonic()):
            self._counts["refusals_unwritten"] += 1
            return
        told = self._worth_a_line(tool) if meant else outcome != "refused" and self._rationed.take(time.monotonic())
        self._ledger.record(key, tool, outcome, reason, told=told)

    def audit(self, what: str, data: Mapping[str, object]) -> None:
        """A line for the audit trail; of what moves nothing only as many as ``MOST_LINES`` says, then their number."""
        now, verdict, contact = time.monotonic(), data.get("verdict"), what == "contact"
        still = contact or verdict in ("refuse", "confirm") or self._classes.get(str(data.get("tool", ""))) in STILL
        folded = still and not (self._rattling if contact else self._rationed).take(now)
        if folded:
            self._counts["decisions_unwritten"] += 1
            name = str(data.get("contact" if contact else "tool", ""))[:64]
            self._folded.add(f"{name} {verdict or what} {data.get('code', '')}".strip(), now)
        if not still or self._folded.due(now):
            self._tell_folded(now)
        if not folded:
            self._ledger.audit(what, data)

    def _tell_folded(self, now: float) -> None:
        if folded := self._folded.take(now):
            self._ledger.audit("folded", folded)

    def _worth_a_line(self, tool: str) -> bool:
        """Whether intent or outcome of this tool stands in the trail beside the ledger."""
        class_ = self._classes.get(tool)
        return class_ not in STILL or (class_ != "read" and self._rationed.take(time.monotonic()))

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
        self._words.open(key)
        do = hand.do
        job = Job(tool, lambda: do(key, arguments), lambda outcome: self._end(key, outcome), hand.bound_s)
        if not hand.crew.submit(job):
            self._end(key, failed(f"{tool} cannot be run now: kioskd is ending, or far too much is waiting."))

    def last_word(self, key: CallKey, why: str) -> None:
        """Whether the relay of this run may still be energised: empty, or why not. Too late for one that has been."""
        self._words.say(key, why)

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
        self._tell_folded(time.monotonic())
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

    @property
    def unfit(self) -> dict[str, str]:
        """By tool, why it cannot be done since the start; not what is on trial, which is not to be done. Any thread."""
        return {name: why for name, why in self._missing.items() if name not in self._trials}

    def _end(self, key: CallKey, outcome: Outcome) -> None:
        """Any thread."""
        self._words.close(key)
        with self._lock:
            if key in self._keys:
                self._keys[key] = True
            self._counts["done" if outcome.ok else "failed"] += 1
        self._post(ActionEnded(key, outcome.ok, outcome.result, outcome.say, outcome.reason))

    # -- the kinds -------------------------------------------------------------------------------

    def _prepare(self, tool: Tool, tools: Sequence[Tool], withheld: str) -> None:
        """Make the tool's hand; a tool that cannot be made is missing, with its reason, and the others work."""
        if withheld:
            self._missing[tool.name] = withheld
            log.error("%s", withheld)
            return
        if tool.dry_run:
            self._missing[tool.name] = f"{tool.name} is on trial (dry_run): it moves nothing."
            return
        try:
            self._hands[tool.name] = self._guarded(tool, hands.make(self._shop, tool, tools))
        except (LookupError, ValueError) as error:
            self._missing[tool.name] = f"{tool.name} cannot be run: {error.args[0]}."
            log.error("%s", self._missing[tool.name])

    def _own_crew(self, name: str, threads: int = 1) -> Crew:
        self._crews.append(Crew(name, threads, 0))
        return self._crews[-1]

    def _guarded(self, tool: Tool, hand: Hand) -> Hand:
        """Its interlocks once more, right before it moves: writing the intent down took time."""
        if tool.name not in self._interlocks:
            return hand

        def do(key: CallKey, arguments: Mapping[str, object]) -> Outcome:
            read = self._interlocks[tool.name].read()
            return hand.do(key, arguments) if read.ok else failed(read.reason)

        def last_word() -> str:
            read = self._interlocks[tool.name].read()
            return "" if read.ok else read.reason

        relay = self._relays.get(tool.name)
        if relay is not None:
            relay.last_word = last_word  # it may wait a minute for its rivals (apart_ms), and a fire does not
        return Hand(do, hand.crew, hand.bound_s)
