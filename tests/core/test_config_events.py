"""An event about the configuration is a fact: frozen, and it carries all of it."""

from __future__ import annotations

import dataclasses

import pytest

from kioskd.config.sections import Config
from kioskd.core.config_events import ConfigChanged


def test_a_change_cannot_be_changed() -> None:
    event = ConfigChanged(Config(), "reloaded")
    with pytest.raises(dataclasses.FrozenInstanceError):
        event.why = "else"  # type: ignore[misc]  # that it cannot be set is what is shown
