"""A tree of nodes as frozen sections, by the types that the sections name; every mistake of form is noted, none raises.

The expected type decides what a value is, so that ``no``, ``010``, ``12:30`` and ``1.10`` never turn into something
that their author did not write: text stays text, only ``true`` and ``false`` are booleans, numbers are decimal.
"""

from __future__ import annotations

import difflib
import json
import math
import re
from typing import Any, Iterator, Mapping, NamedTuple

from kioskd.config.keys import Key, join, keys, number, words
from kioskd.config.nodes import Items, Node, Refused, Scalar, Table
from kioskd.config.sections import Config, SecretRef

_WHOLE = re.compile(r"[-+]?(0|[1-9][0-9]*)", re.ASCII)
_DECIMAL = re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_NUMBER_LIKE = re.compile(r"[-+]?(0[xob])?[0-9][0-9a-fA-F_]*|[-+.0-9][-+.0-9_eE]*[0-9][.0-9_]*", re.ASCII)
_NULL = frozenset(("", "~", "null", "Null", "NULL"))
_LONGEST_NUMBER = 40  # a guess; int() of a megabyte of digits would hold the loop

# Words that an owner may well try, and why they are refused.
_WHY_NOT = {
    ("mode", "vad"): "the kiosk listens by itself in mode voice",
    ("confirm_vad", "silero"): "that is the neural detector; write neural",
}
_WHY_BOUND = {"keepalive_s": "the service closes a session after 30 s without a frame"}  # Hydra reference A9


class Found(NamedTuple):
    """One mistake of form. ``line`` counts from 1."""

    line: int
    path: str
    sentence: str


class Wrong(Exception):
    """A value that its key cannot take; the text is the sentence."""


def shown(text: str) -> str:
    """A value as a sentence may quote it: one line, short."""
    return json.dumps(text if len(text) <= 40 else text[:37] + "...", ensure_ascii=not text.isprintable())


def scalar(kind: type, node: Scalar) -> Any:
    """The value of a plain key of type ``str``, ``bool``, ``int`` or ``float``; Wrong otherwise."""
    if kind is str:
        return node.text
    if node.quoted:
        raise Wrong(f"is text in quotes, but must be {_noun(kind)}; write it without quotes")
    if kind is bool:
        if node.text not in ("true", "false"):
            raise Wrong(f"is {shown(node.text)}, but must be true or false")
        return node.text == "true"
    if len(node.text) > _LONGEST_NUMBER:
        raise Wrong("is too long for a number")
    if not (_WHOLE if kind is int else _DECIMAL).fullmatch(node.text):
        hint = ", written in plain decimal digits" if _NUMBER_LIKE.fullmatch(node.text) else ""
        raise Wrong(f"is {shown(node.text)}, but must be {_noun(kind)}{hint}")
    value = kind(node.text)
    if not math.isfinite(value):
        raise Wrong(f"is {shown(node.text)}, which is too large a number")
    return value


def _noun(kind: type) -> str:
    return {bool: "true or false", int: "a whole number", float: "a number", str: "text"}[kind]


def free(node: Scalar) -> Any:
    """A value inside a JSON Schema, where no type is expected. What two YAML ages read differently must be quoted."""
    if node.quoted:
        return node.text
    if node.text in _NULL:
        return None
    if node.text in ("true", "false"):
        return node.text == "true"
    if len(node.text) > _LONGEST_NUMBER:
        if set(node.text) <= set("0123456789+-._eE"):
            raise Wrong("is too long for a number; put text in quotes")
        return node.text
    if not _NUMBER_LIKE.fullmatch(node.text):
        return node.text
    if _WHOLE.fullmatch(node.text):
        return int(node.text)
    if _DECIMAL.fullmatch(node.text) and math.isfinite(float(node.text)):
        value = float(node.text)
        if "e" in node.text.lower() or repr(value) == node.text.lstrip("+"):
            return value
    raise Wrong(f"is {shown(node.text)}, which may be a number or text; put text in quotes, write a number plainly")


def placeholder(kind: Any) -> Any:
    """A stand-in for what is broken, so that the rest can still be checked. It never reaches a running kiosk."""
    if kind is Mapping:
        return {}
    if kind in (str, int, float, bool):
        return kind()
    return kind(**{key.field: () if key.many else placeholder(key.kind) for key in keys(kind) if key.required})


