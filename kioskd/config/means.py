"""By what a tool is confirmed: which kinds, and how many of them. Pure; one answer for checks and for policy."""

from __future__ import annotations

from typing import NamedTuple

from kioskd.config.confirm import GROUPS
from kioskd.config.sections import Tool


class Means(NamedTuple):
    """What must confirm.

    Attributes:
        kinds: button, code, staff; each once.
        needed: so many of them; 0: nothing. More than there are kinds: it can never be confirmed.
    """

    kinds: tuple[str, ...]
    needed: int


def means(tool: Tool) -> Means:
    """What must confirm this tool (the default depends on its class)."""
    confirm = tool.policy.confirm
    if confirm is None:
        return Means(("button",), 1) if tool.class_ == "access" else Means((), 0)
    if confirm == "none":
        return Means((), 0)
    if confirm not in GROUPS:
        return Means((confirm,), 1)
    kinds = tuple(dict.fromkeys(tool.policy.confirm_by))
    return Means(kinds, {"all_of": max(1, len(kinds)), "any_of": 1, "two_of": 2}[confirm])
