"""Every effect has its row, and a room's mistake stays its own."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any, Mapping

from kioskd.core import confirm_effects as cf
from kioskd.core import effects as ef
from kioskd.core.events import Event, TimerFired
from kioskd.core.words import CallKey, Feed, Phase
from kioskd.perform import Performer, Timers

KEY = CallKey("e", "s", "c")
SAMPLES: dict[str, object] = {
    "number": 1,
    "heard": True,
    "reason": "why",
    "why": "muted",
    "greet": True,
    "key": KEY,
    "output": "{}",
    "session": "s",
    "text": "t",
    "response": "r",
    "heard_ms": 20,
    "feed": Feed.GATED,
    "on": True,
    "soon": True,
    "name": "n",
    "tool": "unlock_door",
    "arguments": "{}",
    "outcome": "done",
    "at": 0.0,
    "generation": 1,
    "phase": Phase.IDLE,
    "confirming": False,
    "muted": False,
    "refused": False,
    "kind": "k",
    "code": 0,
    "what": "decision",
    "data": (("tool", "unlock_door"),),
    "for_s": 60.0,
    "volume": 0.5,
}


class Rooms:
    """Every room at once: keeps what it was asked for, and can be told to fail."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.broken = ""

    def __getattr__(self, name: str) -> Any:
        def ask(*args: object) -> int:
            self.asked.append(name)
            if name == self.broken:
                raise RuntimeError("this room is broken")
            return 0

        return ask


def performer(rooms: Any, timers: Any) -> Performer:
    return Performer(
        link=rooms,
        ears=rooms,
        voice=rooms,
        hands=rooms,
        announcer=rooms,
        confirmer=rooms,
        drop_uplink=rooms.drop_uplink,
        cut_playback=rooms.cut_playback,
        keep_mute=rooms.keep_mute,
        keep_volume=rooms.keep_volume,
        record=rooms.keep_record,
        timers=timers,
        show=rooms.show,
        note=rooms.note,
        quit=rooms.quit,
    )


def sample(kind: type[ef.Effect]) -> ef.Effect:
    fields: Mapping[str, object] = {
        field.name: SAMPLES[field.name] for field in dataclasses.fields(kind) if field.default is dataclasses.MISSING
    }
    return kind(**fields)


def kinds() -> list[type[ef.Effect]]:
    return [
        kind
        for kind in (*vars(ef).values(), *vars(cf).values())
        if isinstance(kind, type) and ef.Effect in kind.__bases__
    ]


def test_every_effect_is_carried_out_by_somebody() -> None:
    rooms = Rooms()
    performer(rooms, rooms).perform(sample(kind) for kind in kinds())
    assert len(rooms.asked) == len(kinds()) + 2 > 15, "OpenLink is also a press, and a volume is kept"


def test_a_broken_room_does_not_swallow_the_effects_behind_it() -> None:
    rooms = Rooms()
    rooms.broken = "send_text"
    perform = performer(rooms, rooms)
    perform.perform([ef.SendText("s", "t"), ef.CutPlayback("r")])
    assert rooms.asked == ["send_text", "cut_playback"]
    assert perform.failed == 1


def test_a_timer_fires_with_its_generation_and_a_cleared_one_does_not() -> None:
    async def main() -> list[Event]:
        got: list[Event] = []
        loop = asyncio.get_running_loop()
        fired = asyncio.Event()

        def post(event: Event) -> bool:
            got.append(event)
            fired.set()
            return True

        timers = Timers(loop, post)
        timers.set("gone", loop.time(), 1)
        timers.clear("gone")
        timers.set("moved", loop.time(), 2)
        timers.set("moved", loop.time() + 0.01, 3)
        await asyncio.wait_for(fired.wait(), 5)
        timers.set("late", loop.time() + 0.01, 4)
        timers.close()
        await asyncio.sleep(0.03)
        return got

    assert asyncio.run(main()) == [TimerFired("moved", 3)]
