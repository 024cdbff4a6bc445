"""The tools of the kiosk that is tortured: one for each way to confirm, and some that must never move."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kioskd.config.confirm import Confirm
from kioskd.config.sections import Action, Interlock, Lockout, Policy, Rate, RelayAction, Tool

OFTEN = Rate(count=1000, per_s=1.0)
HAND = Policy(allow=True, hold_ms=500, confirm_s=8.0, rate=OFTEN)
FIRE = Interlock(pin="GPIO24", must_be="inactive", name="the fire alarm")
# Longer locked than counted: in no span of per_s may more than so many be compared.
WRONG = Lockout(refusals=2, per_s=60.0, for_s=90.0)
RIGHT = {"4711": "caretaker", "0815": "owner"}
CONFIRM = Confirm(wrong_codes=WRONG)


def _tool(name: str, class_: str, policy: Policy) -> Tool:
    action = Action(relay=RelayAction(pin="GPIO27", pulse_ms=100, min_gap_s=0.1))
    return Tool(name=name, description="x", class_=class_, action=action, policy=policy)


def _by(confirm: str, *kinds: str, **more: Any) -> Policy:
    return replace(HAND, confirm=confirm, confirm_by=kinds, **more)


TOOLS = (
    _tool("unlock_door", "access", HAND),
    _tool("open_gate", "access", replace(HAND, interlocks=(FIRE,), hours=("daily 00:00-18:00",))),
    _tool("open_safe", "access", _by("code")),
    _tool("open_dock", "access", _by("staff")),
    _tool("open_vault", "access", _by("all_of", "button", "code", interlocks=(FIRE,))),
    _tool("open_cage", "access", _by("two_of", "button", "code", "staff")),
    _tool("open_locker", "access", _by("any_of", "code", "staff", interlocks=(FIRE,))),
    _tool("call_lift", "actuate", Policy(allow=True, rate=OFTEN)),
    _tool("ring_bell", "notify", Policy(allow=True, rate=OFTEN)),
    _tool("forbidden", "access", Policy()),
    _tool("unconfirmable", "access", _by("all_of")),
    _tool("half_confirmable", "access", _by("two_of", "button", "button")),
    _tool("voice_alone", "access", _by("none")),
)
# Written down once more, by hand: the judge must not ask the code that it judges. Kinds, and how many of them.
WANTED: dict[str, tuple[tuple[str, ...], int]] = {
    "unlock_door": (("button",), 1),
    "open_gate": (("button",), 1),
    "open_safe": (("code",), 1),
    "open_dock": (("staff",), 1),
    "open_vault": (("button", "code"), 2),
    "open_cage": (("button", "code", "staff"), 2),
    "open_locker": (("code", "staff"), 1),
}
ASKED = (
    *("unlock_door",) * 3,
    *("open_gate", "open_safe", "open_dock", "open_vault", "open_cage", "open_locker") * 2,
    *("call_lift", "ring_bell", "forbidden", "unconfirmable", "half_confirmable", "voice_alone", "x"),
)
