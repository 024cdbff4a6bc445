"""What may be shown of what a stranger sent: without the key, without control characters, not too long."""

from __future__ import annotations

import json
import re
from typing import Mapping
from urllib.parse import quote, quote_plus

# Log text from the peer is bounded: a service that puts a megabyte into ``reason`` shall not fill the journal.
LONGEST_TEXT = 200

# Shorter than this is no key but a word; masking it would mangle sentences, and audio: every frame is masked, and
# eight given characters stand by chance once in 2**48 places of base64.
SHORTEST_KEY = 8

MASK = "***"

# Fields that hold audio, in frames of either direction (Hydra reference A3).
AUDIO_FIELDS = ("audio", "delta")

# The arguments of a tool are JSON in JSON; what is escaped more often is never read.
DEEPEST_ESCAPES = 3
_LETTER = re.compile(r"\\u([0-9a-fA-F]{4})")
# What is looked through with Python's own hands, and not with the decoder's: 8 MiB of it would hold the loop for a
# second. Of frames beyond this nothing but audio is read (profile.max_control_bytes).
MOST_LETTERS = 4096
LONGEST_FRAME = 256 * 1024

_UNPRINTABLE = re.compile(r"[^\x20-\x7e\xa0-\ud7ff\ue000-\ufdcf\ufdf0-\ufffd\U00010000-\U0010fffd]+")


class Scrub:
    """Takes one key out of every text. A service may well echo it: in a reason, an error, a tool's argument."""

    __slots__ = ("_faces",)

    def __init__(self, key: str | None) -> None:
        faces = {key, quote(key, safe=""), quote_plus(key), json.dumps(key)[1:-1]} if key else set()
        # The longest first: one face may be part of another.
        self._faces = tuple(sorted((face for face in faces if len(face) >= SHORTEST_KEY), key=len, reverse=True))

    def mask(self, text: str) -> str:
        """The whole text without the key."""
        for face in self._faces:
            if face in text:
                text = text.replace(face, MASK)
        return text

    def clear(self, text: str) -> str:
        """One decoded value without the key; wholly masked where it still stands in escapes (a tool's arguments)."""
        text = self.mask(text)
        return MASK if "\\" in text and self._hides(text) else text

    def frame(self, text: str) -> str:
        """A JSON frame without the key, also where JSON's escapes write it otherwise: a slash, letters by number."""
        text = self.mask(text)
        if len(text) > LONGEST_FRAME or "\\" not in text or not self._hides(text):
            return text
        try:
            return json.dumps(_masked(json.loads(text), self))
        except (ValueError, RecursionError):
            return MASK  # no JSON: nothing that would be read

    def _hides(self, text: str) -> bool:
        """Whether the key comes to light when escapes are read, those of JSON within JSON too."""
        for _ in range(DEEPEST_ESCAPES if self._faces else 0):
            plain = text.replace("\\\\", "\\").replace("\\/", "/")
            if plain.count("\\u") > MOST_LETTERS:
                return True  # not looked through: nobody who means well writes so
            plain = _LETTER.sub(lambda found: chr(int(found[1], 16)), plain)
            if plain == text:
                return False
            if any(face in plain for face in self._faces):
                return True
            text = plain
        return False

    def brief(self, text: str, limit: int = LONGEST_TEXT) -> str:
        """One short printable line without the key, for logs and facts."""
        # Masked before it is cut: half a key is a secret too.
        text = _UNPRINTABLE.sub(" ", self.mask(text)).strip()
        return text if len(text) <= limit else text[: limit - 3] + "..."


def frame_row(direction: str, frame: str | bytes, scrub: Scrub) -> Mapping[str, object]:
    """A row of wire.jsonl: ``>`` sent, ``<`` received; the frame with its audio elided and the key masked."""
    row: dict[str, object] = {"dir": direction, "type": "", "bytes": len(frame)}
    if len(frame) > LONGEST_FRAME:
        return row | {"frame": "<too long to show>"}
    try:
        data = json.loads(frame)
        if isinstance(data, dict):
            return row | {"type": scrub.brief(str(data.get("type", ""))), "frame": _shown(data, scrub)}
    except (ValueError, RecursionError):
        pass  # not JSON, or nested beyond reason: shown as the text that it is
    text = frame.decode("utf-8", "replace") if isinstance(frame, bytes) else frame
    return row | {"frame": scrub.brief(text)}


def _shown(frame: dict[str, object], scrub: Scrub) -> object:
    kind = str(frame.get("type", ""))
    if "audio" in kind and "transcript" not in kind:
        for field in AUDIO_FIELDS:
            value = frame.get(field)
            if isinstance(value, str):
                frame = frame | {field: f"<{len(value)} characters of audio>"}
    return _masked(frame, scrub)


def _masked(value: object, scrub: Scrub) -> object:
    if isinstance(value, str):
        return scrub.clear(value)
    if isinstance(value, dict):
        return {scrub.mask(str(name)): _masked(inner, scrub) for name, inner in value.items()}
    if isinstance(value, list):
        return [_masked(inner, scrub) for inner in value]
    return value
