"""Facts of actions are frozen, like all facts."""

from __future__ import annotations

import dataclasses

import pytest

from kioskd.core.action_events import CueAsked, EndAsked, VolumeAsked
from kioskd.core.words import CallKey


@pytest.mark.parametrize("event", [CueAsked("done"), VolumeAsked(0.5), EndAsked(CallKey("e", "s", "c"), 15.0)])
def test_facts_do_not_change(event: object) -> None:
    field = dataclasses.fields(event)[0].name  # type: ignore[arg-type]  # each of them is a dataclass
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(event, field, None)
