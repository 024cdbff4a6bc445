"""What must hold of a door, told from the world alone: edges with their stamps, what the service sent, the answers.

It looks at what goes into the machine and at what comes out, never into it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Callable

from kioskd.config.sections import Tool
from kioskd.core import effects as ef
from kioskd.core import events as ev
from kioskd.core import house_events as he
from kioskd.core.words import CallKey

# A frozen process (door.Kiosk.freeze) hears of a hold so much later; it was a hold all the same.
SLACK_S = 4.0


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
    ended: bool = False  # its outcome was recorded
    again: bool = False  # its id had been used before


@dataclass(slots=True)
class Oracle:
    """Watches one kiosk."""

    tools: dict[str, Tool]
    presses: list[Press] = field(default_factory=list)
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

    def did(self, effects: list[ef.Effect], now: float) -> None:
        """What came out of the machine."""
        for effect in effects:
            if isinstance(effect, ef.CommitIntent):
                self._commits(effect, now)
            elif isinstance(effect, ef.RunAction):
                self._runs(effect)
            elif isinstance(effect, ef.RecordOutcome) and effect.key in self.stories:
                self.stories[effect.key].ended = True

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
        press = self._hand(tool, story, now) if tool.class_ == "access" else None
        if tool.class_ == "access" and press is None:
            self._wrong(effect.key, "an access line is about to move, and no new press was held for it")
        if press is not None:
            press.used = True
        if tool.policy.interlocks:
            since = story.asked_at if press is None else press.down + tool.policy.hold_ms / 1000
            if story.held_ok_at is None or story.held_ok_at < since - 1e-9:
                self._wrong(effect.key, "its interlocks were not read and found holding right before")
        if tool.policy.hours and (self.clock is None or not self.clock.trusted or self.clock.minute >= 18 * 60):
            self._wrong(effect.key, "outside its hours")

    def _hand(self, tool: Tool, story: Story, now: float) -> Press | None:
        hold_s = tool.policy.hold_ms / 1000 - 1e-9
        for press in self.presses:
            held_s = (now if press.up is None else press.up) - press.down
            asked_first = press.down > story.asked_at
            in_time = press.down <= story.asked_at + tool.policy.confirm_s and now - press.down >= hold_s
            recent = press.up is None or now - press.up <= SLACK_S
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
