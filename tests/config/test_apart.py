"""How long relays wait for one another."""

from __future__ import annotations

import pytest

from kioskd.config.apart import apart_s
from kioskd.config.sections import Action, RelayAction, Tool


def relay(name: str, apart_ms: int, *never_with: str) -> Tool:
    action = Action(relay=RelayAction(pin="GPIO1", never_with=never_with, apart_ms=apart_ms))
    return Tool(name=name, description="moves", class_="actuate", action=action)


TOOLS = [relay("up", 500), relay("down", 20_000, "up"), relay("open", 900, "up"), relay("fan", 7000)]


@pytest.mark.parametrize(("name", "seconds"), [("up", 20.0), ("down", 20.0), ("open", 0.9), ("fan", 0.0), ("no", 0.0)])
def test_never_with_counts_for_both_wherever_it_stands(name: str, seconds: float) -> None:
    assert apart_s(name, TOOLS) == seconds
