"""Facts about the panel: frozen, small, each with its sentence."""

from __future__ import annotations

import pytest

from kioskd.core import panel_events as pe
from kioskd.core.events import Event
from kioskd.core.machine import HANDLERS

KINDS = [kind for kind in vars(pe).values() if isinstance(kind, type) and Event in kind.__bases__]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_event_cannot_be_changed_says_what_it_is_and_is_known_to_the_machine(kind: type[Event]) -> None:
    assert vars(kind)["__dataclass_params__"].frozen
    assert "__slots__" in vars(kind) and kind.__doc__ and not kind.__doc__.startswith(f"{kind.__name__}(")
    assert kind in HANDLERS
