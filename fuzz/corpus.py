"""What the local voice service really sends, as ``python -m fuzz.record`` wrote it down."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Sequence

from fuzz.play import read
from kioskd.wire.profile import Profile

FOLDER = Path(__file__).parent / "frames"


def scenes(dialect: str) -> list[list[bytes]]:
    """Its frames, scene by scene."""
    pieces = (FOLDER / f"{dialect}.txt").read_bytes().split(b"\n\n")
    return [[step.data for step in read(piece)] for piece in pieces if piece.strip()]


def welcome(profile: Profile) -> list[bytes]:
    """The frames of a handshake that ends well."""
    frames = scenes(profile.name)[0]
    kinds = [json.loads(frame)["type"] for frame in frames]
    ready = next(number for number, kind in enumerate(kinds) if kind in profile.ready_events)
    return frames[: ready + 1]


def values_in(frames: Sequence[bytes]) -> list[str]:
    """Every value that a service sent, as JSON, for other places; each once."""
    found: dict[str, None] = {}

    def look(value: Any) -> None:
        found[json.dumps(value)] = None
        for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            look(inner)

    for frame in frames:
        look(json.loads(frame))
    return list(found)
