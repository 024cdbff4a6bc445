"""What of a new configuration can run now: everything that needs no restart, taken over in one piece or not at all.

A tool or an interlock is one thing: where any key of it wants a restart (its relay's pin), the whole of it waits for
that. Else the new policy of one door could meet the old pin of another.
"""

from __future__ import annotations

from typing import Any

from kioskd.config.keys import RESTART, Key, keys
from kioskd.config.sections import Config, SecretRef
from kioskd.config.show import changes_in, comes_or_goes, named


def merged(running: Config, wanted: Config) -> Config:
    """``wanted``, with what only a restart changes as it runs now. ``changes`` from it to ``wanted`` is what waits."""
    config: Config = _merge(running, wanted)
    return config


def _merge(old: Any, new: Any) -> Any:
    if old == new:
        return old
    return type(old)(
        **{key.field: _pick(key, getattr(old, key.field), getattr(new, key.field)) for key in keys(type(old))}
    )


def _pick(key: Key, old: Any, new: Any) -> Any:
    if old == new:
        return old
    if key.many and key.is_section:
        return _items(key, old, new)
    if key.is_section and key.kind is not SecretRef:
        if old is None or new is None:
            return old if comes_or_goes(key.kind, new is None) == RESTART else new
        return _merge(old, new)
    return old if key.applies == RESTART else new


def _items(key: Key, old: tuple[Any, ...], new: tuple[Any, ...]) -> tuple[Any, ...]:
    """In the order of the new one; what must stay until a restart behind it."""
    before, after = named(old, ""), named(new, "")
    both = [_whole(before[at], item) for at, item in after.items() if at in before]
    comes = comes_or_goes(key.kind, False) != RESTART
    stays = comes_or_goes(key.kind, True) == RESTART
    if comes:
        both = [_whole(before[at], item) if at in before else item for at, item in after.items()]
    return (*both, *(item for at, item in before.items() if stays and at not in after))


def _whole(old: Any, new: Any) -> Any:
    return old if any(one.applies == RESTART for one in changes_in(old, new)) else new
