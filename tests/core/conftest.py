"""A machine on a bench: events in, effects kept, time in the test's hand."""

from __future__ import annotations

import dataclasses
from typing import Any, Callable, TypeVar

import pytest

from kioskd.config.sections import Action, Audio, Config, Persona, Policy, Rate, RelayAction, Talk, Tool
from kioskd.core import effects as ef
from kioskd.core import events as ev
from kioskd.core.machine import Machine
from kioskd.core.state import State
from kioskd.core.words import CallKey, Link

E = TypeVar("E", bound=ef.Effect)

DOOR = Tool(
    name="unlock_door",
    description="Unlock the door.",
    class_="access",
    action=Action(relay=RelayAction(pin="GPIO27", pulse_ms=500, min_gap_s=1.0)),
    policy=Policy(allow=True, hold_ms=500, confirm_s=10, rate=Rate(count=3, per_s=60)),
    say_done="The door is open.",
)
BELL = Tool(
    name="ring_bell",
    description="Ring the bell.",
    class_="notify",
    action=Action(relay=RelayAction(pin="GPIO26")),
    policy=Policy(allow=True, rate=Rate(count=100, per_s=60)),
)


class Bench:
    """One machine, its clock and everything it has asked for."""

    def __init__(self, audio: Audio = Audio(), muted: bool = False, **talk: object) -> None:
        keys: dict[str, Any] = {"mode": "voice", **talk}
        self.config = Config(talk=Talk(**keys), audio=audio, persona=Persona(), tools=(DOOR, BELL))
        self.now = 1000.0
        self.machine = Machine(self.config, self.now, muted=muted)
        self.timers: dict[str, ef.SetTimer] = {}
        self.done: list[ef.Effect] = []
        self.keep(self.machine.begin(self.now))
        self.now += 100.0

    @property
    def s(self) -> State:
        """The machine's state."""
        return self.machine.state

    def keep(self, effects: list[ef.Effect]) -> list[ef.Effect]:
        for effect in effects:
            if isinstance(effect, ef.SetTimer):
                self.timers[effect.name] = effect
            elif isinstance(effect, ef.ClearTimer):
                self.timers.pop(effect.name, None)
        self.done.extend(effects)
        return effects

    def __call__(self, *events: ev.Event) -> list[ef.Effect]:
        """Let these happen now; what they caused."""
        return [effect for event in events for effect in self.keep(self.machine.step(event, self.now))]

    def wait(self, seconds: float) -> list[ef.Effect]:
        """Let time pass; timers fire in their order."""
        until, caused = self.now + seconds, []
        while due := [timer for timer in self.timers.values() if timer.at <= until]:
            timer = min(due, key=lambda timer: timer.at)
            del self.timers[timer.name]
            self.now = max(self.now, timer.at)
            caused += self(ev.TimerFired(timer.name, timer.generation))
        self.now = until
        return caused

    def of(self, kind: type[E], effects: list[ef.Effect] | None = None) -> list[E]:
        """The effects of one kind, of these or of all so far."""
        return [effect for effect in (self.done if effects is None else effects) if isinstance(effect, kind)]

    # -- little scenes ---------------------------------------------------------------------------

    def online(self, session: str = "s1") -> None:
        self(ev.LinkChanged(Link.READY, "e", ""), ev.SessionReady(session, "e"))

    def says(self) -> None:
        """The visitor says something, and the service hears it."""
        self(ev.GateOpened(self.now))
        if not self.s.session:
            self.online()
        self.now += 1
        self(ev.SpeechStarted(self.s.session), ev.GateClosed(self.now), ev.SpeechStopped(self.s.session))

    def asks(self, call_id: str = "c1", tool: str = "unlock_door", arguments: str = "{}") -> CallKey:
        """The model asks for a tool in an answer of its own."""
        key = CallKey("e", self.s.session or "s1", call_id)
        self(ev.ResponseCreated(key.session, "r-" + call_id))
        self(ev.ToolAsked(key, tool, arguments), ev.ResponseDone(key.session, "r-" + call_id, "completed", ""))
        return key

    def press(self) -> list[ef.Effect]:
        self.now += 0.001
        return self(ev.Pressed("talk", self.now))

    def release(self) -> list[ef.Effect]:
        self.now += 0.001
        return self(ev.Released("talk", self.now))

    def answers(self, response: str = "r") -> None:
        """The service answers and the card plays it to the end."""
        session = self.s.session
        self(ev.ResponseCreated(session, response), ev.PlaybackStarted(self.now))
        self(ev.ResponseDone(session, response, "completed", ""))
        self.now += 1
        self(ev.PlaybackDrained(self.now))


@pytest.fixture
def bench() -> Bench:
    """A kiosk in voice mode, long past its first seconds."""
    return Bench()


@pytest.fixture
def make_bench() -> Callable[..., Bench]:
    """A kiosk with other ``talk`` keys, another ``audio`` section, or muted before a restart."""
    return Bench


@pytest.fixture
def with_tool() -> Callable[[Bench, Tool], None]:
    """Give a bench one more tool."""

    def add(bench: Bench, tool: Tool) -> None:
        bench.s.config = dataclasses.replace(bench.s.config, tools=(*bench.s.config.tools, tool))

    return add