class Shape:
    """Sections from nodes.

    Attributes:
        found: the mistakes, in the order of reading.
        lines: the line of each path that the file names.
        broken: paths whose value is a stand-in.
    """

    def __init__(self, whole: bool = True) -> None:
        self.found: list[Found] = []
        self.lines: dict[str, int] = {}
        self.broken: set[str] = set()
        self._whole = whole

    def section(self, cls: type, node: Node, path: str = "") -> Any:
        """An instance of ``cls``, with stand-ins where the file is wrong."""
        if isinstance(node, Scalar) and node.text in _NULL and not node.quoted:
            node = Table(node.line)  # a heading whose keys are all commented out
        if not isinstance(node, Table):
            self._wrong(node, path, _must_be_group(cls))
            return placeholder(cls)
        given = self._given(cls, node, path)
        values = {}
        for key in keys(cls):
            at = join(path, key.name)
            if key.name in given:
                values[key.field] = self._value(key, given[key.name], at)
            elif key.required:
                if self._whole and at not in self.broken:
                    self.found.append(Found(node.line, at, f"is missing; it is needed: {key.doc}"))
                self.broken.add(at)
                values[key.field] = placeholder(key.kind)
        return cls(**values)

    def _given(self, cls: type, table: Table, path: str) -> dict[str, Node]:
        known = [key.name for key in keys(cls)]
        given: dict[str, Node] = {}
        unknown: list[Scalar] = []
        for key, value in table.entries:
            at = join(path, key.text)
            if key.text not in known:
                unknown.append(key)
            elif key.text in given:
                first = self.lines[at]
                self.found.append(Found(key.line, at, f"is given twice, in line {first} and in line {key.line}"))
            else:
                given[key.text] = value
                self.lines[at] = key.line
        for key in unknown:
            self._unknown(cls, key, [name for name in known if name not in given], path)
        return given

    def _unknown(self, cls: type, key: Scalar, missing: list[str], path: str) -> None:
        names = [one.name for one in keys(cls)]
        close = difflib.get_close_matches(key.text, names, n=1)
        if cls is SecretRef and not close:
            # Whoever writes a secret where a name belongs must not find it in the journal: the key is not quoted.
            self.found.append(Found(key.line, path, _must_be_group(cls)))
            self.broken.add(path)
            return
        at = join(path, key.text if re.fullmatch(r"\w{1,64}", key.text) else shown(key.text))
        if close:
            hint = f"did you mean '{close[0]}'?"
            if close[0] in missing:
                self.broken.add(join(path, close[0]))  # one mistake, one sentence
        elif key.text in _HOMES:
            hint = f"'{key.text}' belongs under {words(_HOMES[key.text][:3])}"
        else:
            hint = f"the keys here are {words(names, 'and')}"
        self.found.append(Found(key.line, at, f"is not a key of this file; {hint}"))

    def _value(self, key: Key, node: Node, path: str) -> Any:
        if key.many:
            return self._list(key, node, path)
        if isinstance(node, Scalar) and node.text in _NULL and not node.quoted:
            if key.optional:
                return None
            if key.kind in (str, int, float, bool):
                return self._wrong(node, path, "has no value; give it one, or remove the line", key)
        return self._one(key, node, path)

    def _one(self, key: Key, node: Node, path: str) -> Any:
        if key.is_section:
            return self.section(key.kind, node, path)
        if key.kind is Mapping:
            return self._mapping(node, path)
        if not isinstance(node, Scalar):
            return self._wrong(node, path, f"is a group or a list, but must be {_noun(key.kind)}", key)
        try:
            value = scalar(key.kind, node)
            _within(key, value)
        except Wrong as wrong:
            return self._wrong(node, path, str(wrong), key)
        return value

    def _list(self, key: Key, node: Node, path: str) -> tuple[Any, ...]:
        if isinstance(node, Scalar) and node.text in _NULL and not node.quoted:
            return ()
        if not isinstance(node, Items):
            self._wrong(node, path, "must be a list: begin each item with '- '")
            return ()
        values = []
        for index, item in enumerate(node.items):
            at = f"{path}[{index}]"
            self.lines[at] = item.line
            values.append(self._one(key, item, at))
        return tuple(values)

    def _mapping(self, node: Node, path: str) -> Any:
        if isinstance(node, Scalar) and node.text in _NULL and not node.quoted:
            return {}
        if not isinstance(node, Table):
            return self._wrong(node, path, "must be a JSON Schema: a group of keys such as type and properties") or {}
        return self._json(node, path)

    def _json(self, node: Node, path: str) -> Any:
        self.lines.setdefault(path, node.line)
        if isinstance(node, Items):
            return [self._json(item, f"{path}[{index}]") for index, item in enumerate(node.items)]
        if isinstance(node, Table):
            table: dict[str, Any] = {}
            for key, value in node.entries:
                at = join(path, key.text if re.fullmatch(r"[\w$-]{1,64}", key.text) else shown(key.text))
                if key.text in table:
                    sentence = f"is given twice, in line {self.lines[at]} and in line {key.line}"
                    self.found.append(Found(key.line, at, sentence))
                    continue
                self.lines[at] = key.line
                table[key.text] = self._json(value, at)
            return table
        if isinstance(node, Refused):
            return self._wrong(node, path, "")
        try:
            return free(node)
        except Wrong as wrong:
            return self._wrong(node, path, str(wrong))

    def _wrong(self, node: Node, path: str, sentence: str, key: Key | None = None) -> Any:
        """Note it (unless it was noted when the tree was read) and stand in for it."""
        self.broken.add(path)
        if not isinstance(node, Refused):
            self.found.append(Found(node.line, path, sentence))
        if key is None:
            return None
        return placeholder(key.kind) if key.required else key.default


def _within(key: Key, value: Any) -> None:
    if key.choices and value not in key.choices:
        why = _WHY_NOT.get((key.name, value)) or f"is {shown(value)}, but must be {words(key.choices)}"
        raise Wrong(why)
    if key.low is not None and key.high is not None and not key.low <= value <= key.high:
        because = f": {_WHY_BOUND[key.name]}" if key.name in _WHY_BOUND else ""
        raise Wrong(f"is {number(value)}, but must be from {key.bounds}{because}")


def _must_be_group(cls: type) -> str:
    if cls is SecretRef:
        return (
            "must say where the secret lies, with one of credential:, env: or file: below it; "
            "a secret itself never stands in this file"
        )
    return f"must be a group of keys ({words([key.name for key in keys(cls)][:4], 'and')}), each on its own line below"


def _homes(cls: type, path: str) -> Iterator[tuple[str, str]]:
    for key in keys(cls):
        if path:
            yield key.name, path
        if key.is_section and key.kind is not SecretRef:
            yield from _homes(key.kind, join(path, key.name + ("[]" if key.many else "")))


# Where a key belongs, for one that was written in the wrong section.
_HOMES: dict[str, list[str]] = {}
for _name, _home in _homes(Config, ""):
    _HOMES.setdefault(_name, []).append(_home)
