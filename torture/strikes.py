"""What every case of torture/bounds.py does: a daemon in the middle of a pulse of both relays, a blow, and the time
until both are released.
"""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass
from typing import Any, Callable, Mapping

from torture.caller import Caller
from torture.unit import DOOR, LOW_DOOR, TALK, UNIT_SETTLE_S, Unit
from torture.wires import Move

# Of a pulse that is to end by itself, and of one that is to be cut.
SHORT_MS, LONG_MS = 1000, 30_000
# What the design gives: to a process that is gone, and to one that is frozen beyond WatchdogSec.
GONE_MS = FROZEN_MS = 1000.0
# Of a thread that waits for the end of a pulse, beyond what the clock says; a guess for a busy board.
LATE_MS = 100.0
# Until a finger that left counts as gone (panel.talk.debounce_ms, and some turns of the loop).
RELEASED_S = 0.2


@dataclass(frozen=True, slots=True)
class Row:
    """One bound. ``ms`` is what was measured, ``bound_ms`` the most it may be; None: it cannot be had here."""

    name: str
    about: str
    ms: float | None
    bound_ms: float | None
    ok: bool | None
    detail: Mapping[str, Any]


def row(name: str, about: str, ms: float, bound_ms: float, **detail: Any) -> Row:
    """A row whose value must not be above its bound."""
    return Row(name, about, round(ms, 1), bound_ms, ms <= bound_ms, detail)


# -- what every case does ------------------------------------------------------------------------


def begin(unit: Unit, caller: Caller) -> None:
    """A visitor presses the button and lets go when the session is there: who holds it speaks over every call."""
    unit.wires.drive(TALK, False)
    caller.sessions.get(timeout=10)
    unit.wires.drive(TALK, True)
    time.sleep(RELEASED_S)


def pulsing(unit: Unit, caller: Caller) -> tuple[Move, Move]:
    """Both relays are on; their moves."""
    unit.await_ready()
    begin(unit, caller)
    time.sleep(max(0.0, unit.ready_at + UNIT_SETTLE_S - time.monotonic()))
    caller.call("ring")
    caller.call("low_ring")
    try:
        return unit.wires.wait(DOOR, True), unit.wires.wait(LOW_DOOR, False)
    except TimeoutError as error:
        raise RuntimeError(f"{error}: {unit.log()[-2000:]}") from error


def released(unit: Unit, since: float, within_s: float = 30.0) -> float:
    """When the later one of both was released."""
    high, low = (unit.wires.wait(line, level, within_s, since) for line, level in ((DOOR, False), (LOW_DOOR, True)))
    return max(high.at, low.at)


def ever_on(unit: Unit) -> list[Move]:
    """Each time a relay was energised."""
    return [m for m in unit.wires.moves(DOOR) if m.high] + [m for m in unit.wires.moves(LOW_DOOR) if not m.high]


def cut(
    name: str, about: str, blow: Callable[[Unit], float], bound_ms: float = GONE_MS, **given: Any
) -> Callable[[Caller], Row]:
    """A case in which something ends the daemon in the middle of a pulse; ``blow`` does it and says when."""

    def case(caller: Caller) -> Row:
        with Unit(caller.url, pulse_ms=LONG_MS, **given) as unit:
            pulsing(unit, caller)
            at = blow(unit)
            off_at = released(unit, at)
            unit.await_over()
            gone_ms, safe_ms = round((unit.ended_at - at) * 1000, 1), round((unit.safe_at - at) * 1000, 1)
            by = "the daemon" if off_at < unit.ended_at else "ExecStopPost"
            detail = {"exit": unit.code, "gone_ms": gone_ms, "stop_post_ms": safe_ms, "released_by": by}
            return row(name, about, (off_at - at) * 1000, bound_ms, **detail, said=unit.said.strip())

    return case


def sent(number: signal.Signals) -> Callable[[Unit], float]:
    """The blow is a signal."""
    return lambda unit: unit.signal(number)


def outlast(name: str, about: str, grace_ms: float, fault: str, strike: bool = True) -> Callable[[Caller], Row]:
    """A case in which the pulse must end by itself while something stands still."""

    def case(caller: Caller) -> Row:
        with Unit(caller.url, pulse_ms=SHORT_MS, fault=fault, watchdog_s=60.0) as unit:
            first, second = pulsing(unit, caller)
            if strike:
                unit.signal(signal.SIGUSR1)
            off_at = released(unit, first.at)
            on_ms = (off_at - min(first.at, second.at)) * 1000
            return row(name, about, on_ms, SHORT_MS + grace_ms, pulse_ms=SHORT_MS, over_ms=round(on_ms - SHORT_MS, 1))

    return case
