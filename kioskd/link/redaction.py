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

    def brief(self, text: str, limit: int = LONGEST_TEXT) -> str:
        """One short printable line without the key, for logs and facts."""
        # Masked before it is cut: half a key is a secret too.
        text = _UNPRINTABLE.sub(" ", self.mask(text)).strip()
        return text if len(text) <= limit else text[: limit - 3] + "..."


def frame_row(direction: str, frame: str | bytes, scrub: Scrub) -> Mapping[str, object]:
    """A row of wire.jsonl: ``>`` sent, ``<`` received; the frame with its audio elided and the key masked."""
    row: dict[str, object] = {"dir": direction, "type": "", "bytes": len(frame)}
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
        return scrub.mask(value)
    if isinstance(value, dict):
        return {scrub.mask(str(name)): _masked(inner, scrub) for name, inner in value.items()}
    if isinstance(value, list):
        return [_masked(inner, scrub) for inner in value]
    return value
