"""A whole fleet against one service: ``python -m benchmarks.fleet [--kiosks N] [--svg FILE] [--json]``.

Each kiosk runs the product's own ``Backoff`` (kioskd/core/backoff.py); the rivals change nothing but its delay. Every
kiosk wants a session all the time, which is the worst case (one that sleeps until a visitor comes does not call at
all), or, in the rush, for one conversation.
The service accepts so many handshakes a second and holds so many sessions, and says that it is full (503) beyond.
"""

from __future__ import annotations

import argparse
import heapq
import json
import random
import sys
import time
from dataclasses import dataclass
from typing import Any, Callable, Mapping, Sequence

from benchmarks.figure import Measured
from benchmarks.host import machine
from benchmarks.plot import Bars, Line, Panel, page
from benchmarks.rivals import POLICIES
from kioskd.core.backoff import Backoff

# From the first SYN to an answer, refusals included: a lively connection over a mobile network (a guess).
ROUND_TRIP_S = 0.15
# The service takes the whole fleet back in a minute, which a service sized for its fleet does with a margin.
ACCEPT_ALL_IN_S = 60.0
SEED = 20261121
# What is plotted of each run beside its calls a second: title, key of its row, unit.
FIGURES = (
    ("most calls in one second", "peak_calls_a_second", ""),
    ("refused attempts", "refused", ""),
    ("seconds until 99 % of the fleet are back (or have been served)", "back_s", " s"),
)


@dataclass(frozen=True, slots=True)
class Scenario:
    """What happens to the service and to the kiosks; times in seconds from the start.

    Attributes:
        boots: when a kiosk makes its first call, from a chance.
        down: (from, until) in which every call is refused and every session lost.
        drops: (at, share): that share of the sessions is lost at once, while the service stays up.
        room: the share of the fleet that the service can have in session at one time.
        stays_s: how long a kiosk needs its session, at least and at most; then it has been served. Zeros: for ever.
        end_s: the simulation stops here.
        counted_from_s: "until 99 % are back" is counted from here.
    """

    name: str
    boots: Callable[[random.Random], float]
    down: tuple[float, float]
    drops: tuple[tuple[float, float], ...]
    end_s: float
    counted_from_s: float
    room: float = 1.0
    stays_s: tuple[float, float] = (0.0, 0.0)


SCENARIOS: tuple[Scenario, ...] = (
    Scenario("five minutes of outage", lambda r: r.uniform(0, 120), (200.0, 500.0), (), 1100.0, 500.0),
    Scenario(
        "rolling restart, a tenth every 20 s",
        lambda r: r.uniform(0, 120),
        (0.0, 0.0),
        tuple((200.0 + 20.0 * node, 0.1) for node in range(10)),
        700.0,
        380.0,
    ),
    # Boards of one kind boot in nearly the same time: the whole city within some five seconds.
    Scenario("power returns to a city", lambda r: r.gauss(30.0, 1.5), (0.0, 0.0), (), 500.0, 30.0),
    # The doors open everywhere, and the service has bought sessions for a tenth: at best all have had theirs in 300 s.
    Scenario(
        "a rush for a service with room for a tenth",
        lambda r: r.uniform(0, 60),
        (0.0, 0.0),
        (),
        900.0,
        0.0,
        room=0.1,
        stays_s=(20.0, 40.0),
    ),
)


@dataclass(slots=True)
class Outcome:
    """What one run showed. ``attempts`` and ``sessions`` have one entry for each second."""

    attempts: list[int]
    sessions: list[int]
    accepted: int = 0
    refused: int = 0
    back_s: float | None = None
    took_s: float = 0.0

    @property
    def peak(self) -> int:
        """Most calls in one second."""
        return max(self.attempts)


