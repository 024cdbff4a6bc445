"""Carries effects out. Nothing here blocks: what takes time happens in the room's own thread or task."""

from __future__ import annotations

import asyncio
import logging
from typing import Callable, Iterable, Mapping, Protocol

from kioskd.core import confirm_effects as cf
from kioskd.core import effects as ef
from kioskd.core.events import TimerFired
from kioskd.core.ports import Post
from kioskd.core.words import CallKey, Feed

log = logging.getLogger(__name__)


class LinkRoom(Protocol):
    """What the corridor asks of the link."""

    def open(self, reason: str, greet: bool) -> None:
        """Want a session; a person may be waiting."""

    def press(self) -> None:
        """A person waits."""

    def close(self, reason: str) -> None:
        """Want none."""

    def rest(self, on: bool) -> None:
        """Whether a session may be replaced now."""

    def send_output(self, key: CallKey, output: str) -> None:
        """A call's one output."""

    def send_text(self, session: str, text: str) -> None:
        """A text item."""

    def ask_response(self, session: str) -> None:
        """Let the model speak."""

    def cancel_response(self, session: str, response: str) -> None:
        """Stop generating."""

    def truncate(self, session: str, response: str, heard_ms: int) -> None:
        """Only so much of it was heard."""


class EarsRoom(Protocol):
    """What the corridor asks of the capture thread."""

    def feed(self, mode: Feed, deaf: bool = False) -> None:
        """What the lane is given."""

    def mute(self, on: bool) -> None:
        """Close or reopen the device."""

    def watch_barge_in(self, on: bool) -> None:
        """Report stirrings."""


class VoiceRoom(Protocol):
    """What the corridor asks of the playback thread."""

    def duck(self, on: bool) -> None:
        """Lower or restore."""

    def keep_open(self, on: bool, soon: bool) -> None:
        """Have the output open, and sound expected at any moment; or let it rest."""

    def play_cue(self, name: str) -> object:
        """A short local sound."""

    def set_volume(self, volume: float) -> None:
        """Of answers."""


class AnnouncerRoom(Protocol):
    """What the corridor asks of whoever holds the announcements."""

    def play(self, number: int) -> None:
        """Its turn has come."""

    def page(self, text: str) -> None:
        """Call somebody aloud."""

    def over(self, number: int, heard: bool) -> None:
        """It sounds no more."""


class HandsRoom(Protocol):
    """What the corridor asks of the actions."""

    def commit(self, key: CallKey, tool: str, arguments: str) -> None:
        """Write an intent down."""

    def run(self, key: CallKey, tool: str, arguments: Mapping[str, object]) -> None:
        """Move."""

    def record(self, key: CallKey, tool: str, outcome: str, reason: str) -> None:
        """Write an outcome down."""

    def look(self, key: CallKey, tool: str) -> None:
        """Read the tool's interlocks."""

    def last_word(self, key: CallKey, why: str) -> None:
        """Whether a relay may still move."""

    def keep_lock(self, tool: str, for_s: float) -> None:
        """Remember a lock-out."""

    def audit(self, what: str, data: Mapping[str, object]) -> None:
        """A line for the audit trail."""


class ConfirmerRoom(Protocol):
    """What the corridor asks of keypad, codes and people elsewhere."""

    def listen_to_keys(self, on: bool) -> None:
        """Read the keypad, or no more."""

    def check_code(self, key: CallKey, number: int, code: str) -> None:
        """Compare a code."""

    def ask_staff(self, key: CallKey, tool: str, for_s: float) -> None:
        """Ask people elsewhere."""

    def forget_staff(self, key: CallKey) -> None:
        """Take no answer any more."""


class Timers:
    """The machine's timers, on the loop's clock. Loop only."""

    def __init__(self, loop: asyncio.AbstractEventLoop, post: Post) -> None:
        self._loop = loop
        self._post = post
        self._handles: dict[str, asyncio.TimerHandle] = {}

    def set(self, name: str, at: float, generation: int) -> None:
        """Post TimerFired at ``at`` (the loop's clock is CLOCK_MONOTONIC, as the machine's ``now`` is)."""
        self.clear(name)
        self._handles[name] = self._loop.call_at(at, self._fire, name, generation)

    def clear(self, name: str) -> None:
        """Forget a timer; an unknown one is no mistake."""
        handle = self._handles.pop(name, None)
        if handle is not None:
            handle.cancel()

    def close(self) -> None:
        """Forget them all."""
        for name in list(self._handles):
            self.clear(name)

    def _fire(self, name: str, generation: int) -> None:
        self._handles.pop(name, None)
        self._post(TimerFired(name, generation))


Rows = Mapping[type[ef.Effect], Callable[..., object]]


