"""Who asks again and again for what is refused gets a pause; nobody else does."""

from __future__ import annotations

import dataclasses
from typing import Any

from kioskd.config.sections import Kiosk, Lockout
from kioskd.core import effects as ef
from kioskd.core import events as ev
from kioskd.core.lockout import ALL, locked_s


def ask_wrongly(bench: Any, count: int, tool: str = "unlock_door", begin: int = 0) -> None:
    for number in range(begin, begin + count):
        bench.asks(f"w{number}", tool, '{"surprise": 1}')


def codes(bench: Any) -> list[object]:
    return [dict(note.data)["code"] for note in bench.of(ef.Note) if note.kind == "decision"]


def test_ten_refusals_lock_the_tool_and_the_hand_does_not_open_it(bench: Any) -> None:
    bench.says()
    ask_wrongly(bench, 10)
    assert bench.of(ef.KeepLock) == [ef.KeepLock("unlock_door", 120.0)] and bench.s.counts.lockouts == 1
    bench.asks("c1")
    assert codes(bench)[-1] == "locked" and bench.s.confirming is None


def test_a_lock_ends_by_itself_and_asking_meanwhile_does_not_prolong_it(bench: Any) -> None:
    bench.says()
    ask_wrongly(bench, 30)
    assert len(bench.of(ef.KeepLock)) == 2, "the tool, and then all of them: 30 within a minute"
    bench.s.locks[ALL] = bench.now
    bench.wait(110)
    bench.says()
    ask_wrongly(bench, 5, begin=30)
    assert locked_s(bench.s, bench.s.config.tools[0], bench.now) > 0
    bench.wait(9)
    bench.asks("c1")
    assert codes(bench)[-1] == "confirm"


def test_refusals_far_apart_lock_nothing(bench: Any) -> None:
    for number in range(20):
        bench.says()
        ask_wrongly(bench, 1, begin=number)
        bench.wait(7)
    assert bench.of(ef.KeepLock) == []


def test_all_tools_that_move_are_locked_together_and_calling_for_help_is_not(bench: Any) -> None:
    few = Kiosk(lockout=Lockout(refusals=3, per_s=60, for_s=300))
    bench.s.config = dataclasses.replace(bench.s.config, kiosk=few)
    bench.says()
    for number in range(3):
        bench.asks(f"n{number}", f"no_such_tool_{number}")
    assert bench.of(ef.KeepLock) == [ef.KeepLock(ALL, 300.0)]
    bench.asks("c1")
    assert codes(bench)[-1] == "locked"
    bench.asks("c2", tool="ring_bell")
    assert codes(bench)[-1] == "allowed", "of class notify"


def test_unknown_names_cost_no_memory(bench: Any) -> None:
    bench.says()
    for number in range(200):
        bench.asks(f"n{number}", f"no_such_tool_{number}")
    assert set(bench.s.refusals) <= {ALL} and set(bench.s.locks) <= {ALL}


def test_nobody_is_locked_out_by_asking_at_a_bad_time(bench: Any) -> None:
    bench.says()
    bench(ev.MuteAsked(True))
    for number in range(40):
        bench.asks(f"m{number}")
    assert bench.of(ef.KeepLock) == [] and set(codes(bench)) == {"muted"}


def test_confirmations_that_nobody_gives_count(bench: Any) -> None:
    lockout = Lockout(refusals=2, per_s=60, for_s=60)
    tools = [
        dataclasses.replace(tool, policy=dataclasses.replace(tool.policy, lockout=lockout))
        for tool in bench.s.config.tools
    ]
    bench.s.config = dataclasses.replace(bench.s.config, tools=tuple(tools))
    for number in range(2):
        bench.says()
        bench.asks(f"c{number}")
        bench.wait(10.1)
    assert bench.of(ef.KeepLock) == [ef.KeepLock("unlock_door", 60.0)]
