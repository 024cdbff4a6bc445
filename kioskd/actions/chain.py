"""The audit trail's lines, and whether they are what was written: each carries its SHA-256 and that of the one before.

A line is JSON with ``seq at what data prev hash``. ``hash`` is over all that stands before it in the line, as bytes, so
nothing depends on how anybody writes JSON. Whoever can write the files can also write all of them anew with new hashes:
what stands outside of them (the ledger, the journal, a copy elsewhere) tells that.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Iterable, Mapping, NamedTuple

GENESIS = "0" * 64
MOST_LINE_BYTES = 8 * 1024
MOST_FINDINGS = 100
MOST_LINES = 10**12 - 1  # twelve digits stand in the name of a file
_MARK = b',"hash":"'


class Head(NamedTuple):
    """The last line: its number and its hash."""

    seq: int = 0
    hash: str = GENESIS


class Line(NamedTuple):
    """One line, read. ``sound``: its hash is that of its own text."""

    seq: int
    at: str
    what: str
    data: Mapping[str, Any]
    prev: str
    hash: str
    sound: bool


class Finding(NamedTuple):
    """What is wrong, and where. ``tampered`` is False for what a power cut leaves behind."""

    file: str
    line: int
    sentence: str
    tampered: bool = True


class Verdict(NamedTuple):
    """What a look at all files gave."""

    lines: int
    first: int
    head: Head
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Nothing was tampered with."""
        return not any(finding.tampered for finding in self.findings)


def write(before: Head, at: str, what: str, data: Mapping[str, object]) -> tuple[bytes, Head]:
    """The next line after ``before``, with its newline, and the head that it makes."""
    body = _body(before, at, what, data)
    if len(body) > MOST_LINE_BYTES:
        body = _body(before, at, what, {"cut": len(body)})
    digest = hashlib.sha256(body).hexdigest()
    return body + _MARK + digest.encode() + b'"}\n', Head(before.seq + 1, digest)


def _body(before: Head, at: str, what: str, data: Mapping[str, object]) -> bytes:
    row = {"seq": before.seq + 1, "at": at, "what": what, "data": data, "prev": before.hash}
    return json.dumps(row, default=str, separators=(",", ":")).encode()[:-1]


def read(raw: bytes) -> Line | None:
    """One line without its newline; None: it is none."""
    body, mark, tail = raw.rpartition(_MARK)
    if not mark or len(tail) != 66 or not tail.endswith(b'"}'):
        return None
    try:
        row = json.loads(body + b"}")
        digest = tail[:64].decode("ascii")
    except (ValueError, RecursionError):
        return None
    if not isinstance(row, dict) or not isinstance(row.get("seq"), int) or not isinstance(row.get("data"), dict):
        return None
    if not 0 < row["seq"] <= MOST_LINES:
        return None
    texts = [row.get(name) for name in ("at", "what", "prev")]
    if not all(isinstance(text, str) for text in texts):
        return None
    at, what, prev = map(str, texts)
    return Line(row["seq"], at, what, row["data"], prev, digest, hashlib.sha256(body).hexdigest() == digest)


def is_torn(raw: bytes) -> bool:
    """Whether this piece at the very end of the trail is what a power cut leaves: no newline, or nothing but zeros."""
    return not raw.endswith(b"\n") or not raw.strip(b"\0\n")


def verify(
    files: Iterable[tuple[str, Iterable[bytes]]], known: Head | None = None, rotated: tuple[int, int] = (1, 0)
) -> Verdict:
    """Look at every line.

    Args:
        files: name and lines (with their newlines) of each file, oldest first.
        known: a head that was kept elsewhere; None: nothing is known of how the trail must end.
        rotated: so many files, all but the newest of so many bytes, stand when older ones were rotated away. Anybody
            can add the line that says so, and take the older ones.
    """
    walk = _Walk(known)
    pieces = [(name, list(lines)) for name, lines in files]
    for index, (name, lines) in enumerate(pieces):
        for number, raw in enumerate(lines, 1):
            last = index == len(pieces) - 1 and number == len(lines)
            if last and is_torn(raw):
                sentence = "the last line was torn off by a power cut or a kill; kioskd cuts it off when it starts"
                walk.find(name, number, sentence, tampered=False)
            else:
                walk.step(name, number, raw)
    full = sum(sum(map(len, lines)) >= rotated[1] for _, lines in pieces[:-1])
    return walk.end(full + 1 >= rotated[0])


