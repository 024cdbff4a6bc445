"""How long a relay waits until those that it is never on together with have been off for long enough."""

from __future__ import annotations

from typing import Sequence

from kioskd.config.sections import Tool


def apart_s(name: str, tools: Sequence[Tool]) -> float:
    """At most so long; 0 for a tool that waits for nobody. ``never_with`` counts for both, wherever it stands."""
    relays = [(tool.name, tool.action.relay) for tool in tools if tool.action.relay is not None]
    waits = (relay.apart_ms / 1000 for own, relay in relays if relay.never_with and name in (own, *relay.never_with))
    return max(waits, default=0.0)