def _link_rows(link: LinkRoom) -> Rows:
    def open_link(e: ef.OpenLink) -> None:
        # A wish for a session comes from a person each time: while the link backs off it tries at once.
        link.open(e.reason, e.greet)
        link.press()

    return {
        ef.OpenLink: open_link,
        ef.CloseLink: lambda e: link.close(e.reason),
        ef.Rest: lambda e: link.rest(e.on),
        ef.SendOutput: lambda e: link.send_output(e.key, e.output),
        ef.SendText: lambda e: link.send_text(e.session, e.text),
        ef.AskResponse: lambda e: link.ask_response(e.session),
        ef.CancelResponse: lambda e: link.cancel_response(e.session, e.response),
        ef.TruncateResponse: lambda e: link.truncate(e.session, e.response, e.heard_ms),
    }


class Performer:
    """One row for each effect: who does it.

    Args:
        link, ears, voice, hands, announcer, confirmer: the rooms.
        drop_uplink: gives up what waits in the uplink lane.
        cut_playback: cuts the playback lane for a response id.
        keep_mute: remembers the owner's mute over a restart.
        keep_volume: remembers the volume over a restart.
        record: begins or ends a recording for support.
        timers: the machine's timers.
        show: takes what the lamp is computed from.
        note: takes a line for journal and timeline.
        quit: ends the process in order.
    """

    def __init__(
        self,
        *,
        link: LinkRoom,
        ears: EarsRoom,
        voice: VoiceRoom,
        hands: HandsRoom,
        announcer: AnnouncerRoom,
        confirmer: ConfirmerRoom,
        drop_uplink: Callable[[], object],
        cut_playback: Callable[[str], int],
        keep_mute: Callable[[bool], None],
        keep_volume: Callable[[float], None],
        record: Callable[[bool], None],
        timers: Timers,
        show: Callable[[ef.Show], None],
        note: Callable[[ef.Note], None],
        quit: Callable[[ef.Quit], None],
    ) -> None:

        def set_volume(e: ef.SetVolume) -> None:
            voice.set_volume(e.volume)
            keep_volume(e.volume)

        self.failed = 0  # effects that a room could not take; shown in status
        self._rows: Rows = {
            **_link_rows(link),
            ef.SetFeed: lambda e: ears.feed(e.feed, e.deaf),
            ef.WatchBargeIn: lambda e: ears.watch_barge_in(e.on),
            ef.Mute: lambda e: ears.mute(e.on),
            ef.KeepMute: lambda e: keep_mute(e.on),
            ef.Record: lambda e: record(e.on),
            ef.DropUplink: lambda e: drop_uplink(),
            ef.CutPlayback: lambda e: cut_playback(e.response),
            ef.DuckPlayback: lambda e: voice.duck(e.on),
            ef.KeepOutput: lambda e: voice.keep_open(e.on, e.soon),
            ef.SetVolume: set_volume,
            ef.PlayCue: lambda e: voice.play_cue(e.name),
            ef.PlayAnnouncement: lambda e: announcer.play(e.number),
            ef.Page: lambda e: announcer.page(e.text),
            ef.AnnouncementOver: lambda e: announcer.over(e.number, e.heard),
            cf.ListenToKeys: lambda e: confirmer.listen_to_keys(e.on),
            cf.CheckCode: lambda e: confirmer.check_code(e.key, e.number, e.code),
            cf.AskStaff: lambda e: confirmer.ask_staff(e.key, e.tool, e.for_s),
            cf.ForgetStaff: lambda e: confirmer.forget_staff(e.key),
            ef.CommitIntent: lambda e: hands.commit(e.key, e.tool, e.arguments),
            ef.RunAction: lambda e: hands.run(e.key, e.tool, e.arguments),
            ef.RecordOutcome: lambda e: hands.record(e.key, e.tool, e.outcome, e.reason),
            ef.LookAround: lambda e: hands.look(e.key, e.tool),
            ef.LastWord: lambda e: hands.last_word(e.key, e.why),
            ef.KeepLock: lambda e: hands.keep_lock(e.tool, e.for_s),
            ef.Audit: lambda e: hands.audit(e.what, dict(e.data)),
            ef.SetTimer: lambda e: timers.set(e.name, e.at, e.generation),
            ef.ClearTimer: lambda e: timers.clear(e.name),
            ef.Show: show,
            ef.Note: note,
            ef.Quit: quit,
        }

    def perform(self, effects: Iterable[ef.Effect]) -> None:
        """Do these, in order. One that fails is told and counted; those behind it are done all the same."""
        for effect in effects:
            try:
                self._rows[type(effect)](effect)
            except Exception:
                # The one boundary between the pure part and the rooms: a room's mistake must not
                # swallow the effects behind it (a CutPlayback behind a failed SendText, say).
                self.failed += 1
                log.exception("could not carry out %s", type(effect).__name__)
