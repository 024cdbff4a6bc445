"""What must hold of a door, told from the world alone: edges with their stamps, what the service sent, the answers.

It looks at what goes into the machine and at what comes out, never into it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Callable

from kioskd.config.sections import Tool
from kioskd.core import confirm_effects as cf
from kioskd.core import confirm_events as ce
from kioskd.core import effects as ef
from kioskd.core import events as ev
from kioskd.core import house_events as he
from kioskd.core.words import CallKey
from torture.entries import Entries
from torture.tools import WANTED

# A frozen process (door.Kiosk.freeze) hears of a hold so much later; it was a hold all the same.
SLACK_S = 4.0
# Contacts that are not read within this refuse (core/calls.py).
LOOK_S = 2.0
# A process that stood still right at the end of a hold may take one for whole that was shorter by so much.
LATE_S = 0.02


@dataclass(slots=True)
class Press:
    """A finger on the button, by the stamps of its edges."""

    down: float
    up: float | None = None
    used: bool = False


@dataclass(slots=True)
class Story:
    """What the world knows of one call id."""

    tool: str
    asked_at: float
    committed_at: float | None = None
    fresh: bool = False
    runs: int = 0
    held_ok_at: float | None = None  # when its interlocks were last read and held
    void: bool = False  # cancelled by the world since it was asked
    back: bool = False  # ... when it had begun, and its relay had not been energised yet
    moved: bool = False  # a relay of this tool was energised since
    ended: bool = False  # its outcome was recorded
    again: bool = False  # its id had been used before
    yes_at: float | None = None  # people elsewhere said yes to it
    no: bool = False  # ... or no, first


@dataclass(slots=True)
class Oracle:
    """Watches one kiosk."""

    tools: dict[str, Tool]
    presses: list[Press] = field(default_factory=list)
    entries: Entries = field(default_factory=Entries)
    asking: CallKey | None = None  # people elsewhere are asked about this call
    by_staff: int = 0
    stories: dict[CallKey, Story] = field(default_factory=dict)
    session: str = ""
    soft_mute: bool = False
    hard_mute: bool = False
    stopped: bool = False
    clock: he.ClockTold | None = None
    pulses: int = 0
    faults: list[str] = field(default_factory=list)

    def happened(self, event: ev.Event, now: float) -> None:
        """An event is about to go into the machine."""
        if isinstance(event, ev.Pressed):
            self.presses.append(Press(event.at))
        elif isinstance(event, ev.Released) and self.presses:
            self.presses[-1].up = event.at
        elif isinstance(event, ev.ToolAsked):
            before = self.stories.get(event.key)
            if before is None or before.ended:
                self.stories[event.key] = Story(event.name, now, again=before is not None)
        elif isinstance(event, ev.SessionReady):
            self.session = event.session
        elif isinstance(event, ev.SessionEnded) and event.session == self.session:
            self._void(lambda key: key.session == self.session)
            self.session = ""
        elif isinstance(event, (ev.MuteAsked, ev.MuteSwitched)):
            self._mute(event)
        elif isinstance(event, (he.Suspended, ev.StopAsked)):
            self.stopped |= isinstance(event, ev.StopAsked)
            self._void(lambda key: True)
        elif isinstance(event, he.ClockTold):
            self.clock = event
        elif isinstance(event, he.InterlocksRead) and event.key in self.stories:
            self.stories[event.key].held_ok_at = None if event.problem else now
        elif isinstance(event, ev.IntentCommitted) and event.key in self.stories:
            self.stories[event.key].fresh |= event.fresh
        elif isinstance(event, ev.RelaySwitched) and event.on:
            for story in self.stories.values():
                story.moved |= story.tool == event.name and story.runs > 0
        elif isinstance(event, ce.StaffAnswered) and event.key == self.asking and event.key in self.stories:
            self._said(self.stories[event.key], event.ok, now)
        else:
            self.entries.happened(event, now)

    def _said(self, story: Story, ok: bool, now: float) -> None:
        if not ok and story.yes_at is None:
            story.no = True
        elif ok and story.yes_at is None and not story.no:
            story.yes_at = now

    def used(self) -> tuple[int, int, int]:
        """How often a hand, a code and people elsewhere have confirmed."""
        return sum(press.used for press in self.presses), self.entries.used, self.by_staff

    def did(self, effects: list[ef.Effect], now: float) -> None:
        """What came out of the machine."""
        for effect in effects:
            if isinstance(effect, ef.CommitIntent):
                self._commits(effect, now)
            elif isinstance(effect, ef.RunAction):
                self._runs(effect)
            elif isinstance(effect, ef.LastWord) and not effect.why and effect.key in self.stories:
                self._let_go(effect.key)
            elif isinstance(effect, ef.RecordOutcome) and effect.key in self.stories:
                self.stories[effect.key].ended = True
            elif isinstance(effect, (cf.AskStaff, cf.ForgetStaff)):
                self.asking = effect.key if isinstance(effect, cf.AskStaff) else None
            elif isinstance(effect, cf.CheckCode) and self.entries.too_many(effect, now):
                self._wrong(effect.key, "one more code was compared than may be")

    def _let_go(self, key: CallKey) -> None:
        """A relay that has waited may be energised, says the machine."""
        story = self.stories[key]
        if story.ended or (story.back and not story.moved) or self.stopped or self.soft_mute or self.hard_mute:
            self._wrong(key, "a relay that waited was let go after a cancel, or while muted")

    def _mute(self, event: ev.MuteAsked | ev.MuteSwitched) -> None:
        if isinstance(event, ev.MuteAsked):
            self.soft_mute = event.on
        else:
            self.hard_mute = event.on
        if event.on:
            self._void(lambda key: True)

    def _void(self, which: Callable[[CallKey], bool]) -> None:
        for key, story in self.stories.items():
            if which(key) and not story.runs:
                story.void = True
            elif which(key):
                story.back = True

    def _wrong(self, key: CallKey, why: str) -> None:
        self.faults.append(f"{key} ({self.stories[key].tool if key in self.stories else '?'}): {why}")

    def _commits(self, effect: ef.CommitIntent, now: float) -> None:
        story = self.stories.get(effect.key)
        if story is None or effect.tool != story.tool or effect.tool not in self.tools:
            self.faults.append(f"{effect.key}: an intent for what nobody asked for")
            return
        if story.committed_at is not None:
            self._wrong(effect.key, "a second intent")
        story.committed_at = now
        tool = self.tools[effect.tool]
        if story.void or self.stopped or self.soft_mute or self.hard_mute:
            self._wrong(effect.key, "an intent after a cancel, or while muted")
        if effect.key.session != self.session:
            self._wrong(effect.key, "an intent for a session that is not the live one")
        since = story.asked_at
        if tool.class_ == "access":
            proven_at = self._proven(effect.key, tool, story, now)
            if proven_at is None:
                self._wrong(effect.key, f"an access line is about to move, and {self._lacking(tool)}")
            since = since if proven_at is None else proven_at
        if tool.policy.interlocks and (story.held_ok_at is None or story.held_ok_at < since - 1e-9):
            self._wrong(effect.key, "its interlocks were not read and found holding right before")
        if tool.policy.hours and (self.clock is None or not self.clock.trusted or self.clock.minute >= 18 * 60):
            self._wrong(effect.key, "outside its hours")

    def _lacking(self, tool: Tool) -> str:
        kinds, needed = WANTED.get(tool.name, ((), 1))
        if kinds == ("button",):
            return "no new press was held for it"
        return f"not {needed} of {', '.join(kinds) or 'nothing'} confirmed it"

    def _proven(self, key: CallKey, tool: Tool, story: Story, now: float) -> float | None:
        """When it was confirmed at the earliest, by what the world knows; None: it was not. What served is used up."""
        kinds, needed = WANTED.get(tool.name, ((), 1))
        press = self._hand(tool, story, now) if "button" in kinds else None
        entry = self.entries.right_one(story.asked_at, key) if "code" in kinds else None
        yes_at = story.yes_at if "staff" in kinds and not story.no else None
        times = [press.down + tool.policy.hold_ms / 1000] if press is not None else []
        times += [entry.right_at] if entry is not None and entry.right_at is not None else []
        times += [yes_at] if yes_at is not None else []
        if len(times) < needed:
            return None
        if press is not None:
            press.used = True
        if entry is not None:
            entry.used = True
        self.by_staff += yes_at is not None
        return sorted(times)[needed - 1]

    def _hand(self, tool: Tool, story: Story, now: float) -> Press | None:
        hold_s = tool.policy.hold_ms / 1000 - LATE_S
        for press in self.presses:
            held_s = (now if press.up is None else press.up) - press.down
            asked_first = press.down > story.asked_at
            # The question comes when the contacts have been read, at most LOOK_S after the call.
            until = story.asked_at + tool.policy.confirm_s + (LOOK_S if tool.policy.interlocks else 0.0)
            in_time = press.down <= until and now - press.down >= hold_s
            # Where something else is wanted too, the hand may have been the first of them.
            recent = press.up is None or now - press.up <= SLACK_S or WANTED[tool.name][1] > 1
            if not press.used and asked_first and in_time and held_s >= hold_s and recent:
                return press
        return None

    def _runs(self, effect: ef.RunAction) -> None:
        self.pulses += 1
        story = self.stories.get(effect.key)
        if story is None or story.committed_at is None or not story.fresh:
            self.faults.append(f"{effect.key}: moved without an intent on the disk")
            return
        story.runs += 1
        if story.runs > 1 or story.again:
            self._wrong(effect.key, "moved twice, or for an id that had been used")
        if story.void:
            self._wrong(effect.key, "moved after a cancel")
