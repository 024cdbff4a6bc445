"""A play: what a hostile service sends, and what happens around it, as lines of a file that a person can read and edit.

    < {"type":"session.created"}   a text frame
    x 7b22ff                       a text frame of these bytes (hex): no UTF-8, or with line ends in it
    b 0102                         a binary frame
    ~ 1.5                          so many seconds pass
    ! again                        the connection is lost, the kiosk calls again
    @ speaks                       somebody near the kiosk (ACTS); never the button: nobody presses in a play
    # dialect: hydra               for people, and for --replay

A line that is nothing of this is a text frame as it stands, so that any file at all is a play.
"""

from __future__ import annotations

from typing import Iterable, NamedTuple

TEXT, BINARY, WAIT, AGAIN, ACT = "<", "b", "~", "!", "@"
# What goes on at the kiosk: a visitor begins and ends a word, the card begins and ends to sound.
ACTS = ("speaks", "stops", "sounds", "rests")
LONGEST_WAIT_S = 600.0


class Step(NamedTuple):
    """One line. ``data``: the frame; else empty. ``seconds``: of a wait. ``name``: of an act."""

    kind: str
    data: bytes = b""
    seconds: float = 0.0
    name: str = ""


Play = tuple[Step, ...]


def text(frame: bytes | str) -> Step:
    """A text frame."""
    return Step(TEXT, frame.encode("utf-8", "surrogatepass") if isinstance(frame, str) else frame)


def frames_in(play: Iterable[Step]) -> int:
    """How many frames the service sends in it."""
    return sum(step.kind in (TEXT, BINARY) for step in play)


def written(play: Iterable[Step]) -> bytes:
    """The file."""
    return b"".join(_line(step) + b"\n" for step in play)


def _line(step: Step) -> bytes:
    if step.kind == WAIT:
        return b"~ %s" % repr(step.seconds).encode()
    if step.kind == AGAIN:
        return b"! again"
    if step.kind == ACT:
        return b"@ " + step.name.encode()
    if step.kind == BINARY:
        return b"b " + step.data.hex().encode()
    return b"< " + step.data if _is_plain(step.data) else b"x " + step.data.hex().encode()


def _is_plain(data: bytes) -> bool:
    try:
        return data.decode("utf-8").isprintable()
    except UnicodeDecodeError:
        return False


def read(data: bytes) -> Play:
    """The play in a file. Nothing is refused."""
    return tuple(_step(line) for line in data.split(b"\n") if line and not line.startswith(b"#"))


def _step(line: bytes) -> Step:
    kind, _, rest = line.partition(b" ")
    try:
        if kind == b"<":
            return Step(TEXT, rest)
        if kind in (b"x", b"b"):
            return Step(TEXT if kind == b"x" else BINARY, bytes.fromhex(rest.decode("ascii")))
        if kind == b"~" and 0.0 <= (seconds := float(rest)) <= LONGEST_WAIT_S:
            return Step(WAIT, seconds=seconds)
        if kind == b"@" and rest.decode("ascii") in ACTS:
            return Step(ACT, name=rest.decode("ascii"))
    except ValueError:
        pass  # a damaged line is a frame like any other
    return Step(AGAIN) if kind == b"!" else Step(TEXT, line)


def note_in(data: bytes, name: str) -> str:
    """What stands behind ``# name:``; empty: nothing."""
    mark = f"# {name}:".encode()
    found = (
        line[len(mark) :].decode("utf-8", "replace").strip() for line in data.split(b"\n") if line.startswith(mark)
    )
    return next(found, "")
