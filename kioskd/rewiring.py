"""Gives another configuration to the rooms that run: who has a key of it takes the new value; nobody stops for it."""

from __future__ import annotations

import dataclasses
import logging
import time
from typing import TYPE_CHECKING

from kioskd.config.checks import secret_refs
from kioskd.config.sections import Config
from kioskd.core.config_events import ConfigChanged
from kioskd.core.events import PartChanged
from kioskd.core.words import PartState
from kioskd.foresight import looks_of
from kioskd.link.attempt import check_size
from kioskd.metering import services
from kioskd.services import declaration, endpoint_setups
from kioskd.wire.errors import LocalError

if TYPE_CHECKING:
    from kioskd.app import House


def rewire(house: House, config: Config, why: str) -> None:
    """Let this configuration be in force. Loop only; nothing blocks, and no audio waits for it.

    Args:
        config: differs from the house's own in keys that need no restart.
        why: a few words for the journal.

    Raises:
        ValueError: a service could not work with it; nothing has changed. The text is a sentence.
    """
    old = house.config
    if config == old:
        return
    setups = endpoint_setups(config, house.secrets)
    try:
        for setup in setups:
            check_size(setup)
    except LocalError as error:
        raise ValueError(f"this configuration cannot be used: {error}") from error
    # The machine first: from here on it judges by the new policy, whatever the service was told.
    house.config = config
    house.performer.perform(house.machine.step(ConfigChanged(config, why), time.monotonic()))
    if config.kiosk.time_zone != old.kiosk.time_zone:
        # In the same turn of the loop: hours are live, and no hour of the new ones is read off the old clock.
        house.watches.use(config.kiosk.time_zone)
        house.tell_time(wall=True)
        house.metering.clock.use(config.kiosk.time_zone)
    house.actions.use(config.tools, config.kiosk.name)
    _sound(house, old)
    if (config.service, config.persona) != (old.service, old.persona):
        house.link.use(setups)
        house.surroundings.use(setups)
        house.metering.beat()  # other services, other limits
        _forget(house, old)
    tools = tuple(declaration(tool) for tool in config.tools if tool.policy.allow)
    if tools != tuple(declaration(tool) for tool in old.tools if tool.policy.allow):
        house.link.update_tools(tools)
    if list(secret_refs(config)) != list(secret_refs(old)):
        house.foresight.use(looks_of(house))
    logging.getLogger().setLevel(config.ops.log_level.upper())
    house.pulse.relight()


def _sound(house: House, old: Config) -> None:
    audio = house.config.audio
    if audio.volume != old.audio.volume:
        # Else it stays as visitors have set it (panel.volume).
        house.playback.set_volume(audio.volume)
        house.loudness.configured = audio.volume
    house.playback.set_cue_volume(audio.cue_volume)
    if audio.longest_prebuffer_ms != old.audio.longest_prebuffer_ms:
        house.playback_lane.hold_at_most(audio.longest_prebuffer_ms / 1000)
    if audio.cues != old.audio.cues:
        house.playback.set_cues(dataclasses.asdict(audio.cues))
    if (audio.cues, house.config.announce) != (old.audio.cues, old.announce):
        house.announcing.renew()


def _forget(house: House, old: Config) -> None:
    """What was wrong with services that are no more is not wrong any more."""
    for name in set(services(old)) - set(services(house.config)):
        house.inbox.post(PartChanged(f"service {name}", PartState.RUNNING, ""))
