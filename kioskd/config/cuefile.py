"""A cue's WAV file: read whole, bounded, or refused in a sentence. ``kioskd check`` and the playback thread ask the
same function, so that what one finds is what the other meets.
"""

from __future__ import annotations

from kioskd.config.files import read_at_most
from kioskd.core.wavhead import Layout, NotPlayable, read_layout

# A cue is a sentence at most; a longer one keeps the visitor from speaking.
LONGEST_S = 15.0
# 15 s of stereo at 48 kHz are 2.9 MB. What is read stays in memory.
MOST_BYTES = 3_000_000
TONE, SILENT = "tone", "silent"
# A cue that is spoken: ``say:TEXT``; its sound is rendered once and kept (kioskd/announce/shelf.py).
SAY = "say:"


def said(setting: str) -> str | None:
    """The text of a cue that is spoken, white space as single spaces; None for any other cue."""
    return " ".join(setting[len(SAY) :].split()) if setting.startswith(SAY) else None


def read_cue(path: str) -> tuple[Layout, bytes]:
    """A WAV file and where its samples lie. Blocks on the disk; any thread.

    Raises:
        NotPlayable: it cannot be read or played; the text goes on behind the path.
    """
    try:
        data, _ = read_at_most(path, MOST_BYTES)
    except OSError as error:
        why = (error.strerror or "unknown fault").lower()
        raise NotPlayable(f"cannot be read: {why}") from error
    except ValueError as error:  # a path with a NUL in it
        raise NotPlayable(f"cannot be read: {error}") from error
    if len(data) > MOST_BYTES:
        raise NotPlayable(f"is larger than {MOST_BYTES / 1e6:.0f} MB; a cue lasts {LONGEST_S:.0f} s at most")
    layout = read_layout(data)
    if layout.seconds > LONGEST_S:
        raise NotPlayable(f"lasts {layout.seconds:.0f} s; a cue lasts {LONGEST_S:.0f} s at most")
    return layout, data


def cue_problem(path: str) -> str | None:
    """What is wrong with a cue's file, to stand behind its path; None when it can be played. Blocks on the disk."""
    try:
        read_cue(path)
    except NotPlayable as error:
        return str(error)
    return None
