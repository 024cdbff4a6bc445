"""kioskctl's terminal side: text that cannot steer a terminal, colours where they help, and ``kioskctl watch``.

Standard library only, and little of it: ``kioskctl`` must answer at once on a small board.
"""

from __future__ import annotations

import json
import os
import select
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping

# As in scripts/run, so that a person learns one set. A terminal's own colours: readable on dark and light.
COLOURS = {
    "gate": "36",
    "turn": "36",
    "link": "34",
    "session": "34",
    "lamp": "33",
    "mute": "33",
    "panel": "33",
    "record": "1;33",
    "config": "1;33",
    "doctor": "33",
    "part": "33",
    "tool": "35",
    "decision": "1;35",
    "relay": "1;32",
    "speech": "32",
    "latency": "2",
    "error": "1;31",
    "stop": "1;31",
}
GOOD, BAD, DIM = "1;32", "1;31", "2"
READ_BYTES = 65536

Paint = Callable[[str, str], str]
Look = Callable[[], Mapping[str, object] | None]


def clean(value: object) -> str:
    """As text on one line. What the service or a visitor said stands in notes: control characters become dots."""
    text = str(value)
    return text if text.isprintable() else "".join(letter if letter.isprintable() else "·" for letter in text)


def painter() -> Paint:
    """(code, text) -> coloured text, or the text as it is where colours are not wanted (no-color.org) or not shown."""
    if sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb":
        return lambda code, text: f"\033[{code}m{text}\033[0m"
    return lambda code, text: text


def say(line: str) -> bool:
    """Print one line at once; False when the reader (``| head``) has gone and nothing more need be said."""
    try:
        print(line, flush=True)
    except BrokenPipeError:
        # Python flushes once more at exit and would complain; nobody is there to read that either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return False
    return True


class Rows:
    """Makes a line of each note: local time, kind, text. A line with the date comes first when the day changes."""

    def __init__(self, paint: Paint) -> None:
        from datetime import datetime  # only a watch needs it

        self._parse = datetime.fromisoformat
        self._paint = paint
        self._day = datetime.now().strftime("%Y-%m-%d")

    def lines(self, note: Mapping[str, object]) -> list[str]:
        """One line, or two."""
        kind = clean(note.get("kind", ""))
        before, at = self._when(note)
        return [*before, f"{at}  {self._paint(COLOURS.get(kind, '0'), f'{kind:<9}')} {clean(note.get('text', ''))}"]

    def _when(self, note: Mapping[str, object]) -> tuple[list[str], str]:
        try:
            wall = self._parse(str(note["wall"])).astimezone()
        except (KeyError, ValueError):
            return [], " " * 12
        day = wall.strftime("%Y-%m-%d")
        if day == self._day:
            return [], wall.strftime("%H:%M:%S.%f")[:12]
        self._day = day
        return [self._paint(DIM, f"-- {day}")], wall.strftime("%H:%M:%S.%f")[:12]


def on_terminal() -> bool:
    """Whether a person looks at a terminal that can move its cursor."""
    return sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"


class NoLamp:
    """Where nothing is drawn below the notes (``kioskd.ctl_view.View`` draws something)."""

    def heard(self, note: Mapping[str, object]) -> None:
        """It is the same to it."""

    def draw(self) -> float | None:
        """Nothing, for ever."""
        return None

    def clear(self) -> None:
        """There is nothing."""


def follow(asked: socket.socket, raw: bool, look: Look = lambda: None) -> str:
    """Print notes as they come, until Ctrl-C or until nobody reads; on a terminal, with the kiosk's state below them.

    Args:
        asked: the connection, after the request.
        raw: the daemon's lines as they are.
        look: the daemon's page now; None when it does not answer.

    Returns:
        empty, or the sentence that says why the daemon ended it.
    """
    rows = None if raw else Rows(painter())
    footer = NoLamp() if raw or not on_terminal() else view_below(look)
    asked.settimeout(None)
    try:
        with asked:
            for line in _lines(asked, footer):
                note = _note(line)
                if note is None:
                    return "kioskd said something that is no note; kioskctl and kioskd are of different versions"
                if note.get("ok") is False:
                    return clean(note.get("error", "kioskd refused"))
                footer.heard(note)
                shown = [line.decode("utf-8", "replace").rstrip("\n")] if rows is None else rows.lines(note)
                if not all(map(say, shown)):
                    return ""
    except KeyboardInterrupt:
        return ""
    except OSError as error:
        return f"the connection to kioskd broke: {error.strerror or error}"
    finally:
        footer.clear()
    return "kioskd has ended; see: journalctl -u kioskd -e"


def view_below(look: Look) -> NoLamp:
    """Lamp, levels and turns on the last lines of this terminal."""
    from kioskd.ctl_view import View  # who pipes the notes on does not pay for it

    return View(painter(), time.monotonic, look)


def _lines(asked: socket.socket, footer: NoLamp) -> Iterator[bytes]:
    """Whole lines as they come; the lamp's rhythm goes on while none comes."""
    held = b""
    while True:
        if not select.select([asked], [], [], footer.draw())[0]:
            continue
        data = asked.recv(READ_BYTES)
        if not data:
            break
        *whole, held = (held + data).split(b"\n")
        if whole:
            footer.clear()
        yield from (line + b"\n" for line in whole)
    if held:
        yield held


def _note(line: bytes) -> dict[str, object] | None:
    try:
        note = json.loads(line)
    except ValueError:
        return None
    return note if isinstance(note, dict) else None
