"""Random sequences of everything that can happen, through the real machine: no access line moves without its hand."""

from __future__ import annotations

import argparse
import random
import time
from typing import Callable

from kioskd.config.sections import Audio, Config, Talk
from kioskd.core import action_events as ac
from kioskd.core import effects as ef
from kioskd.core import events as ev
from kioskd.core import house_events as he
from kioskd.core.machine import Machine
from kioskd.core.words import CallKey, Link
from torture.oracle import Oracle
from torture.tools import ASKED, CONFIRM, TOOLS
from torture.witnesses import Witnesses, compare, people, type_code

MODES = ("push_to_talk", "tap_to_talk", "voice", "wake_word", "open")
STEPS_S = (0.0, 0.001, 0.01, 0.1, 0.3, 0.6, 0.6, 1.0, 2.0, 9.0, 40.0)


class Kiosk:
    """One machine on a bench, with a visitor, a service, a ledger and a relay that do what chance says."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        talk = Talk(mode=chance.choice(MODES))
        audio = Audio(echo=chance.choice(("half_duplex", "system")))
        self.now = 1000.0
        self.machine = Machine(Config(talk=talk, audio=audio, confirm=CONFIRM, tools=TOOLS), self.now - 100.0)
        self.oracle = Oracle({tool.name: tool for tool in TOOLS})
        self.timers: dict[str, ef.SetTimer] = {}
        self.commits: list[CallKey] = []
        self.known: set[CallKey] = set()  # to the ledger
        self.looks: list[CallKey] = []
        self.running: list[tuple[CallKey, str]] = []
        self.words: dict[CallKey, str] = {}  # the last one about each call
        self.witnesses = Witnesses()
        self.sessions = 0
        self.ids = 0
        self.down = False
        self.story: list[str] = []
        self.take(self.machine.begin(self.now))

    def take(self, effects: list[ef.Effect]) -> None:
        self.oracle.did(effects, self.now)
        for effect in effects:
            if isinstance(effect, ef.SetTimer):
                self.timers[effect.name] = effect
            elif isinstance(effect, ef.ClearTimer):
                self.timers.pop(effect.name, None)
            elif isinstance(effect, ef.CommitIntent):
                self.commits.append(effect.key)
            elif isinstance(effect, ef.RecordOutcome):
                self.known.add(effect.key)
            elif isinstance(effect, ef.LastWord):
                self.words[effect.key] = effect.why
            elif isinstance(effect, ef.LookAround):
                self.looks.append(effect.key)
            elif isinstance(effect, ef.RunAction):
                self.running.append((effect.key, effect.tool))
            else:
                self.witnesses.take(effect)

    def step(self, event: ev.Event) -> None:
        self.story.append(f"{self.now:.3f} {event}")
        self.oracle.happened(event, self.now)
        self.take(self.machine.step(event, self.now))

    def wait(self, seconds: float, limit: int = 50) -> None:
        """Time passes; timers fire when they are due."""
        until = self.now + seconds
        while limit and (due := min(self.timers.values(), key=lambda timer: timer.at, default=None)):
            if due.at > until:
                break
            limit -= 1
            self._fire(due, max(self.now, due.at) + self.chance.random() * 0.002)
        self.now = max(self.now, until)

    def _fire(self, timer: ef.SetTimer, at: float) -> None:
        del self.timers[timer.name]
        self.now = at
        self.step(ev.TimerFired(timer.name, timer.generation))

    # -- what may happen ---------------------------------------------------------------------------

    def edge(self) -> None:
        """The finger comes or goes."""
        self.down = not self.down
        self.now += 0.0001
        at = self.now
        self.now += self.chance.random() * 0.005
        self.step(ev.Pressed("talk", at) if self.down else ev.Released("talk", at))

    def hold(self) -> None:
        """A press of some length, as a visitor does who was asked to confirm (or not)."""
        if self.down:
            self.edge()
        self.edge()
        self.wait(self.chance.choice((0.05, 0.3, 0.49, 0.51, 0.8)))
        self.edge()

    def freeze(self) -> None:
        """The process stands still; the finger goes on. Then edges and timers come in any order."""
        was, self.now = self.now, self.now + self.chance.choice((0.3, 0.7, 3.0))
        edges: list[ev.Event] = []
        if self.chance.random() < 0.7:
            at = was + self.chance.random() * (self.now - was)
            self.down = not self.down
            edges.append(ev.Pressed("talk", at) if self.down else ev.Released("talk", at))
        late = [timer for timer in self.timers.values() if timer.at <= self.now]
        if self.chance.random() < 0.5:
            for event in edges:
                self.step(event)
            edges = []
        for timer in sorted(late, key=lambda timer: timer.at):
            if self.timers.get(timer.name) is timer:
                self._fire(timer, self.now)
        for event in edges:
            self.now += self.chance.random() * 0.05
            self.step(event)

    def session(self) -> None:
        """A session opens."""
        self.sessions += 1
        self.step(ev.LinkChanged(Link.READY, "e", ""))
        self.step(ev.SessionReady(f"s{self.sessions}", "e"))

    def ask(self) -> None:
        """The model asks: mostly in its own session, sometimes in another's name, sometimes with an old id."""
        self.ids += 1
        live = f"s{self.sessions}"
        session = live if self.chance.random() < 0.9 else f"s{self.chance.randint(0, self.sessions + 1)}"
        call_id = f"c{self.ids if self.chance.random() < 0.85 else self.chance.randint(1, self.ids)}"
        name = self.chance.choice(ASKED)
        arguments = "{}" if self.chance.random() < 0.95 else self.chance.choice(("[]", '{"a": 1}', "{", ""))
        self.step(ev.ToolAsked(CallKey("e", session, call_id), name, arguments))

    def speak(self) -> None:
        """The visitor says something."""
        self.step(ev.GateOpened(self.now))
        self.wait(self.chance.choice((0.1, 1.0)))
        if self.chance.random() < 0.7:
            self.step(ev.SpeechStarted(f"s{self.sessions}"))
        self.step(ev.GateClosed(self.now))

    def answer(self) -> None:
        """The service answers, or the card begins or ends to sound."""
        session, response = f"s{self.sessions}", f"r{self.ids}"
        events: tuple[ev.Event, ...] = (
            ev.ResponseCreated(session, response),
            ev.PlaybackStarted(self.now),
            ev.PlaybackDrained(self.now),
            ev.ResponseDone(session, response, "completed", ""),
            ev.SpeechStarted(session),
            ev.SpeechStopped(session),
            ev.TurnRejected(session),
            ev.GateStirred(self.now),
            ev.GateCalmed(self.now),
            ev.WakeHeard("okay_nabu", self.now),
        )
        self.step(self.chance.choice(events))

    def write(self) -> None:
        """The ledger answers: written, known already, not written; or for something that nobody asked it."""
        key = self.commits.pop(0) if self.commits else CallKey("e", f"s{self.sessions}", f"c{max(1, self.ids)}")
        if self.chance.random() < 0.9:
            fresh = key not in self.known
            self.known.add(key)
            self.step(ev.IntentCommitted(key, fresh))
        else:
            self.step(ev.IntentFailed(key, "the disk is full"))

    def look(self) -> None:
        """The contacts are read: they hold, or they do not; or nobody wanted to know."""
        key = self.looks.pop(0) if self.looks else CallKey("e", f"s{self.sessions}", f"c{max(1, self.ids)}")
        problem = "" if self.chance.random() < 0.8 else "the fire alarm is active"
        self.step(he.InterlocksRead(key, "", problem))

    def move(self) -> None:
        """The relay moves, and its action ends."""
        if self.running:
            key, tool = self.running.pop(0)
            if self.chance.random() < 0.3 and (why := self.last_word(key)):
                self.step(ev.ActionEnded(key, False, "", "", why))
                return
            self.step(ev.RelaySwitched(tool, True, self.now))
            self.wait(0.1)
            self.step(ev.RelaySwitched(tool, False, self.now))
            self.step(ev.ActionEnded(key, self.chance.random() < 0.9, "{}", "", ""))

    def last_word(self, key: CallKey) -> str:
        """The relay has waited for others, and asks; or it has been called back already."""
        if not self.words.get(key):
            self.step(ac.MoveAsked(key))
        return self.words.get(key, "")

    def trouble(self) -> None:
        """Mute, a lost session, a sleep, a clock, the doctor, the end."""
        roll = self.chance.random()
        if roll < 0.3:
            on = self.chance.random() < 0.4
            self.step(ev.MuteAsked(on) if self.chance.random() < 0.5 else ev.MuteSwitched(on))
        elif roll < 0.5:
            self.step(ev.SessionEnded(f"s{self.sessions}", self.chance.choice((1000, 1006)), "gone"))
        elif roll < 0.65:
            self.step(he.Suspended(self.chance.choice((2.0, 28_800.0))))
        elif roll < 0.9:
            minute = self.chance.choice((540, 1079, 1080, 1300))
            self.step(he.ClockTold("2026-12-21", 0, minute, self.chance.random() < 0.9))
        elif roll < 0.98:
            self.step(ev.DoctorBegan() if self.chance.random() < 0.5 else ev.DoctorEnded(""))
        else:
            self.step(ev.StopAsked("SIGTERM"))


