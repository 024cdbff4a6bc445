"""How one configuration key is declared: its sentence, default, bounds, words, and when a change of it applies.

``applies`` is "live", "session" (the next one) or "restart".
"""

from __future__ import annotations

import dataclasses
from typing import Any

REQUIRED = dataclasses.MISSING


def option(
    doc: str,
    default: Any = REQUIRED,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    applies: str = "restart",
) -> Any:
    """One configuration key: its sentence, default, inclusive bounds, allowed words, and when a change applies."""
    meta = {"doc": doc, "low": low, "high": high, "choices": choices, "applies": applies}
    if isinstance(default, (dict, list)) or (dataclasses.is_dataclass(default) and not isinstance(default, type)):
        return dataclasses.field(default_factory=lambda: default, metadata=meta)
    return dataclasses.field(default=default, metadata=meta)
