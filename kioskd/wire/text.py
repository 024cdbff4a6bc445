"""What a service says in words, made safe to show: bounded, one line, nothing that steers a terminal."""

from __future__ import annotations

# Long enough for any sentence that the references quote, short enough for a journal line (dialects reference U27).
TEXT_LIMIT = 300


class Malformed(ValueError):
    """A field that no honest service sends: its frame is skipped and counted."""


def clean_text(value: object, limit: int = TEXT_LIMIT) -> str:
    """Words from outside as one bounded line.

    Strings and numbers are taken, everything else is empty. Whitespace of any kind becomes one space; control,
    format (bidirectional overrides among them) and unassigned characters go away.
    """
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return ""
    # Bounded before it is looked at: a message of megabytes costs what one of a few hundred characters costs.
    # (Python refuses to print integers of thousands of digits; the decoder already refuses to read them.)
    raw = value[: limit * 4] if isinstance(value, str) else format(value, ".6g" if isinstance(value, float) else "d")
    words = " ".join("".join(mark if mark.isprintable() else _seam(mark) for mark in raw).split())
    return words[:limit].rstrip()


def _seam(mark: str) -> str:
    return " " if mark.isspace() else ""


def identifier(value: str | None) -> str:
    """An id as it came, because it goes back to the service as it is; empty when there is none.

    Raises:
        Malformed: it is longer than any honest id, or cannot be shown.
    """
    if value is None:
        return ""
    if len(value) > TEXT_LIMIT or not value.isprintable():
        raise Malformed("an identifier that is too long or cannot be printed")
    return value


def amount(value: object) -> float | None:
    """A number of 0 or more that may have a fraction (seconds), to the thousandth; None for everything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 2**53:
        return None
    return int(value) if value == int(value) else round(value, 3)


def whole(value: object) -> int | None:
    """An integer within the range that JSON numbers carry exactly; None for everything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if not -(2**53) <= value <= 2**53 or value != int(value):
        return None
    return int(value)