class _Walk:
    """One walk along the chain."""

    def __init__(self, known: Head | None) -> None:
        self._known = known
        self._known_there = ""  # the hash of the line with the known number
        self._findings: list[Finding] = []
        self._head: Head | None = None  # of the last line in its place; its hash is empty after a broken one
        self._first: int | None = None
        self._first_prev = ""
        self._pruned = 0
        self._lines = 0
        self._place = ("", 0)

    def find(self, file: str, number: int, sentence: str, tampered: bool = True) -> None:
        """Keep a finding, up to a bound."""
        if len(self._findings) < MOST_FINDINGS:
            self._findings.append(Finding(file, number, sentence, tampered))

    def step(self, file: str, number: int, raw: bytes) -> None:
        """The next line."""
        self._lines += 1
        self._place = (file, number)
        line = read(raw.removesuffix(b"\n"))
        if line is None:
            self.find(file, number, "is no line of the trail: it was changed, or the disk is damaged")
            if self._head is not None:
                self._head = Head(self._head.seq + 1, "")
            return
        if not line.sound:
            self.find(file, number, f"line {line.seq} was changed: its hash is not that of its text")
        self._in_place(file, number, line)
        if line.what in ("missing", "broken"):
            self.find(file, number, f"kioskd itself found when it started: {line.data.get('why', line.what)}")
        if line.what == "pruned" and line.sound and isinstance(line.data.get("until"), int):
            self._pruned = max(self._pruned, line.data["until"])
        if self._known is not None and line.seq == self._known.seq:
            self._known_there = line.hash

    def _in_place(self, file: str, number: int, line: Line) -> None:
        head = self._head
        if head is None:
            self._first, self._first_prev = line.seq, line.prev
        elif line.seq <= head.seq:
            self.find(file, number, f"line {line.seq} is out of order, or was put in: line {head.seq + 1} belongs here")
            return
        elif line.seq > head.seq + 1:
            self.find(file, number, f"{_lines(head.seq + 1, line.seq - 1)} missing before line {line.seq}")
        elif head.hash and line.prev != head.hash:
            self.find(file, number, f"line {line.seq} does not continue line {head.seq}: one of them was replaced")
        self._head = Head(line.seq, line.hash)

    def end(self, may_be_rotated: bool) -> Verdict:
        """The verdict."""
        head = self._head or Head()
        first = self._first or 0
        if first > 1 and first - 1 > self._pruned:
            self.find(*self._begin(), f"{_lines(1, first - 1)} missing, and no line says that they were rotated away")
        elif first > 1 and not may_be_rotated:
            self.find(*self._begin(), f"{_lines(1, first - 1)} missing, and fewer files are left than rotation leaves")
        if first == 1 and self._first_prev != GENESIS:
            self.find(*self._begin(), "line 1 continues another trail: its beginning was replaced")
        if self._known is not None:
            self._compare(self._known, head, first)
        return Verdict(self._lines, first, head, tuple(self._findings))

    def _begin(self) -> tuple[str, int]:
        return (self._place[0] if self._lines else "", 1)

    def _compare(self, known: Head, head: Head, first: int) -> None:
        if known.seq > head.seq:
            sentence = f"{_lines(head.seq + 1, known.seq)} missing at the end: the ledger knows them"
            self.find(*self._place, sentence)
        elif known.seq >= max(first, 1) and self._known_there != known.hash:
            sentence = f"line {known.seq} is not the one that the ledger knows: the trail was written anew"
            self.find(*self._place, sentence)


def _lines(first: int, last: int) -> str:
    return f"line {first} is" if first == last else f"lines {first} to {last} are"
