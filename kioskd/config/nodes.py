"""YAML text as a small tree that remembers its lines and what was quoted.

Built from the parser's events, not from ``yaml.compose``: only events still tell an explicit tag from a guessed one,
and an alias from what it stands for, so an alias bomb never unfolds and no value is decided before its key is known.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Iterator, NamedTuple

import yaml

from kioskd.config.keys import join

# The depth that the sections need is 6; a JSON Schema of arguments may go on below. The counts are guesses that are
# far above any kiosk and far below what a small board notices.
MAX_DEPTH = 24
MAX_NODES = 20_000

# Both give the same events; the C one is about eight times as fast.
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_UNPRINTABLE = re.compile(r"[^\x09\x0A\x0D\x20-\x7E\x85\xA0-\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF]")
_TAB_INDENT = re.compile(r" *\t")
_MOST_TAB_LINES = 20

_PLAIN_WORDS = (
    (
        "mapping values are not allowed",
        "there is one ': ' too many here, or the line is indented too far; put text that contains ': ' in quotes",
    ),
    ("did not find expected key", "the line is not indented like its neighbours, or a quote above it ended too early"),
    ("could not find expected ':'", "this is neither 'key: value' nor '- item'; is a ':' or a quote missing"),
    ("found unexpected end of stream", "the quote that begins here is never closed"),
    ("cannot start any token", "a value cannot begin with this character; put the value in quotes"),
    ("did not find expected '-' indicator", "this line is not indented like the '- ' items above it"),
    ("expected <block end>", "the line is not indented like its neighbours, or a quote above it ended too early"),
    ("expected ',' or ']'", "a list in [ ] is not closed, or lacks a comma"),
    ("expected ',' or '}'", "a group in { } is not closed, or lacks a comma"),
    ("did not find expected alphabetic", "text that begins with * or & must be in quotes"),
    ("block sequence entries are not allowed", "a '- ' item cannot begin here; begin it on its own line"),
    ("unknown escape character", "a backslash in double quotes begins an escape; use single quotes"),
)


class Scalar(NamedTuple):
    """One value or key, as it was written. ``line`` counts from 1, in every node."""

    line: int
    text: str
    quoted: bool


class Refused(NamedTuple):
    """A value that was reported already and stands for nothing."""

    line: int


@dataclass(slots=True)
class Table:
    """``key: value`` pairs in their order; a key may occur twice."""

    line: int
    entries: list[tuple[Scalar, Node]] = field(default_factory=list)


@dataclass(slots=True)
class Items:
    """A list."""

    line: int
    items: list[Node] = field(default_factory=list)


Node = Scalar | Refused | Table | Items


class Mistake(NamedTuple):
    """A sentence about a line and the path that was open there ("" at the top)."""

    line: int
    path: str
    sentence: str


class Tree(NamedTuple):
    """``whole`` is False when reading stopped early: then what is missing proves nothing."""

    root: Node | None
    mistakes: list[Mistake]
    whole: bool


@dataclass(slots=True)
class _Open:
    node: Table | Items
    key: Node | None = None


def read(text: str, loader: Any = LOADER) -> Tree:
    """The first document of a text. Never raises on any text; time and memory are bounded by its length."""
    bad = _UNPRINTABLE.search(text)
    if bad:
        line = text.count("\n", 0, bad.start()) + 1
        sentence = f"the file holds the control character {ascii(bad.group())}; remove it"
        return Tree(None, [Mistake(line, "", sentence)], False)
    building = _Building()
    try:
        for event in yaml.parse(text, Loader=loader):
            if not building.take(event):
                return Tree(building.root, building.mistakes, building.documents > 1)
    except yaml.YAMLError as error:
        building.mistakes.extend(_explain(error, text, building.path()))
        return Tree(building.root, building.mistakes, False)
    return Tree(building.root, building.mistakes, True)


class _Building:
    """The tree while its events come in. A stack instead of recursion: depth costs no stack frames."""

    def __init__(self) -> None:
        self.root: Node | None = None
        self.mistakes: list[Mistake] = []
        self.documents = 0
        self._open: list[_Open] = []
        self._nodes = 0

    def take(self, event: yaml.Event) -> bool:
        """One event; False when the rest must not be read."""
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.DocumentStartEvent):
            self.documents += 1
            if self.documents > 1:
                self._mistake(line, "a second document begins here; one file is one configuration, remove the '---'")
                return False
        elif isinstance(event, yaml.CollectionEndEvent):
            self._open.pop()
        elif isinstance(event, yaml.NodeEvent):
            return self._node(event, line)
        return True

    def _node(self, event: yaml.NodeEvent, line: int) -> bool:
        self._nodes += 1
        if self._nodes > MAX_NODES or len(self._open) >= MAX_DEPTH:
            limit = f"{MAX_NODES} values" if self._nodes > MAX_NODES else f"{MAX_DEPTH} levels"
            self._mistake(line, f"the file has more than {limit}; it was not read beyond this line")
            return False
        if isinstance(event, yaml.AliasEvent):
            self._mistake(line, "references (*name) are not used here; write the value out, or put text in quotes")
            self._add(Refused(line))
            return True
        if event.anchor:
            self._mistake(line, "anchors (&name) are not used here; write the value out, or put text in quotes")
        if getattr(event, "tag", None):
            self._mistake(line, "tags (!name) are not used here; remove it, or put text in quotes")
        if isinstance(event, yaml.ScalarEvent):
            # style "" or None: plain; ' " | >: the author said that it is text
            self._add(Refused(line) if event.tag else Scalar(line, event.value, bool(event.style)))
            return True
        node = Table(line) if isinstance(event, yaml.MappingStartEvent) else Items(line)
        self._add(node)
        self._open.append(_Open(node))
        return True

    def _add(self, node: Node) -> None:
        if not self._open:
            self.root = node
            return
        top = self._open[-1]
        if isinstance(top.node, Items):
            top.node.items.append(node)
        elif top.key is None:
            top.key = node
        else:
            key, top.key = top.key, None
            self._entry(top.node, key, node)

    def _entry(self, table: Table, key: Node, value: Node) -> None:
        if not isinstance(key, Scalar):
            self._mistake(key.line, "a key must be one word; is a value in { } or [ ] missing its key")
        elif key.text == "<<" and not key.quoted:
            self._mistake(key.line, "merging (<<) is not used here; write the keys out")
        else:
            table.entries.append((key, value))

    def _mistake(self, line: int, sentence: str) -> None:
        self.mistakes.append(Mistake(line, self.path(), sentence))

    def path(self) -> str:
        """Where the parser is: the keys that are open now."""
        path = ""
        for depth, one in enumerate(self._open, 1):
            if isinstance(one.node, Items):
                path += f"[{max(len(one.node.items) - 1, 0)}]"
                continue
            key = one.key
            if key is None and depth < len(self._open):  # its value is the next one on the stack
                key = one.node.entries[-1][0] if one.node.entries else None
            if isinstance(key, Scalar) and re.fullmatch(r"\w{1,64}", key.text):
                path = join(path, key.text)
        return path


def _explain(error: yaml.YAMLError, text: str, path: str) -> Iterator[Mistake]:
    mark = getattr(error, "problem_mark", None)
    problem = str(getattr(error, "problem", "") or "it cannot be read")
    if mark is None:
        yield Mistake(1, path, f"this is not YAML: {_one_line(problem)}")
        return
    lines = text.split("\n")
    row = min(mark.line, len(lines) - 1)
    tabs = [number for number in range(row, len(lines)) if _TAB_INDENT.match(lines[number])]
    if "tab" in problem or lines[row][mark.column : mark.column + 1] == "\t" or (tabs and tabs[0] == row):
        for number in tabs[:_MOST_TAB_LINES] or [row]:
            yield Mistake(number + 1, path, "a tab indents this line; YAML takes spaces only")
        return
    begun = getattr(error, "context_mark", None)
    if begun is not None and "end of stream" in problem:
        row = begun.line
    plain = next((plain for sign, plain in _PLAIN_WORDS if sign in problem), f"this is not YAML: {_one_line(problem)}")
    opened = f" (it begins in line {begun.line + 1})" if begun is not None and begun.line < row else ""
    yield Mistake(row + 1, path, plain + opened)


def _one_line(text: str) -> str:
    return " ".join(text.split())[:120]
