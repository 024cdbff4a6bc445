"""The ``session`` section: when a session is open, how long, and what the next one is told of the last."""

from __future__ import annotations

from dataclasses import dataclass

from kioskd.config.option import option

# Computed, not measured: the frames of a keep-alive, and what TLS and TCP are assumed to add: 4.4 kB a burst; with
# talk.keepalive_s at its 10 s that is 1.6 MB an hour.
POLICY = (
    "on_demand: a session is opened when somebody speaks or presses, and closed after talk.linger_s; "
    "warm: one is ready from the start and after each conversation, until the service ends it; "
    "always: and whenever it ends another is opened. An idle session costs about 1.6 MB an hour of keep-alives "
    "(at talk.keepalive_s: 10), and its minutes where the service bills minutes; on_demand costs nothing"
)


@dataclass(frozen=True, kw_only=True)
class Session:
    """When a session is open, and how long it lasts."""

    policy: str = option(POLICY, "on_demand", choices=("on_demand", "warm", "always"))
    longest_s: float = option(
        "a session is replaced by a fresh one after this long, at a quiet moment", 1200.0, low=30, high=86400
    )
    rotate_margin_s: float | None = option(
        "a session is replaced at the first quiet moment this long before the service would end it; "
        "default: the dialect's own",
        None,
        low=5,
        high=3600,
    )
    carry_over: str = option(
        "what a session that replaces another in the middle of a conversation is told of it. "
        "items: what was said, as items of the conversation where the dialect takes them, else as summary; "
        "summary: a record at the end of the instructions; none: nothing. Never from one visitor to the next",
        "items",
        choices=("none", "summary", "items"),
    )
    carry_over_bytes: int = option("at most so much of it, the newest", 2000, low=200, high=16000)