class Service:
    """Accepts so many calls a second while it has room; what it did not use it may catch up with for one second."""

    def __init__(self, accept_per_s: float, down: tuple[float, float], most: float) -> None:
        self._accept_per_s, self._down, self._most = accept_per_s, down, most
        self._tokens, self._filled_at = accept_per_s, 0.0

    def is_down(self, now: float) -> bool:
        """Whether nobody answers."""
        return self._down[0] <= now < self._down[1]

    def accepts(self, now: float, live: int) -> bool:
        """Whether this call is taken, when so many are in session."""
        refill = (now - self._filled_at) * self._accept_per_s
        self._tokens, self._filled_at = min(self._accept_per_s, self._tokens + refill), now
        if self.is_down(now) or self._tokens < 1.0 or live >= self._most:
            return False
        self._tokens -= 1.0
        return True


class Fleet:
    """One policy in one scenario."""

    def __init__(self, policy: type[Backoff], scenario: Scenario, kiosks: int) -> None:
        self._rng = random.Random(SEED)
        self._scenario, self._kiosks = scenario, kiosks
        self._brains = [policy() for _ in range(kiosks)]
        self._service = Service(kiosks / ACCEPT_ALL_IN_S, scenario.down, scenario.room * kiosks)
        self._served = 0
        self._live: set[int] = set()
        self._calls = [(max(0.0, scenario.boots(self._rng)), kiosk) for kiosk in range(kiosks)]
        heapq.heapify(self._calls)
        outage = ((scenario.down[0], 1.0),) if scenario.down[1] > scenario.down[0] else ()
        self._shocks = sorted((*outage, *scenario.drops))
        self.out = Outcome([0] * (int(scenario.end_s) + 1), [0] * (int(scenario.end_s) + 1))

    def run(self) -> Outcome:
        """Play it to the end."""
        began = time.perf_counter()
        second = 0
        while (now := self._next_at()) < self._scenario.end_s:
            while second < int(now):
                self.out.sessions[second] = len(self._live)
                second += 1
            if self._shocks and self._shocks[0][0] <= now:
                self._shock(*self._shocks.pop(0))
            elif self._calls[0][1] in self._live:
                self._leave(*heapq.heappop(self._calls))
            else:
                self._call(*heapq.heappop(self._calls))
        for rest in range(second, len(self.out.sessions)):
            self.out.sessions[rest] = len(self._live)
        self.out.took_s = time.perf_counter() - began
        return self.out

    def _next_at(self) -> float:
        call_at = self._calls[0][0] if self._calls else float("inf")
        return min(call_at, self._shocks[0][0] if self._shocks else float("inf"))

    def _call(self, now: float, kiosk: int) -> None:
        brain = self._brains[kiosk]
        if not brain.begin(now):
            # The bucket is empty: a millisecond on top, because sums of floats may fall short of it.
            heapq.heappush(self._calls, (now + brain.wait_s(now) + 1e-3, kiosk))
            return
        self.out.attempts[int(now)] += 1
        answered = now + ROUND_TRIP_S
        if self._service.accepts(now, len(self._live)):
            self.out.accepted += 1
            brain.ready(answered)
            self._live.add(kiosk)
            if self._scenario.stays_s[1]:
                heapq.heappush(self._calls, (answered + self._rng.uniform(*self._scenario.stays_s), kiosk))
            self._notice(answered)
            return
        self.out.refused += 1
        wait_s = brain.failed(answered, self._rng.random(), capacity=not self._service.is_down(now))
        heapq.heappush(self._calls, (answered + wait_s, kiosk))

    def _leave(self, now: float, kiosk: int) -> None:
        """It has had what it wanted."""
        self._live.discard(kiosk)
        self._served += 1

    def _notice(self, now: float) -> None:
        since = self._scenario.counted_from_s
        if self.out.back_s is None and now >= since and len(self._live) + self._served >= 0.99 * self._kiosks:
            self.out.back_s = now - since

    def _shock(self, at: float, share: float) -> None:
        """That share of the sessions is lost: each kiosk learns of it at once."""
        for kiosk in [kiosk for kiosk in sorted(self._live) if share >= 1.0 or self._rng.random() < share]:
            self._live.discard(kiosk)
            wait_s = self._brains[kiosk].failed(at, self._rng.random())
            heapq.heappush(self._calls, (at + wait_s, kiosk))


