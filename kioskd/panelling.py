"""The panel of a house, opened and joined to the corridor: lines, lamp, and the volume that visitors set before."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from kioskd.config import panel as sections
from kioskd.core.events import MuteSwitched, PartChanged
from kioskd.core.lamp import glow
from kioskd.core.ports import LampLine
from kioskd.core.words import PartState
from kioskd.closing import THREAD_END_S
from kioskd.lines.strip import open_strip
from kioskd.ops.loudness import Loudness
from kioskd.panel.panel import Panel

if TYPE_CHECKING:
    from kioskd.app import House


def open_panel(house: House) -> Panel | None:
    """The panel, its lamp showing that the kiosk starts; None when no line can be had at all."""
    section = house.config.panel
    if house.lines is None:
        if section.mute is not None:
            # Nobody can tell how the switch stands: what people say to it with their hand comes before talking.
            house.inbox.post(MuteSwitched(True))
        return None

    def strip(wanted: sections.Strip) -> LampLine:
        made = open_strip(section.pins, wanted.spi, wanted.count, wanted.speed_hz, wanted.brightness)
        house.closes("strip", made.close)
        return made

    panel = Panel(house.config, house.lines, house.inbox.post, time.monotonic, house.fitted.contacts, strip)
    house.closes("panel", panel.close)
    panel.show(glow("booting", time.monotonic()))
    return panel


def tell_problems(house: House) -> None:
    """What could not be had so far; what of the tools hangs on it is refused when it is asked for."""
    house.machine.state.unfit = house.actions.unfit
    if house.line_problems:
        house.inbox.post(PartChanged("lines", PartState.FAILED, "; ".join(house.line_problems)))
    if house.control.problem:
        house.inbox.post(PartChanged("control", PartState.FAILED, house.control.problem))


def open_loudness(house: House) -> Loudness:
    """How loud answers are, as it was before the restart."""
    config = house.config
    volume = config.panel.volume
    bounds = (volume.least, volume.most)
    loudness = Loudness(config.ops.state_dir, config.audio.volume, volume.remember, bounds=bounds)
    house.closes("loudness", lambda: loudness.stop(THREAD_END_S))
    house.machine.state.volume = loudness.volume
    return loudness
