"""A configuration as text: the values that are in effect, and what a new one would change."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import Any, Iterator, Mapping

from kioskd.config.keys import LIVE, RESTART, SESSION, Key, join, keys
from kioskd.config.sections import Action, Config, SecretRef, Tool
from kioskd.config.secrets import redact

# Words that some YAML reader would take for something other than text; the file may be read by other tools, too.
_NOT_PLAIN = frozenset("true false null yes no on off y n".split())
_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./-]*(:[A-Za-z0-9_./-]+)?")


class Unset:
    """Stands for a key without a value, so that it is shown as a comment."""


UNSET = Unset()


@dataclass(frozen=True, slots=True)
class Change:
    """One key that differs.

    Attributes:
        key: its path; a tool is named by its name: ``tools[unlock_door].say_done``.
        applies: "live", "session" (the next one) or "restart".
        old, new: as text, short; "" where there was or will be nothing.
    """

    key: str
    applies: str
    old: str
    new: str

    def __str__(self) -> str:
        when = {SESSION: "from the next session on", RESTART: "after a restart"}.get(self.applies, "at once")
        return f"{self.key}: {self.old or 'nothing'} -> {self.new or 'nothing'} ({when})"


def effective(config: Config) -> str:
    """YAML of every value in effect, defaults included; ``parse`` reads it back. Secrets appear as the places where
    they lie, never as such: this module has no way to fetch one.
    """
    return "\n".join(emit(plain(config))) + "\n"


def plain(section: Any) -> dict[str, Any]:
    """A section as plain data under its names in the file; what has no value is UNSET, or absent among alternatives."""
    data: dict[str, Any] = {}
    for key in keys(type(section)):
        value = getattr(section, key.field)
        if value is None:
            if not isinstance(section, (SecretRef, Action)):
                data[key.name] = UNSET
        elif key.many:
            data[key.name] = [plain(item) if key.is_section else item for item in value]
        elif key.is_section:
            data[key.name] = plain(value)
        elif key.name == "url":
            data[key.name] = redact(value, ())
        else:
            data[key.name] = value
    return data


def emit(data: Mapping[str, Any], indent: str = "") -> Iterator[str]:
    """Lines of YAML for a mapping."""
    for name, value in data.items():
        yield from _entry(scalar(name), value, indent)


def _entry(name: str, value: Any, indent: str) -> Iterator[str]:
    if value is UNSET:
        yield f"{indent}# {name}: not set"
    elif isinstance(value, Mapping) and value:
        yield f"{indent}{name}:"
        yield from emit(value, indent + "  ")
    elif isinstance(value, list) and value:
        yield f"{indent}{name}:"
        for item in value:
            yield from _item(item, indent + "  ")
    elif isinstance(value, str) and _reads_well_in_lines(value):
        yield f"{indent}{name}: |{'' if value.endswith(chr(10)) else '-'}"
        yield from (f"{indent}  {line}" if line else "" for line in value.removesuffix("\n").split("\n"))
    else:
        yield f"{indent}{name}: {scalar(value)}"


def _reads_well_in_lines(text: str) -> bool:
    lines = text.removesuffix("\n").split("\n")
    plainly = all(line.isprintable() and not line.startswith(" ") for line in lines)
    return len(lines) > 1 and plainly and bool(lines[0] and lines[-1])


def _item(item: Any, indent: str) -> Iterator[str]:
    if not isinstance(item, Mapping) or all(value is UNSET for value in item.values()):
        yield f"{indent}- {scalar(item)}"
        return
    first, *rest = emit(item, indent + "  ")
    yield f"{indent}- {first.lstrip()}"
    yield from rest


def scalar(value: Any) -> str:
    """One value on one line, so that the loader (and any other YAML reader) takes it for what it is."""
    if isinstance(value, str):
        return value if _PLAIN.fullmatch(value) and value.lower() not in _NOT_PLAIN else quoted(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar(name)}: {scalar(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(scalar(inner) for inner in value) + "]"
    return json.dumps(value)


def quoted(text: str) -> str:
    """Text in double quotes. Everything that is not printable is escaped; YAML knows JSON's escapes and ``\\U``."""
    return '"' + "".join(_escaped(char) for char in text) + '"'


def _escaped(char: str) -> str:
    if char in '"\\':
        return "\\" + char
    if char == "\n":
        return "\\n"
    return char if char.isprintable() else f"\\U{ord(char):08X}"


def changes(old: Config, new: Config) -> tuple[Change, ...]:
    """Each key that differs, and when it takes effect. A tool is the same tool if it has the same name; one that
    comes takes effect with the slowest of its keys, one that goes at once. What else changes in a tool that wants a
    restart waits for it too: half of it would be another tool.
    """
    return changes_in(old, new)


def changes_in(old: Any, new: Any) -> tuple[Change, ...]:
    """The same for any section."""
    return tuple(_changes(old, new, ""))


def _changes(old: Any, new: Any, path: str) -> Iterator[Change]:
    for key in keys(type(old)):
        yield from _changed(key, getattr(old, key.field), getattr(new, key.field), join(path, key.name))


def _changed(key: Key, old: Any, new: Any, path: str) -> Iterator[Change]:
    if old == new:
        return
    if key.many and key.is_section:
        before, after = named(old, path), named(new, path)
        for at in dict.fromkeys((*before, *after)):
            found = tuple(_section(key, before.get(at), after.get(at), at))
            whole = any(one.applies == RESTART for one in found)
            yield from (replace(one, applies=RESTART) if whole else one for one in found)
    elif key.is_section:
        yield from _section(key, old, new, path)
    else:
        yield Change(path, key.applies, _short(old), _short(new))


def _section(key: Key, old: Any, new: Any, path: str) -> Iterator[Change]:
    if old == new:
        return
    if key.kind is SecretRef:  # which place it lies in counts as one value: it applies when its user asks for it
        yield Change(path, key.applies, _short(old), _short(new))
    elif old is None or new is None:
        yield Change(path, comes_or_goes(key.kind, new is None), _short(old), _short(new))
    else:
        yield from _changes(old, new, path)


def comes_or_goes(section: type, goes: bool) -> str:
    """When a whole section that was not there, or is no more, takes effect."""
    return LIVE if goes and section is Tool else _slowest(section)


def named(items: tuple[Any, ...], path: str) -> dict[str, Any]:
    """A list's items by their paths: a tool's has its name in it, another's its place."""
    return {f"{path}[{item.name if isinstance(item, Tool) else index}]": item for index, item in enumerate(items)}


def _slowest(section: type) -> str:
    """When a whole section that comes or goes takes effect."""
    order = (LIVE, SESSION, RESTART)
    each = [
        _slowest(key.kind) if key.is_section and key.kind is not SecretRef else key.applies for key in keys(section)
    ]
    return max(each, key=order.index)


def _short(value: Any) -> str:
    if value is None:
        return ""
    text = scalar(_set(plain(value)) if hasattr(value, "__dataclass_fields__") else value)
    return text if len(text) <= 60 else text[:57] + "..."


def _set(data: Any) -> Any:
    if isinstance(data, dict):
        return {name: _set(value) for name, value in data.items() if value is not UNSET}
    return [_set(value) for value in data] if isinstance(data, list) else data
