"""Whether espeak-ng has a voice, asked once before anything is served, and which ones come near a name that is none."""

from __future__ import annotations

import difflib
import subprocess

from kioskd.voice.synthesiser import PROGRAM, TIMEOUT_S

NEAREST = 5
# What is offered where nothing comes near.
USUAL = "en-us, en-us+f3, en-gb, de, fr-fr, es"
# Columns of ``espeak-ng --voices``: priority, language, age and gender, name, file, other languages.
_LANGUAGE, _NAME = 1, 3


def unknown_voice(voice: str) -> str:
    """Why espeak-ng cannot speak with this voice, a sentence that names the nearest; empty when it can. Blocks for
    some ten milliseconds.

    espeak-ng is asked itself: it takes more than it lists (``en-usa`` is read as ``en``).
    """
    try:
        if _run("-q", "-v", voice, "--stdin").returncode == 0:
            return ""
        near = _near(voice.partition("+")[0].lower(), _run("--voices").stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        return f"{PROGRAM} does not say whether it has the voice {voice!r} ({type(error).__name__}): does it run?"
    hint = f"near it are {', '.join(near)}" if near else f"some are {USUAL}"
    return f"{PROGRAM} has no voice {voice!r}; {hint} ({PROGRAM} --voices lists all)"


def _run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([PROGRAM, *words], input="", capture_output=True, text=True, timeout=TIMEOUT_S)


def _near(voice: str, listing: str) -> list[str]:
    """The languages whose tag or English name is like this, or begins like it."""
    rows = [line.split() for line in listing.splitlines()[1:]]
    names = {row[column].lower(): row[_LANGUAGE] for row in rows if len(row) > _NAME for column in (_NAME, _LANGUAGE)}
    begins = [name for name in names if len(voice) > 1 and name.startswith((voice, f"{voice.split('-')[0]}-"))]
    close = difflib.get_close_matches(voice, names, NEAREST, 0.7)
    return list(dict.fromkeys(names[name] for name in (*begins, *close)))[:NEAREST]
