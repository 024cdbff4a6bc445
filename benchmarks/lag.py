"""How late the loop of a kiosk is while a long answer comes faster than it could ever be spoken.

A kiosk (house.py) in session; its service hands 30 s of sound to the socket at once, as fast as the socket takes it.
Meanwhile a timer of 2 ms runs in the kiosk's loop: how late it fires is how late everything else would be.
"""

from __future__ import annotations

from typing import Mapping

from benchmarks.figure import Measured, ProbeFailed, percentile, spread
from benchmarks.host import often
from benchmarks.house import TICK_S, kiosk
from benchmarks.peer import Peer
from benchmarks.sound import sound

ROUNDS = 10
ANSWER_S = 30
PATIENCE_S = 15.0


def loop_lag_ms() -> Mapping[str, Measured]:
    """The answer, again and again; each is interrupted when it has come."""
    busy, idle, took = [], [], []
    with sound() as devices, Peer() as peer, kiosk(peer.url, devices, {"talk": {"mode": "open"}}) as running:
        if not seen(running.events("SessionReady", PATIENCE_S), "SessionReady"):
            raise ProbeFailed("the kiosk opened no session")
        for _ in range(often(ROUNDS, 2)):
            running.events("", 0.5)
            idle += running.ask("lag")["lag_ms"]
            peer.ask("answer", length_ms=1000 * ANSWER_S)
            rows = running.events("ResponseDone", PATIENCE_S)
            if not seen(rows, "ResponseDone"):
                raise ProbeFailed(f"{ANSWER_S} s of sound had not come after {PATIENCE_S:g} s")
            lags = running.ask("lag")["lag_ms"]
            began, ended = (next(row["now"] for row in rows if row["kind"] == kind) for kind in ANSWER)
            took.append((ended - began) * 1000)
            busy += lags
            peer.ask("interrupt")
        why = devices.why
    p99 = round(percentile(busy, 0.99), 3)
    story = f"a timer's lateness while {ANSWER_S} s of sound come in {percentile(took, 0.5):.0f} ms, p99 of {len(busy)}"
    detail = {
        "devices": why,
        "ms": spread(busy),
        "while_nothing_comes_ms": spread(idle),
        "an_answer_took_ms": spread(took, 1),
        "timer_ms": TICK_S * 1000,
    }
    return {"loop_lag_ms": Measured(p99, story, detail)}


ANSWER = ("ResponseCreated", "ResponseDone")


def seen(rows: list[dict[str, object]], kind: str) -> bool:
    """Whether an event of that kind is among them."""
    return any(row["kind"] == kind for row in rows)
