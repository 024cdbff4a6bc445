"""From a file to a ``Config``, or to every mistake in it at once, each with its line and the way out."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Callable, Collection, Iterable

from kioskd.config.checks import check
from kioskd.config.files import NotAFile, read_at_most
from kioskd.config.findings import Finding, Lines, parent
from kioskd.config.nodes import Scalar, read
from kioskd.config.sections import Config
from kioskd.config.secrets import redact
from kioskd.config.shape import Shape

MOST_BYTES = 1 << 20  # a long configuration has 20 kB; more is the wrong file, and must not reach the parser
MOST_PROBLEMS = 200  # beyond this a terminal shows nothing useful any more
_WHOLE_FILE = "config"  # the key of a problem that concerns the file as such


# What else a configuration is held to, where somebody wants to know (``kioskd check``).
Also = Callable[[Config, Lines], Iterable[Finding]]


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake.

    Attributes:
        file: as the caller named it.
        line: counted from 1.
        key: the path, as ``tools[1].action.relay.pin``; ``config`` for the file as such.
        sentence: what is wrong and what to do, on one line, without any secret that could be recognised.
    """

    file: str
    line: int
    key: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.key}: {self.sentence}"


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was read. ``config`` is None if and only if there are problems."""

    config: Config | None
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()


def load(path: str, *also: Also) -> Loaded:
    """Read and check a file. A file that cannot be read is a problem, too; nothing is raised. Blocks on the disk."""
    return take(path, *also)[0]


def take(path: str, *also: Also) -> tuple[Loaded, bytes]:
    """The same, with what was read."""
    try:
        data, _ = read_at_most(path, MOST_BYTES)
    except OSError as error:
        why = f"cannot be read: {(error.strerror or 'unknown fault').lower()}{_advice(path, error)}"
        return _refused(path, why), b""
    except ValueError as error:  # a path with a NUL in it
        return _refused(path, f"cannot be read: {error}"), b""
    return weigh(data, path, *also), data


def weigh(data: bytes, name: str, *also: Also) -> Loaded:
    """Check what was read of a file; ``name`` stands for it in the problems. Never raises."""
    if len(data) > MOST_BYTES:
        return _refused(name, f"is larger than {MOST_BYTES >> 20} MiB; this is not a configuration")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return _refused(name, "this line is not UTF-8 text; save the file as UTF-8", line)
    return parse(text, name, *also)


def parse(text: str, name: str, *also: Also) -> Loaded:
    """Check a text; ``name`` stands for the file in the problems. Never raises."""
    if len(text) > MOST_BYTES:
        return _refused(name, f"is larger than {MOST_BYTES >> 20} MiB; this is not a configuration")
    tree = read(text.removeprefix("\ufeff"))
    mistakes = [_problem(name, line, path, sentence) for line, path, sentence in tree.mistakes]
    root = tree.root
    if root is None or (isinstance(root, Scalar) and not root.quoted and not root.text):
        if mistakes:
            return _loaded(None, mistakes, [])
        sentence = "the file is empty: all is as by default, there is no tool and no button, so it serves nobody"
        return Loaded(Config(), (), (Problem(name, 1, _WHOLE_FILE, sentence),))
    shape = Shape(tree.whole)
    config: Config = shape.section(Config, root)
    mistakes += [_problem(name, line, path, sentence) for line, path, sentence in shape.found]
    lines = Lines(shape.lines)
    every = (one for part in (check, *also) for one in part(config, lines))
    findings = _believable(every, shape.broken) if tree.whole else []
    mistakes += [_problem(name, lines.of(one.key), one.key, one.sentence) for one in findings if not one.warning]
    warnings = [_problem(name, lines.of(one.key), one.key, one.sentence) for one in findings if one.warning]
    return _loaded(config, mistakes, warnings)


def _loaded(config: Config | None, mistakes: list[Problem], warnings: list[Problem]) -> Loaded:
    problems = sorted(dict.fromkeys(mistakes), key=lambda one: one.line)
    if len(problems) > MOST_PROBLEMS:
        last = problems[MOST_PROBLEMS]
        more = len(problems) - MOST_PROBLEMS
        problems[MOST_PROBLEMS:] = [
            Problem(last.file, last.line, _WHOLE_FILE, f"and {more} more mistakes from here on")
        ]
    return Loaded(
        None if problems else config,
        tuple(problems),
        tuple(sorted(dict.fromkeys(warnings), key=lambda one: one.line)),
    )


def _believable(findings: Iterable[Finding], broken: Collection[str]) -> list[Finding]:
    """Without those that were judged by a stand-in for something broken: one mistake, one sentence."""
    return [one for one in findings if not any(_stands_in(path, broken) for path in (one.key, *one.needs))]


def _stands_in(path: str, broken: Collection[str]) -> bool:
    while path:
        if path in broken:
            return True
        path = parent(path)
    return "" in broken


def _problem(name: str, line: int, path: str, sentence: str) -> Problem:
    # Whatever a sentence quotes came from the file, and somebody may have written a key where none belongs.
    return Problem(name, line, redact(path, ()) or _WHOLE_FILE, redact(sentence, ()))


def _refused(name: str, sentence: str, line: int = 1) -> Loaded:
    return Loaded(None, (Problem(name, line, _WHOLE_FILE, sentence),))


def _advice(path: str, error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "; is the path right?"
    if isinstance(error, PermissionError):
        return "; the user that kioskd runs as must be able to read it"
    if isinstance(error, NotAFile) and os.path.isdir(path):
        return "; name the file in this directory"
    return ""
