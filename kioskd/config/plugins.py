"""Kinds of actions that installed packages bring: entry points of the group ``kioskd.actions`` (importlib.metadata).

Such a package is the owner's own choice, installed beside kioskd; nothing is loaded unless a tool names it. A broken
one is a sentence, never the end.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Callable, Mapping

from kioskd.config.action import PLUGIN_S
from kioskd.core.arguments import check

log = logging.getLogger(__name__)

GROUP = "kioskd.actions"


@dataclass(frozen=True, slots=True)
class Kind:
    """What an entry point of the group leads to.

    Attributes:
        make: gets the settings, held to ``schema``, once at the start; gives what is called for each call, in a worker
            thread, with the arguments, held to the tool's own schema. That gives back text or a mapping for the model,
            where ``say`` is spoken, or raises: then the call has failed, and the text of the exception says why.
        schema: of ``settings``, as of a tool's parameters (JSON Schema); unknown settings are refused.
        parameters: of the arguments that it needs, as an example for the owner; empty: any.
        longest_s: a call that takes longer counts as hanging; at most PLUGIN_S.
    """

    make: Callable[[Mapping[str, object]], Callable[[Mapping[str, object]], object]]
    schema: Mapping[str, object] = field(default_factory=dict)
    parameters: Mapping[str, object] = field(default_factory=dict)
    longest_s: float = 30.0


class PluginError(ValueError):
    """A kind cannot be had; the text is a sentence."""


def installed() -> dict[str, str]:
    """Each kind that is installed, and the package that brings it. Loads none of them."""
    return {point.name: point.dist.name if point.dist is not None else "?" for point in _points()}


def load(name: str) -> Kind:
    """The kind of that name. Runs the package's own code; an exception of it is turned into a sentence.

    Raises:
        PluginError: there is none, two packages bring it, or it is broken.
    """
    found = [point for point in _points() if point.name == name]
    if not found:
        there = ", ".join(sorted(installed())) or "none"
        raise PluginError(f"no installed package brings the kind {name} (installed: {there})")
    if len(found) > 1:
        raise PluginError(f"more than one installed package brings the kind {name}; remove one of them")
    try:
        kind = found[0].load()
    except (Exception, SystemExit) as error:
        # The boundary to somebody else's code: whatever it raises, the kiosk lives.
        log.exception("the kind %s cannot be loaded", name)
        raise PluginError(f"the kind {name} cannot be loaded ({type(error).__name__}: {error})") from error
    if not isinstance(kind, Kind) or not 0 < kind.longest_s <= PLUGIN_S:
        raise PluginError(f"the kind {name} is none: its entry point must lead to a kioskd.config.plugins.Kind")
    return kind


def held(kind: Kind, settings: Mapping[str, object]) -> Mapping[str, object]:
    """The settings, with defaults filled in.

    Raises:
        PluginError: they do not fit the kind's schema.
    """
    checked = check(kind.schema, json.dumps(settings))
    if checked.values is None:
        raise PluginError(checked.problem.replace("argument ", "setting ").replace("arguments", "settings"))
    return checked.values


@lru_cache(maxsize=1)
def _points() -> tuple[Any, ...]:
    from importlib.metadata import entry_points  # reads the folder of every installed package: only where it is wanted

    return tuple(entry_points(group=GROUP))
