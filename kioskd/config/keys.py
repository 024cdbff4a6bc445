"""What the sections say about each key: its name in the file, type, bounds, unit, default.

Read from the dataclasses of ``sections`` once, so that the loader, ``kioskd config`` and the reference configuration
cannot disagree about them.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Mapping

from kioskd.config.sections import yaml_name

_UNITS = (("_ms", "ms"), ("_s", "s"), ("_hz", "Hz"), ("_dbfs", "dBFS"), ("_mb", "MB"))
LIVE, SESSION, RESTART = "live", "session", "restart"


@dataclass(frozen=True, slots=True)
class Key:
    """One key of one section.

    Attributes:
        name: as written in the file.
        field: as named in the dataclass.
        kind: ``str int float bool``, a section class, or ``Mapping`` (a JSON Schema). For a list, of one item.
        many: a list of ``kind``.
        optional: null is a value of its own.
        applies: "live", "session" or "restart".
    """

    name: str
    field: str
    kind: Any
    many: bool
    optional: bool
    doc: str
    low: float | None
    high: float | None
    choices: tuple[str, ...]
    applies: str
    required: bool
    default: Any

    @property
    def is_section(self) -> bool:
        """Whether its value is a group of keys (or a list of groups)."""
        return dataclasses.is_dataclass(self.kind)

    @property
    def unit(self) -> str:
        """``ms``, ``s``, ``Hz``, ``dBFS``, ``MB`` or nothing."""
        return next((unit for suffix, unit in _UNITS if self.name.endswith(suffix)), "")

    @property
    def bounds(self) -> str:
        """``20 to 500 ms``; empty without bounds."""
        if self.low is None or self.high is None:
            return ""
        return f"{number(self.low)} to {number(self.high)} {self.unit}".strip()


def keys(section: type) -> tuple[Key, ...]:
    """The keys of a section in their order in the source."""
    return _keys(section)


@lru_cache(maxsize=None)
def _keys(section: type) -> tuple[Key, ...]:
    hints = typing.get_type_hints(section)
    return tuple(_key(field, hints[field.name]) for field in dataclasses.fields(section))


def _key(field: dataclasses.Field[Any], hint: Any) -> Key:
    kind, optional = _without_none(hint)
    many = typing.get_origin(kind) is tuple
    if many:
        kind = typing.get_args(kind)[0]
    elif typing.get_origin(kind) is not None:
        kind = Mapping
    made = field.default_factory
    default = field.default if made is dataclasses.MISSING else made()
    return Key(
        name=yaml_name(field.name),
        field=field.name,
        kind=kind,
        many=many,
        optional=optional,
        required=default is dataclasses.MISSING,
        default=default,
        **field.metadata,
    )


def _without_none(hint: Any) -> tuple[Any, bool]:
    if typing.get_origin(hint) not in (typing.Union, types.UnionType):
        return hint, False
    (kind,) = [one for one in typing.get_args(hint) if one is not type(None)]
    return kind, True


def number(value: float) -> str:
    """A number as people write it: ``2``, not ``2.0``."""
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(value)


def join(path: str, name: str) -> str:
    """``tools[0].action`` and ``relay`` are ``tools[0].action.relay``."""
    return f"{path}.{name}" if path else name


def words(choices: typing.Sequence[str], last: str = "or") -> str:
    """``a, b or c``."""
    if len(choices) < 2:
        return "".join(choices)
    return f"{', '.join(choices[:-1])} {last} {choices[-1]}"