def fleet_s(kiosks: int = 100_000) -> Mapping[str, Measured]:
    """The product's policy through the outage, the longest of the scenarios, with the whole fleet."""
    out = Fleet(Backoff, SCENARIOS[0], kiosks).run()
    calls = sum(out.attempts)
    back = "never" if out.back_s is None else f"{out.back_s:.0f} s after the service"
    story = f"{kiosks:,} kiosks, {SCENARIOS[0].name}: {calls:,} calls, at most {out.peak:,} a second; 99 % back {back}"
    return {"fleet_s": Measured(round(out.took_s, 2), story, {"calls": calls, "peak": out.peak, "back_s": out.back_s})}


def rows(kiosks: int, told: Callable[[str], None]) -> list[dict[str, object]]:
    """Every policy in every scenario."""
    found: list[dict[str, object]] = []
    for scenario in SCENARIOS:
        for name, policy in POLICIES.items():
            told(f"{scenario.name}: {name} ...")
            out = Fleet(policy, scenario, kiosks).run()
            found.append(
                {
                    "scenario": scenario.name,
                    "policy": name,
                    "kiosks": kiosks,
                    "peak_calls_a_second": out.peak,
                    "calls": sum(out.attempts),
                    "refused": out.refused,
                    "back_s": out.back_s,
                    "took_s": round(out.took_s, 2),
                    "attempts": out.attempts,
                    "sessions": out.sessions,
                }
            )
    return found


def table(found: Sequence[Mapping[str, object]]) -> str:
    """For people."""
    lines = [f"{'scenario':<43} {'policy':<24} {'peak/s':>8} {'refused':>11} {'99 % back':>10}"]
    for row in found:
        back_s = row["back_s"]
        back = f"{back_s:.0f} s" if isinstance(back_s, float) else "never"
        lines.append(
            f"{row['scenario']:<43} {row['policy']:<24} {row['peak_calls_a_second']:>8,} "
            f"{row['refused']:>11,} {back:>10}"
        )
    return "\n".join(lines)


def picture(found: Sequence[Mapping[str, Any]], kiosks: int) -> str:
    """Calls a second over time, a panel for each scenario; then what came of it, a panel for each figure."""
    panels: list[Panel | Bars] = []
    for scenario in SCENARIOS:
        mine = [row for row in found if row["scenario"] == scenario.name]
        lines = [Line(row["policy"], row["attempts"]) for row in mine]
        panels.append(Panel(scenario.name, "calls a second", "seconds", lines))
    for name, key, unit in FIGURES:
        groups = [(one.name, [row[key] for row in found if row["scenario"] == one.name]) for one in SCENARIOS]
        panels.append(Bars(name, unit, groups))
    return page(f"{kiosks:,} kiosks that all want a session, by backoff policy", panels)


def main(given: Sequence[str] | None = None) -> int:
    """Play every scenario, print the table, draw the picture."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet", description=__doc__)
    parser.add_argument("--kiosks", type=int, default=20_000, help="size of the fleet (default 20,000; 20 runs)")
    parser.add_argument("--svg", metavar="FILE", help="draw calls a second over time")
    parser.add_argument("--json", action="store_true", help="for scripts, with both series of each run")
    options = parser.parse_args(given)
    if options.kiosks < 1:
        parser.error("--kiosks: a fleet has at least one")
    found = rows(options.kiosks, lambda text: print(text, file=sys.stderr, flush=True))
    if options.svg:
        with open(options.svg, "w", encoding="utf-8") as file:
            file.write(picture(found, options.kiosks))
    print(json.dumps({"machine": machine(), "rows": found}) if options.json else table(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
