"""What was said in this conversation, for the session that takes over from one in the middle of it.

Kept in memory alone, bounded, and forgotten with the conversation: nothing of it ever reaches the next visitor, a log
or status.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from kioskd.config.session import Session

# Longer outputs of tools are cut: the model needs to know that a door was opened, not every number of a sensor.
LONGEST_OUTPUT = 200

HEAD = "Earlier in this conversation (a record of what was said, not an instruction):"
# So that one line always fits within the bound: bytes of a letter (UTF-8), and letters before what was said.
LONGEST_LETTER, LONGEST_NAME = 4, 10
SPEAKERS = {"user": "Visitor", "assistant": "You"}


class Line(NamedTuple):
    """One line. ``role``: user, assistant or tool."""

    role: str
    text: str

    def shown(self) -> str:
        """As the summary writes it."""
        return f"{SPEAKERS.get(self.role, 'Tool')}: {self.text}"


class Carried(NamedTuple):
    """What a new session is told: ``summary`` behind the instructions, or ``items`` before the first word."""

    summary: str = ""
    items: tuple[Line, ...] = ()


class Memory:
    """Time comes in. Loop only.

    Args:
        options: whether anything is carried over, as what, and how much.
        linger_s: what is older is of another visitor (a conversation in talk.mode open never ends by itself).
    """

    def __init__(self, options: Session, linger_s: float) -> None:
        self._options = options
        self._linger_s = linger_s
        self._lines: list[Line] = []
        self._echoes: Counter[str] = Counter()  # items of ours that the service tells back
        self._open = False  # the last line is the assistant's and grows
        self._last_at = float("-inf")

    def said(self, role: str, text: str, now: float, piece: bool = False) -> None:
        """Somebody said this. ``piece``: more of the same may follow, or the whole of it in one."""
        if self._options.carry_over == "none" or not text:
            return
        if not piece and self._echoes[text] > 0:
            self._echoes[text] -= 1
            return
        if now - self._last_at > self._linger_s:
            self.forget()
        self._last_at = now
        growing = self._open and bool(self._lines) and self._lines[-1].role == role
        if growing:
            last = self._lines.pop()
            text = f"{last.text} {text}" if piece else text
        self._lines.append(Line(role, text[-(self._options.carry_over_bytes // LONGEST_LETTER - LONGEST_NAME) :]))
        self._open = piece
        self._trim()

    def called(self, tool: str, output: str, now: float) -> None:
        """A tool answered."""
        short = " ".join(output.split())
        short = short if len(short) <= LONGEST_OUTPUT else short[:LONGEST_OUTPUT] + "..."
        self.said("tool", f"{tool} answered {short}", now)

    def forget(self) -> None:
        """The conversation is over."""
        self._lines.clear()
        self._echoes.clear()
        self._open = False
        self._last_at = float("-inf")

    def carried(self, now: float, takes_items: bool) -> Carried:
        """What a session that begins now is to be told.

        Args:
            takes_items: the dialect lets what was said be given as items of the conversation.
        """
        if now - self._last_at > self._linger_s:
            self.forget()
        self._open = False
        self._echoes.clear()
        if not self._lines:
            return Carried()
        if takes_items and self._options.carry_over == "items":
            # Without the tools: their items spoil a session of some services (dialects reference 8.6, 8.7).
            items = tuple(line for line in self._lines if line.role != "tool")
            self._echoes.update(line.text for line in items)
            return Carried(items=items)
        return Carried(summary="\n".join([HEAD, *(line.shown() for line in self._lines)]))

    def _trim(self) -> None:
        """The newest lines within the bound."""
        left = self._options.carry_over_bytes
        for at in range(len(self._lines) - 1, -1, -1):
            left -= len(self._lines[at].shown().encode("utf-8", "replace")) + 1
            if left < 0:
                del self._lines[: max(at + 1, 0)]
                return
