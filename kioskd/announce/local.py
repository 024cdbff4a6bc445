"""The voice on the device: espeak-ng, a process for each text. The only importer of a subprocess in this room."""

from __future__ import annotations

import asyncio
import re

from kioskd.announce.ports import Recording, VoiceFailed
from kioskd.config.announce import Announce
from kioskd.core.wavhead import NotPlayable, read_layout

PROGRAM = "espeak-ng"
# Measured 10 to 30 ms for a sentence on x86; a small board under load is given a few hundred times that.
TIMEOUT_S = 8.0
# The pace at which an independent recogniser understood it best (voice/options.py).
WORDS_PER_MINUTE = 140
# Likewise for English; in other languages espeak-ng's usual voice has the code of the language.
USUAL_VOICES = {"en": "en-gb"}
INSTALL = f"there is no voice on this device: apt-get install {PROGRAM}"

_VOICE = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,40}(\+[A-Za-z0-9_-]{1,20})?")


class Local:
    """Loop only."""

    def __init__(self, section: Announce, timeout_s: float = TIMEOUT_S) -> None:
        self._usual = section.local_voice or USUAL_VOICES.get(section.language, section.language)
        self._pace = str(round(WORDS_PER_MINUTE * section.speed))
        self._timeout_s = timeout_s

    async def speak(self, text: str, voice: str = "") -> Recording:
        """A plain text. Cancelling it ends the process.

        Raises:
            VoiceFailed: espeak-ng is missing, does not have the voice, took too long or gave no sound.
        """
        chosen = voice or self._usual
        if not _VOICE.fullmatch(chosen):
            raise VoiceFailed(f"{chosen[:40]!r} is no voice of {PROGRAM}; see: {PROGRAM} --voices")
        wav = await self._run(text, chosen)
        try:
            layout = read_layout(wav)
        except NotPlayable as error:
            raise VoiceFailed(f"what {PROGRAM} wrote {error}") from error
        pcm = wav[layout.start : layout.start + layout.length]
        if layout.channels != 1 or not any(pcm):
            raise VoiceFailed(f"{PROGRAM} gave no sound")
        return Recording(pcm, layout.rate_hz)

    async def _run(self, text: str, voice: str) -> bytes:
        pipe = asyncio.subprocess.PIPE
        command = (PROGRAM, "--stdin", "--stdout", "-v", voice, "-s", self._pace)
        try:
            process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=pipe)
        except FileNotFoundError:
            raise VoiceFailed(INSTALL) from None
        except OSError as error:
            raise VoiceFailed(f"{PROGRAM} cannot be started: {error.strerror or error}") from error
        try:
            async with asyncio.timeout(self._timeout_s):
                # The text goes in by stdin: one that begins with a dash would be an option.
                wav, complaint = await process.communicate(text.encode("utf-8", "replace"))
        except TimeoutError:
            raise VoiceFailed(f"{PROGRAM} took longer than {self._timeout_s:g} s") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            reason = " ".join(complaint.decode("utf-8", "replace").split())[:120]
            raise VoiceFailed(f"{PROGRAM} ended with {process.returncode}: {reason or 'it does not say why'}")
        return wav
