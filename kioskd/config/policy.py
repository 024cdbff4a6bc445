"""The sections about what a tool may do and when: ``tools[].policy``, and the lock-out of the whole kiosk."""

from __future__ import annotations

from dataclasses import dataclass

from kioskd.config.option import option


@dataclass(frozen=True, kw_only=True)
class Rate:
    """At most ``count`` runs in ``per_s`` seconds."""

    count: int = option("runs", low=1, high=1000, applies="live")
    per_s: float = option("seconds", low=1, high=86400, applies="live")


@dataclass(frozen=True, kw_only=True)
class Lockout:
    """After ``refusals`` within ``per_s`` nothing that moves is allowed for ``for_s``; a restart does not end it."""

    refusals: int = option("refusals; none counts while locked, nor for_s after", low=2, high=1000, applies="live")
    per_s: float = option("within so many seconds", low=1, high=86400, applies="live")
    for_s: float = option("lock it for so long", low=1, high=86400, applies="live")


@dataclass(frozen=True, kw_only=True)
class Interlock:
    """A line that must stand right: a door contact, a tamper contact, the fire alarm."""

    pin: str = option("GPIO24 or CHIP_LABEL:OFFSET")
    must_be: str = option("how it must stand for the tool to run", choices=("active", "inactive"), applies="live")
    name: str = option("what it is, for the journal and the audit trail", "the interlock", applies="live")
    pull: str = option("up: active is low; down or none: active is high", "up", choices=("up", "down", "none"))


@dataclass(frozen=True, kw_only=True)
class Policy:
    """When a tool may run. Without ``allow: true`` it may not."""

    allow: bool = option("nothing is allowed that is not allowed here", False, applies="live")
    confirm: str | None = option(
        "button: a new press, held; code: entered on the keypad; staff: somebody elsewhere says yes; none; or all_of, "
        "any_of, two_of those in confirm_by. Default: button for access, none for the others",
        None,
        choices=("button", "code", "staff", "none", "all_of", "any_of", "two_of"),
        applies="live",
    )
    confirm_by: tuple[str, ...] = option(
        "for all_of, any_of and two_of: which (button, code, staff)",
        (),
        choices=("button", "code", "staff"),
        applies="live",
    )
    access_without_confirmation: bool = option(
        "must be true for a tool of class access with confirm: none; then voice alone opens it", False, applies="live"
    )
    hold_ms: int = option("how long the button is held to confirm", 800, low=100, high=10000, applies="live")
    confirm_s: float = option("how long a confirmation is awaited", 15.0, low=2, high=120, applies="live")
    fresh_s: float = option("the visitor spoke or pressed at most this long ago", 30.0, low=2, high=600, applies="live")
    rate: Rate = option("rate limit", Rate(count=6, per_s=60.0), applies="live")
    lockout: Lockout = option(
        "lock-out of this tool, for the classes actuate and access",
        Lockout(refusals=10, per_s=60.0, for_s=120.0),
        applies="live",
    )
    hours: tuple[str, ...] = option(
        "it runs only within these (mon-fri 08:00-18:30), in kiosk.time_zone, and not while the clock is not set",
        (),
        applies="live",
    )
    holidays: tuple[str, ...] = option("dates (2026-12-25) on which it does not run", (), applies="live")
    interlocks: tuple[Interlock, ...] = option(
        "lines that must stand right when it is asked for, and again right before it moves; one that cannot be read "
        "refuses",
        (),
    )
