"""Opens every room in order, joins them to the corridor, and closes them in reverse.

``House.open`` is the order of the start; ``House.close`` is the same list backwards. A start-up failure and a
SIGTERM take the same way out.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import sys
import time

from kioskd import report, sound
from kioskd.announcing import Announcing
from kioskd.boot import Source as Source  # re-exported: whoever makes a house needs it
from kioskd.closing import THREAD_END_S, Closers, make_safe, on_signals
from kioskd.config.sections import Config
from kioskd.confirming import Confirming
from kioskd.core.effects import Note, Quit
from kioskd.core.events import Event, LinkChanged, PartChanged, StopAsked, UplinkOverflowed
from kioskd.core.machine import Machine
from kioskd.doctor import Doctor
from kioskd.foresight import foresee
from kioskd.inbox import Inbox
from kioskd.lanes import PlaybackLane, UplinkLane
from kioskd.fittings import fit, open_hands
from kioskd.lines.glance import Glance
from kioskd.lines.lines import Lines
from kioskd.link.supervisor import Supervisor
from kioskd.link.surroundings import Surroundings
from kioskd.metering import Metering
from kioskd.ops.control import Control
from kioskd.ops.keep import Keep
from kioskd.ops.metrics import Exporter
from kioskd.ops.systemd import Notifier
from kioskd.ops.timeline import Timeline
from kioskd.panelling import open_loudness, open_panel, tell_problems
from kioskd.perform import Performer, Timers
from kioskd.powering import Powering
from kioskd.pulse import Pulse
from kioskd.reloading import Reloading
from kioskd.services import endpoint_setups
from kioskd.stating import stating_of
from kioskd.telling import tell, tell_begin
from kioskd.trying import Trying
from kioskd.watches import Watches

log = logging.getLogger(__name__)

# sysexits(3): an internal software error; systemd starts us afresh.
EXIT_SOFTWARE = 70
# sysexits(3): a temporary failure; the other one may end.
EXIT_TAKEN = 75

# A thread that wants the interpreter waits for so long before the one that has it must let go; an audio thread wants it
# four times a period. Measured beside a thread that calculates: with Python's own 5 ms a period comes 240 ms late, with
# this 3 ms.
SWITCH_S = 0.0005
# What goes on in the loop by itself ends before the link does.
CLOSED_FIRST = "stating metrics foresight doctor announcing surroundings powering trying reloading".split()


class HouseTaken(Exception):
    """Another kioskd lives in this runtime folder; the text is a sentence."""


class House:
    """All rooms of one running kiosk. Loop only.

    Args:
        config: the effective configuration.
        source: where it came from.
        started_at: monotonic seconds at which the process began.
        secrets: every secret read is put in here, for the redaction of logs.
    """

    def __init__(self, config: Config, source: Source, started_at: float, secrets: set[str]) -> None:
        self.config, self.source, self.started_at, self.secrets = config, source, started_at, secrets
        self.loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[Quit] = self.loop.create_future()
        self._closers = Closers()
        self._closes = self.closes = self._closers.add
        self.keep = Keep(config.ops.state_dir)
        self._closes("keep", lambda: self.keep.stop(THREAD_END_S))
        self.metering = Metering(self)
        self._closes("usage", lambda: self.metering.stop(THREAD_END_S))
        self.machine = Machine(config, started_at, muted=self.keep.muted)
        self.inbox = Inbox(self.loop, self._deliver)
        self.timers = Timers(self.loop, self.inbox.post)
        self.notifier = Notifier(os.environ)
        self.watches = Watches(config.kiosk.time_zone)
        self.reloading = Reloading(self)
        self.trying = Trying(self, self.reloading)
        self.lines: Lines | None = None
        self._begun = False
        self._early_stop: StopAsked | None = None

    # -- opening, in order -----------------------------------------------------------------------

    async def open(self) -> None:
        """Open the rooms. Devices and networks are states, not preconditions: nothing here waits for them."""
        sys.setswitchinterval(SWITCH_S)
        on_signals(self.loop, self._asked_to_stop, self.reloading.hang_up)
        self._open_timeline()
        await self._open_control()
        self._open_lines()
        self._open_lanes()
        self._open_actions()
        self._open_panel()
        self.confirming = Confirming(self, self.bus)
        self.powering = Powering(self)
        self._closes("power", self.powering.close)
        self._open_audio()
        self._open_link()
        self._open_corridor()
        self.pulse = Pulse(self)
        self._closes("pulse", self.pulse.close)
        self._begin()
        self.foresight = foresee(self)
        self.foresight.start()
        self.stating = stating_of(self)
        self.metrics = Exporter(self.config.metrics, lambda: report.status(self))
        await self.metrics.start()
        self.notifier.ready(self.pulse.sentence())
        self.pulse.beat()
        self.reloading.start()
        self.trying.start()

    def _open_timeline(self) -> None:
        ops = self.config.ops
        self.timeline = Timeline(ops.timeline, ops.wire_log, self.started_at)
        self._closes("timeline", lambda: self.timeline.stop(THREAD_END_S))

    def _open_lines(self) -> None:
        self.fitted = fit(self.config)
        self.lines, self.line_problems = self.fitted.lines, self.fitted.problems
        if self.lines is not None:
            self._closes("lines", self.lines.close)
            self.glance = Glance(self.lines.snapshot)

    def _open_lanes(self) -> None:
        self.uplink = UplinkLane(
            self.config.talk.connect_buffer_s, lambda lost_ms: self.inbox.post(UplinkOverflowed(lost_ms))
        )
        self.playback_lane = PlaybackLane(self.config.audio.longest_answer_s)

    def _open_actions(self) -> None:
        given = (self.config, self.fitted, self.inbox.post, self._closes, THREAD_END_S)
        self.ledger, self.actions, self.bus = open_hands(*given)

    def _open_audio(self) -> None:
        # With a mute before the threads could open a device: not one sample is heard that nobody may hear.
        muted = self.keep.muted or bool(self.config.panel.mute and (self.panel is None or self.panel.muted))
        given = (self.config, self.playback_lane, self.uplink, self.inbox.post, self._closes, THREAD_END_S, muted)
        wing = sound.furnish(*given, tail_s=lambda: self.machine.state.echo_tail_ms / 1000)
        self.canceller, self.playback, self.capture, self.recorder = wing
        self.playback.set_volume(self.loudness.volume)
        self.doctor = Doctor(self)
        if self.doctor.kept is not None:
            self.machine.state.measured_tail_ms = self.doctor.kept.tail_ms

    def _open_link(self) -> None:
        setups = endpoint_setups(self.config, self.secrets)
        self.link = Supervisor(
            setups,
            self.uplink,
            self.playback_lane,
            self.inbox.post,
            self.inbox.bell,
            self.config.talk,
            random.SystemRandom().random,
            trace=self.timeline.trace if self.config.ops.wire_log else None,
            on_audio=self.recorder.sent if self.config.audio.record else None,
            session=self.config.session,
        )
        self.link.start()
        self.surroundings = Surroundings(setups, self.link)
        self.surroundings.start()
        self.metering.beat()

    def _open_corridor(self) -> None:
        self.announcing = Announcing(self)
        self.performer = Performer(
            link=self.link,
            ears=self.capture,
            voice=self.playback,
            hands=self.actions,
            announcer=self.announcing,
            confirmer=self.confirming,
            drop_uplink=self.uplink.clear,
            cut_playback=self.playback_lane.cut,
            keep_mute=self.keep.put,
            keep_volume=self.loudness.put,
            record=self.recorder.record,
            timers=self.timers,
            show=lambda effect: self.pulse.show(effect),
            note=self._note,
            quit=self._quit,
        )
        self._closes("timers", self.timers.close)

    def _open_panel(self) -> None:
        self.panel = open_panel(self)
        self.loudness = open_loudness(self)
        tell_problems(self)

    async def _open_control(self) -> None:
        changes, looks = report.changes(self), report.looks(self)
        self.control = Control(
            self.config.ops.runtime_dir, lambda: report.status(self), changes, self.timeline, looks=looks
        )
        await self.control.start()
        if self.control.taken:
            # Two daemons on one set of lines: the second would tell the safe-state helper that it has no relays.
            raise HouseTaken(self.control.problem)

    def _asked_to_stop(self, event: StopAsked) -> None:
        if self._begun:
            self.inbox.post(event)
        else:
            self._early_stop = event  # the rooms are still being opened; the machine hears it when they are

    def _begin(self) -> None:
        tell_begin(self.source.warnings, self.ledger.unknowns())
        self.performer.perform(self.machine.begin(time.monotonic()))
        self._begun = True
        if self._early_stop is not None:
            self.inbox.post(self._early_stop)

    # -- the corridor ----------------------------------------------------------------------------

    def _deliver(self, event: Event) -> None:
        if isinstance(event, (PartChanged, LinkChanged)):
            self.pulse.heard(event)
        self.tell_time()
        self.performer.perform(self.machine.step(event, time.monotonic()))
        self.metering.heard(event)

    def tell_time(self, wall: bool = False) -> None:
        """Let the machine know first when the device slept meanwhile; with ``wall``, also what the clock shows."""
        for news in self.watches.news(wall):
            self.performer.perform(self.machine.step(news, time.monotonic()))

    def _note(self, effect: Note) -> None:
        tell(self.timeline, effect)

    def _quit(self, effect: Quit) -> None:
        if not self.ended.done():
            self.ended.set_result(effect)

    # -- closing, in reverse ---------------------------------------------------------------------

    async def close(self) -> bool:
        """Make lines safe first, then close the rooms in reverse; False when a thread would not end."""
        halting = (self.actions.halt,) if hasattr(self, "actions") else ()
        power = self.powering if hasattr(self, "powering") else None
        safe = () if self.lines is None else (self.lines.make_safe,)
        make_safe(*halting, *safe, last=None if power is None else power.last)
        self.notifier.stopping(0.0 if power is None else power.needs_s)  # second: telling systemd may block
        if hasattr(self, "control"):
            await self.control.aclose()
        for room in CLOSED_FIRST:
            if hasattr(self, room):
                await getattr(self, room).aclose()
        if hasattr(self, "link"):
            await self.link.aclose()
            self.metering.last()
        clean = await self._closers.close()
        self.inbox.close()
        return clean


async def run(config: Config, source: Source, started_at: float, secrets: set[str]) -> int:
    """Live until asked to end.

    Returns:
        the exit status: 0 after an orderly end, 70 when a thread died or would not end, 75 when another kioskd is here.
    """
    house = House(config, source, started_at, secrets)
    code = EXIT_SOFTWARE
    try:
        await house.open()
        ended = await house.ended
        code = ended.code
        log.info("ending: %s", ended.reason)
    except HouseTaken as error:
        log.critical("%s", error)
        code = EXIT_TAKEN
    finally:
        try:
            clean = await house.close()
            if not clean:
                code = EXIT_SOFTWARE
        finally:  # also where a room fails: a battery is not to pay for it
            if hasattr(house, "powering"):
                house.powering.finish()
    return code
