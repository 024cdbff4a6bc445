"""The house's slow heartbeat: once a second it asks every part for proof, feeds the watchdog, keeps the lamp true."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from kioskd.closing import leave, make_safe
from kioskd.core.catalogue import mark
from kioskd.core.effects import Show
from kioskd.core.events import LinkChanged, PartChanged
from kioskd.core.health import Health, Verdict
from kioskd.core.lamp import Light, light
from kioskd.core.words import Link, PartState, Phase
from kioskd.foresight import SECRET
from kioskd.ops.realtime import Realtime, limit

if TYPE_CHECKING:
    from kioskd.app import House

log = logging.getLogger(__name__)

BEAT_S = 1.0
# Not for the lamp: the link has rungs of its own, and a control socket is the owner's business, not the visitor's.
# What a kiosk can do without for a while (a canceller: it is half duplex meanwhile) is the owner's business too, and a
# mute that cannot be kept is shown as muted.
# A missing key is the link's when it is needed.
ELSEWHERE = (
    *("link", "control", "timeline", "conversation", "service", "gate", "echo", "keep", "recorder", "cues", "clock"),
    *("budget", "usage", "volume", "power", "supply", SECRET),
)
# So many turns in a row of an open session without an answer, and status says so: one is a slammed door, and a session
# that stays silent is replaced by itself. A guess.
MOST_UNANSWERED = 4
BROKEN = (PartState.ABSENT, PartState.FAILED)
# A thread that has broken its deadline is given this long to come back before the process ends: the watchdog would
# do the same later (WatchdogSec=10), but lines are made safe and the journal is told when we do it ourselves.
WEDGED_S = 5.0
DIALLING = (Link.CONNECTING, Link.HANDSHAKE)
OUTAGE = (Link.OFFLINE, Link.BUSY, Link.REFUSED)
LINK_CLAIMS = {
    Link.READY: PartState.RUNNING,
    Link.CONNECTING: PartState.STARTING,
    Link.HANDSHAKE: PartState.STARTING,
    Link.ASLEEP: PartState.ASLEEP,
    Link.OFFLINE: PartState.ABSENT,
    Link.BUSY: PartState.ABSENT,
    Link.REFUSED: PartState.FAILED,
}


class Pulse:
    """Health and lamp of one house. Loop only."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._loop = asyncio.get_running_loop()
        self.health = Health(time.monotonic())
        self.realtime = Realtime(limit())
        self._claims: dict[str, PartState] = {}
        self._shown = Show(Phase.IDLE, False, False, False)
        self._link = Link.ASLEEP
        self._beat_handle: asyncio.TimerHandle | None = None
        self._light_handle: asyncio.TimerHandle | None = None
        self.light: Light | None = None
        self._told = ""
        self._booting = True  # until the first beat, which is READY
        self._starving_since: float | None = None
        self._closed = False
        period_s = house.notifier.watchdog_period_s
        self._period_s = BEAT_S if period_s is None else min(BEAT_S, period_s)
        if house.source.problem:
            # Reloading says so too, by an event; but READY comes first, and must not say that all is well.
            self._claim("config", PartState.FAILED, house.source.problem, time.monotonic())

    # -- what is heard ---------------------------------------------------------------------------

    def heard(self, event: PartChanged | LinkChanged) -> None:
        """A part said how it is."""
        now = time.monotonic()
        if isinstance(event, LinkChanged):
            self._linked(event, now)
        else:
            self._claim(event.part, event.state, event.reason, now)
        self.relight()

    def _linked(self, event: LinkChanged, now: float) -> None:
        if event.state in DIALLING and self._link in OUTAGE:
            return  # one more attempt is not yet an end of the outage: lamp and "since when" stay
        self._link = event.state
        self._claim("link", LINK_CLAIMS[event.state], event.reason, now)

    def show(self, effect: Show) -> None:
        """The machine's side of the lamp changed."""
        self._shown = effect
        self.relight()

    def _claim(self, part: str, state: PartState, reason: str, now: float) -> None:
        self._claims[part] = state
        self.health.claim(part, state, reason, now)

    @property
    def hardware_ok(self) -> bool:
        """No part that a person must look at on the spot."""
        return not any(state in BROKEN for part, state in self._claims.items() if not part.startswith(ELSEWHERE))

    # -- the lamp --------------------------------------------------------------------------------

    def relight(self) -> None:
        """Recompute the lamp; call again by itself when its rhythm wants it."""
        if self._closed:
            return
        if self._light_handle is not None:
            self._light_handle.cancel()
            self._light_handle = None
        now = self._loop.time()
        s = self._shown
        # A service that takes what is said and answers nothing is as good as none.
        silent = self._claims.get("conversation") is PartState.FAILED and self._link is Link.ASLEEP
        link = Link.OFFLINE if silent else self._link
        shown = (s.muted, s.phase, s.confirming, s.refused, now, s.recording, self._booting)
        lit = light(self.hardware_ok, link, *shown)
        if self.light is None or lit.name != self.light.name:
            self._house.timeline.note("lamp", lit.name, {"phase": s.phase.value})
        self.light = lit
        panel = self._house.panel
        if panel is not None:
            panel.show(lit)
            self._tick_at(lit.next_change)

    def _tick_at(self, at: float | None) -> None:
        if at is not None:
            self._light_handle = self._loop.call_at(at, self._tick)

    def _tick(self) -> None:
        """The lamp's rhythm goes on."""
        panel = self._house.panel
        if panel is not None and not self._closed:
            self._tick_at(panel.tick(self._loop.time()))

    # -- the beat --------------------------------------------------------------------------------

    def beat(self) -> None:
        """Ask for proof, tell systemd, come again."""
        if self._closed:
            return
        # First: a beat that goes wrong is not fed to the watchdog, and must not be the last one.
        self._beat_handle = self._loop.call_later(self._period_s, self.beat)
        self._house.tell_time(wall=True)
        now = time.monotonic()
        if self._house.lines is not None and (hanging := self._house.lines.hanging()):
            self.abandon(hanging)
        self._prove(now)
        if self._booting:
            self._booting = False
            self.relight()
        verdict = self.health.verdict(now)
        if verdict.starving:
            self._starve(verdict, now)
        else:
            self._starving_since = None
            self._house.notifier.watchdog()
        self._house.stating.beat()
        self.realtime.look()
        told = self.sentence()
        if told != self._told:
            self._told = told
            self._house.notifier.status(told)

    def _prove(self, now: float) -> None:
        house = self._house
        capture, playback = house.capture.progress(), house.playback.progress()
        speaker = playback.state
        if speaker is PartState.ASLEEP and house.playback_lane.waiting_s > 0:
            # It sleeps over sound that waits: awake or wedged, and the deadline of RUNNING will tell which.
            speaker = PartState.RUNNING
        for part, state, reason in (("capture", capture.state, capture.reason), ("playback", speaker, playback.reason)):
            if self._claims.get(part) is not state:
                self._claim(part, state, reason, now)
        self.health.progress("capture", capture.periods + capture.ticks, now)
        self.health.progress("playback", playback.periods + playback.tries, now)
        self.health.progress("link", house.link.progress(), now)

        for name, trouble in house.link.troubles.items():  # also while another serves in its place
            self._find(f"service {name}", trouble, now)
        self._find("timeline", house.timeline.problem, now)
        self._find("clock", house.watches.problem, now)
        self._find("keep", house.keep.problem, now)
        self._find("volume", house.loudness.problem, now)
        if house.panel is not None:
            house.panel.look(now)
        house.powering.beat()
        self._find("power", house.powering.problem, now)
        self._find("supply", house.powering.weak, now)
        house.metering.beat()
        self._find("usage", house.metering.meter.problem, now)
        self._find("budget", house.metering.spent, now)
        silent = house.machine.state.unanswered
        why = f"an open session left the last {silent} turns without an answer; is the service deaf, or the hall loud?"
        self._find("conversation", why if silent >= MOST_UNANSWERED else "", now)

    def _find(self, part: str, problem: str, now: float) -> None:
        """A part without a thread of its own: its claim is what is wrong with it."""
        if problem or self._claims.get(part) is PartState.FAILED:
            state = PartState.FAILED if problem else PartState.RUNNING
            if self._claims.get(part) is not state:
                self._claim(part, state, problem, now)
                self.relight()
            self.health.claim(part, state, problem, now)

    def _starve(self, verdict: Verdict, now: float) -> None:
        if self._starving_since is None:
            self._starving_since = now
            log.error("no watchdog: %s", verdict.starving, extra=mark("starving"))
        elif now - self._starving_since > WEDGED_S:
            self.abandon(verdict.starving)

    def abandon(self, why: str) -> None:
        """A thread is wedged: lines safe, a line in the journal, and out. Does not return."""
        # A relay's own thread must not energise behind the release.
        last, lines = self._house.powering.last, self._house.lines
        make_safe(self._house.actions.halt, *(() if lines is None else (lines.make_safe,)), last=last)
        self._house.timeline.note("error", f"ending at once: {why}", {})
        self._house.timeline.stop(0.3)
        leave(why, last)

    def verdict(self) -> Verdict:
        """Health as it is now."""
        return self.health.verdict(time.monotonic())

    def sentence(self) -> str:
        """One line for ``systemctl status``."""
        verdict = self.verdict()
        name = self.light.name if self.light is not None else "starting"
        return f"{name}; " + ("all is well" if verdict.ok else "; ".join(verdict.reasons))

    def close(self) -> None:
        """No more beats."""
        self._closed = True
        for handle in (self._beat_handle, self._light_handle):
            if handle is not None:
                handle.cancel()
