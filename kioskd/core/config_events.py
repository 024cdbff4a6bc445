"""Events about the configuration."""

from __future__ import annotations

from dataclasses import dataclass

from kioskd.config.sections import Config
from kioskd.core.events import Event


@dataclass(frozen=True, slots=True)
class ConfigChanged(Event):
    """Another configuration is in force from now on.

    Attributes:
        config: all of it; what only a restart changes is as before.
        why: who changed it, a few words for the journal.
    """

    config: Config
    why: str
