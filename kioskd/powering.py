"""Joins the supply to the house: the ignition line, the way to switch off, and what the board says of its voltage."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Callable, Sequence

from kioskd.core.catalogue import mark
from kioskd.core.events import StopAsked
from kioskd.core.ignition import Ignition, Power
from kioskd.core.supply import Supply
from kioskd.lines.naming import LineError
from kioskd.power import supply
from kioskd.power.off import LONGEST_S, SwitchOff

if TYPE_CHECKING:
    from kioskd.app import House
    from kioskd.lines.line import ButtonLine

log = logging.getLogger(__name__)

# The firmware is asked by a call that takes a millisecond or two; a dip that matters lasts. A guess.
SUPPLY_S = 10.0
# The driver's own filter: only against a storm of edges. What counts is decided by Ignition.
DRIVER_DEBOUNCE_S = 0.002
GOING = "the power is going"


def rehearse(command: Sequence[str]) -> str:
    """What is run instead on a machine that only tries."""
    log.warning("power: the lines are simulated, so this is not run: %s", " ".join(command))
    return ""


class Powering:
    """Loop only, but for ``close``.

    Args:
        house: whose power it is; its lines are open.
        off: switches the machine off.
        read: how the supply is; may block for a moment.
    """

    def __init__(self, house: House, off: SwitchOff | None = None, read: Callable[[], Supply] | None = None) -> None:
        self._house, self._settings, self._read = house, house.config.power, read or supply.read
        # A trial without lines must not switch off the machine of who tries.
        self._trial = house.config.panel.pins == "simulated"
        self._off = off or (SwitchOff(rehearse) if self._trial else SwitchOff())
        self._ignition = Ignition(self._settings.debounce_ms / 1000, self._settings.grace_s)
        self._line: ButtonLine | None = None
        self._bell = house.inbox.bell(self.look)
        self._timer: asyncio.TimerHandle | None = None
        self._reading: asyncio.Task[None] | None = None
        self._read_at = float("-inf")
        self._told = ""
        self._deaf = self._lame = ""
        self.supply = Supply()
        self._open()

    def _open(self) -> None:
        pin, lines = self._settings.pin, self._house.lines
        if pin is None:
            return
        if lines is None:
            self._deaf = f"power.pin: {'; '.join(self._house.line_problems)}"
            return
        pull = "down" if self._settings.active == "high" else "up"
        try:
            ring = self._edge
            self._line = lines.button(pin, pull, DRIVER_DEBOUNCE_S, ring, ring, self._lost)
        except LineError as error:
            self._deaf = f"power.pin: {error}"
            log.error("%s", self._deaf)
        self._open_off()

    def _open_off(self) -> None:
        if self.switches_off and not self._trial:
            self._lame = self._off.missing()

    def _edge(self, at: float) -> None:
        """Driver thread: the line moved; how it stands is read on the loop."""
        self._bell.ring()

    def _lost(self, sentence: str) -> None:
        """Driver thread: nobody knows any more how the line stands. That is no reason to switch off."""
        self._deaf = f"power.pin: {sentence}"
        self._bell.ring()

    # -- the line --------------------------------------------------------------------------------

    def look(self) -> None:
        """How the line stands now, and what follows."""
        if self._line is None or self._deaf or self._ignition.state is Power.OFF:
            return
        try:
            on = self._line.is_pressed
        except OSError as error:
            self._lost(str(error))
            return
        if self._trial and not on and not self._ignition.seen:
            return  # simulated lines are off until somebody moves them
        before, now = self._ignition.state, time.monotonic()
        state = self._ignition.level(on, now)
        self._again(now)
        if state is Power.ENDING and before is not Power.ENDING:
            self._note("power-going", self.problem)
        elif state is Power.ON and before is Power.ENDING:
            self._note("power-back", "the power is back")
        elif state is Power.OFF:
            self._end()

    def _again(self, now: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if (due := self._ignition.due) is not None:
            self._timer = asyncio.get_running_loop().call_later(max(0.0, due - now), self.look)

    def _end(self) -> None:
        """The conversation ends, everything is closed in order, and the machine goes off."""
        self._note("power-off", f"there was no power for {self._settings.grace_s:g} s: the kiosk ends")
        self._house.inbox.post(StopAsked(GOING))
        if self.switches_off:
            self._off.at_the_latest(self._settings.within_s)

    def _note(self, entry: str, text: str) -> None:
        self._house.timeline.note("power", text, {})
        # The entry stands in the format, by which a flood is bounded: a line that flaps must not hide the end.
        log.warning(f"power: {entry.removeprefix('power-')}: %s", text, extra=mark(entry))

    @property
    def switches_off(self) -> bool:
        """Whether the machine is to go off by our word."""
        return self._settings.command == "off"

    def last(self) -> None:
        """What is left to do before the process ends, in order or at once: off, if that is why. Any thread; blocks."""
        if self._ignition.state is Power.OFF and self.switches_off:
            self._off.now()

    @property
    def needs_s(self) -> float:
        """How long the end may take; 0: as long as the unit says. It must not be killed before it has switched off."""
        off = self._ignition.state is Power.OFF and self.switches_off
        return self._settings.within_s + 2 * LONGEST_S if off else 0.0

    def finish(self) -> None:
        """Everything is closed: off, if that is why. Blocks: nothing runs on the loop any more, and its threads may
        all wait for a dead resolver."""
        self.last()
        if self._off.problem:
            log.critical("power: %s", self._off.problem, extra=mark("power-off-failed"))

    # -- once a second ---------------------------------------------------------------------------

    def beat(self) -> None:
        """Look, also where an edge was lost; now and then ask the board how its supply is."""
        self.look()
        now = time.monotonic()
        if now - self._read_at >= SUPPLY_S and (self._reading is None or self._reading.done()):
            self._read_at = now
            self._reading = asyncio.create_task(self._ask(), name="supply")

    async def _ask(self) -> None:
        self.supply = await asyncio.to_thread(self._read)
        weak = "; ".join(self.supply.now)
        if weak and weak != self._told:
            log.warning("supply: %s", weak, extra=mark("supply-weak"))
        self._told = weak

    @property
    def problem(self) -> str:
        """What is wrong with the power, a sentence; empty when nothing is."""
        if self._deaf:
            return self._deaf
        if self._ignition.state in (Power.ENDING, Power.OFF):
            left_s = max(0.0, self._ignition.off_at - time.monotonic())
            what = "the machine is switched off" if self.switches_off else "the kiosk ends"
            unseen = (
                "" if self._ignition.seen else " (the line has not been on since the start: is power.active right?)"
            )
            return f"its line says that there is none: {what} in {left_s:.0f} s unless it comes back{unseen}"
        return self._lame

    @property
    def weak(self) -> str:
        """What is wrong with the board's voltage now, a sentence; empty when nothing is, or nobody knows."""
        return "; ".join(self.supply.now)

    def snapshot(self) -> dict[str, object]:
        """For status."""
        state = self._ignition.state
        return {
            "line": self._settings.pin,
            "state": state.value if self._line is not None and not self._deaf else None,
            "problem": self.problem or self._off.problem,
            "going": state in (Power.ENDING, Power.OFF) and not self._deaf,
            "blips": self._ignition.blips,
            "returned": self._ignition.returned,
            "supply": {
                "known": self.supply.known,
                "weak": bool(self.supply.now),
                "now": list(self.supply.now),
                "since_boot": list(self.supply.before),
            },
        }

    def close(self) -> None:
        """Look no more. Any thread."""
        if self._line is not None:
            self._line.close()

    async def aclose(self) -> None:
        """End what runs on the loop."""
        if self._timer is not None:
            self._timer.cancel()
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
