"""Who asks again and again for what is refused gets a pause; nobody else does."""

from __future__ import annotations

import dataclasses
from typing import Any

from kioskd.config.sections import Kiosk, Lockout
from kioskd.core import effects as ef
from kioskd.core import events as ev
from kioskd.core import house_events as he
from kioskd.core.lockout import ALL, BUTTONS, CODES, STRIKE, locked_s, shown, standing
from kioskd.core.state import PANEL
from kioskd.core.words import CallKey


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
    assert len(bench.of(ef.KeepLock)) == 1, "the tool"
    bench.wait(110)
    bench.says()
    ask_wrongly(bench, 5, begin=30)
    assert locked_s(bench.s, bench.s.config.tools[0], bench.now) > 0
    bench.wait(9)
    bench.asks("c1")
    assert codes(bench)[-1] == "confirm"


def test_who_goes_on_asking_locks_a_tool_for_half_of_the_time_at_most(bench: Any) -> None:
    """A hostile service that calls wrongly for an hour, three times a second, while a visitor stands there."""
    tool, locked = bench.s.config.tools[0], 0
    for second in range(3600):
        if second % 10 == 0:
            bench.says()
        ask_wrongly(bench, 3, begin=3 * second)
        locked += locked_s(bench.s, tool, bench.now) > 0
        bench.wait(1)
    assert 0.3 < locked / 3600 <= 0.51, "it begins and ends with a lock"


def test_refusals_far_apart_lock_nothing(bench: Any) -> None:
    for number in range(20):
        bench.says()
        ask_wrongly(bench, 1, begin=number)
        bench.wait(7)
    assert bench.of(ef.KeepLock) == []


def few(bench: Any, **policy: Any) -> None:
    """A kiosk that is locked after three refusals, and the door another policy."""
    kiosk = Kiosk(lockout=Lockout(refusals=3, per_s=60, for_s=300))
    door, *others = bench.s.config.tools
    door = dataclasses.replace(door, policy=dataclasses.replace(door.policy, **policy))
    bench.s.config = dataclasses.replace(bench.s.config, kiosk=kiosk, tools=(door, *others))


def ask_at_night(bench: Any, count: int) -> None:
    few(bench, hours=("mon-fri 08:00-18:00",))
    bench(he.ClockTold("2026-12-21", 0, 1300, True))
    for number in range(count):
        bench.asks(f"n{number}")


def test_all_tools_that_move_are_locked_together_and_calling_for_help_is_not(bench: Any) -> None:
    bench.says()
    ask_at_night(bench, 3)
    assert codes(bench) == ["hours"] * 3 and bench.of(ef.KeepLock) == [ef.KeepLock(ALL, 300.0)]
    bench(he.ClockTold("2026-12-21", 0, 600, True))
    bench.asks("c1")
    assert codes(bench)[-1] == "locked"
    bench.asks("c2", tool="ring_bell")
    assert codes(bench)[-1] == "allowed", "of class notify"


def test_what_a_model_does_wrong_by_itself_never_locks_all_together(bench: Any) -> None:
    few(bench)
    bench.says()
    for number in range(50):
        bench.asks(f"n{number}", f"no_such_tool_{number}")
        bench.asks(f"w{number}", "ring_bell", '{"surprise": 1}')
    bench.wait(100)
    for number in range(3):
        bench.asks(f"s{number}")
    assert set(codes(bench)) == {"unknown_tool", "arguments", "stale"} and bench.of(ef.KeepLock) == []


def pressed_for(bench: Any, mark: str) -> object:
    """A button of the panel asks for the door; what policy said."""
    bench.s.last_person_at = bench.now
    bench(ev.ToolAsked(CallKey(PANEL, PANEL, mark), "unlock_door", "{}"))
    return codes(bench)[-1]


def test_a_service_that_locked_itself_out_locks_no_button_of_the_panel(bench: Any) -> None:
    bench.says()
    ask_wrongly(bench, 10)
    bench.asks("c1")
    assert codes(bench)[-1] == "locked"
    assert pressed_for(bench, "p1") == "confirm"


def test_who_plays_with_a_button_locks_no_call_of_the_service(bench: Any) -> None:
    few(bench)
    for number in range(3):
        assert pressed_for(bench, f"p{number}") == "confirm"
        bench.wait(10.1)
    assert bench.of(ef.KeepLock) == [ef.KeepLock(f"{BUTTONS}{ALL}", 300.0)] and pressed_for(bench, "p3") == "locked"
    bench.says()
    bench.asks("c1")
    assert codes(bench)[-1] == "confirm"


def test_the_owner_ends_every_lock_and_the_trail_says_who_did(bench: Any) -> None:
    bench.says()
    ask_wrongly(bench, 10)
    bench.s.locks.update({CODES: bench.now + 900, f"{STRIKE}0": bench.now + 60, BUTTONS: bench.now - 1})
    said = [row["what"] for row in standing(bench.s, bench.now)]
    assert said == ["unlock_door is locked", "no code is taken"]
    caused = bench(he.UnlockAsked("other", "anna from 192.0.2.1"))
    assert {(lock.tool, lock.for_s) for lock in bench.of(ef.KeepLock, caused)} == {
        ("unlock_door", 0.0),
        (CODES, 0.0),
        (f"{STRIKE}0", 0.0),
        (BUTTONS, 0.0),
    }
    (line,) = bench.of(ef.Audit, caused)
    assert line.what == "unlock" and dict(line.data) == {
        "uid": "other",
        "by": "anna from 192.0.2.1",
        "ended": "unlock_door is locked; no code is taken",
    }
    bench.asks("c1")
    assert codes(bench)[-1] == "confirm" and standing(bench.s, bench.now) == []


def test_a_lock_is_said_of_whom_it_holds_for() -> None:
    assert shown(ALL) == ("all tools that move something are locked", "")
    assert shown(BUTTONS + ALL) == ("all tools that move something are locked for the buttons of this panel", "")
    assert shown(f"{BUTTONS}shut") == ("shut is locked for the buttons of this panel", "shut")


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