# By weight: what happens how often.
CHOICES: tuple[tuple[Callable[[Kiosk], None], int], ...] = (
    (Kiosk.edge, 5),
    (Kiosk.hold, 5),
    (Kiosk.freeze, 2),
    (Kiosk.session, 1),
    (Kiosk.ask, 8),
    (Kiosk.speak, 4),
    (Kiosk.answer, 5),
    (Kiosk.write, 6),
    (Kiosk.look, 5),
    (Kiosk.move, 4),
    (Kiosk.trouble, 2),
    (type_code, 6),
    (compare, 6),
    (people, 4),
)


def play(seed: int, length: int) -> Kiosk:
    """One sequence."""
    chance = random.Random(seed)
    kiosk = Kiosk(chance)
    happenings, weights = zip(*CHOICES)
    kiosk.step(he.ClockTold("2026-12-21", 0, 540, True))
    kiosk.session()
    kiosk.speak()
    for happening in chance.choices(happenings, weights, k=length):
        happening(kiosk)
        kiosk.wait(chance.choice(STEPS_S[:8] if chance.random() < 0.9 else STEPS_S))
        if kiosk.oracle.faults:
            break
    return kiosk


def arguments(doors: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The verb on the command line."""
    verb = doors.add_parser("door", help="random sequences of events; no access line moves without its hand")
    verb.add_argument("--sequences", type=int, default=1_000_000, metavar="N", help="default: a million")
    verb.add_argument("--length", type=int, default=25, metavar="N", help="happenings in each (default: 25)")
    verb.add_argument("--seed", type=int, default=1, help="of the first one; each has its own")


def main(options: argparse.Namespace) -> int:
    """The command; 0: nothing was found."""
    began, pulses, access = time.monotonic(), 0, [0, 0, 0]
    for seed in range(options.seed, options.seed + options.sequences):
        kiosk = play(seed, options.length)
        pulses += kiosk.oracle.pulses
        access = [before + more for before, more in zip(access, kiosk.oracle.used())]
        if kiosk.oracle.faults:
            print("\n".join(kiosk.story))
            print(f"seed {seed}: {kiosk.oracle.faults}")
            return 1
    took_s = time.monotonic() - began
    by = f"{access[0]} confirmations by hand, {access[1]} by code, {access[2]} by staff"
    print(f"{options.sequences} sequences in {took_s:.0f} s: {by}, {pulses} moves, 0 faults")
    return 0
