"""Text that is read aloud: what is plain text, and how a long one is cut so that each piece sounds like a sentence."""

from __future__ import annotations

import re

# Half a minute of speech. An announcement that is longer is a lecture, and it holds the kiosk for as long.
LONGEST_TEXT = 500
# A cue lasts 15 s at most (config/cuefile.py), and speech takes some 13 characters a second.
LONGEST_CUE_TEXT = 180
# Lightning takes 250 characters at once and is best at about 140 (Hydra reference B2).
MOST_PIECE, BEST_PIECE = 240, 140

# SSML and HTML would be read out letter by letter by one voice, and obeyed by another.
_MARKUP = re.compile(r"<[/!?]?\w[^<>]{0,200}>")
_SENTENCE = re.compile(r"(?<=[.!?;:\u3002\uff01\uff1f\u0964])\s+")
_CLAUSE = re.compile(r"(?<=[,\u3001\uff0c])\s+")


class NotSpeakable(ValueError):
    """The text cannot be read aloud; why is a sentence that goes on behind "the text"."""


def plain(text: str, most: int = LONGEST_TEXT) -> str:
    """The text on one line, white space as single spaces.

    Raises:
        NotSpeakable: it is empty or too long, holds characters that nobody can read aloud, or markup.
    """
    if len(text) > 4 * most:
        raise NotSpeakable(f"has {len(text)} characters; {most} are the most")
    words = " ".join(text.split())
    if not any(mark.isalnum() for mark in words):
        raise NotSpeakable("holds no word")
    if len(words) > most:
        raise NotSpeakable(f"has {len(words)} characters; {most} are the most")
    if not words.isprintable():
        raise NotSpeakable("holds characters that cannot be read aloud (control characters, say)")
    if _MARKUP.search(words):
        raise NotSpeakable("holds markup in <angle brackets>; write plain text")
    return words


def pieces(text: str, most: int = MOST_PIECE, best: int = BEST_PIECE) -> list[str]:
    """A plain text in pieces of at most ``most`` characters: sentences together up to ``best``, else clauses, words."""
    found: list[str] = []
    for part in _parts(text, most):
        if found and len(found[-1]) + 1 + len(part) <= best:
            found[-1] += f" {part}"
        else:
            found.append(part)
    return found


def _parts(text: str, most: int) -> list[str]:
    parts = [text]
    for seam in (_SENTENCE, _CLAUSE, re.compile(r"\s+")):
        parts = [
            piece
            for part in parts
            # Sentences are always taken apart; what is smaller only where it must be.
            for piece in (seam.split(part) if seam is _SENTENCE or len(part) > most else [part])
            if piece
        ]
    return [part[start : start + most] for part in parts for start in range(0, len(part), most)]
