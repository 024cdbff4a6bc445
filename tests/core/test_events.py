"""Events are facts: frozen, small, in the past tense."""

from __future__ import annotations

import dataclasses

import pytest

from kioskd.core import events as ev


def kinds() -> list[type[ev.Event]]:
    return [kind for kind in vars(ev).values() if isinstance(kind, type) and ev.Event in kind.__bases__]


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
def test_an_event_cannot_be_changed_and_says_what_it_is(kind: type[ev.Event]) -> None:
    assert vars(kind)["__dataclass_params__"].frozen
    assert "__slots__" in vars(kind) and kind.__doc__ and not kind.__doc__.startswith(f"{kind.__name__}(")


def test_a_fact_keeps_its_time() -> None:
    pressed = ev.Pressed("talk", 1.5)
    with pytest.raises(dataclasses.FrozenInstanceError):
        pressed.at = 2.0  # type: ignore[misc]  # that it is an error is the point
