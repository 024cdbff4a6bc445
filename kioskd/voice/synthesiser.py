"""Speech from espeak-ng, a process for each sentence: a synthesiser that hangs or dies takes nothing with it."""

from __future__ import annotations

import asyncio
import shutil
import struct
from collections import OrderedDict

from kioskd.core.resample import make_resampler

PROGRAM = "espeak-ng"
# Measured 10 to 30 ms for a sentence on x86; a Pi under load is given a hundred times that.
TIMEOUT_S = 5.0
# Rendered sentences that are kept; the table of sentences is about this long. 32 are 8 MB at 48 kHz at most.
KEPT = 32
# Conversion in pieces bounds its memory: whole, a five-second sentence would take 50 MB for a moment.
_PIECE_BYTES = 16_384


class SpeechFailed(Exception):
    """espeak-ng is missing, took too long, or gave no sound. The text is a sentence for the log."""


def missing_program() -> str:
    """A sentence that says what to install, or nothing."""
    if shutil.which(PROGRAM) is None:
        return "the local voice service needs espeak-ng to speak: apt-get install espeak-ng"
    return ""


def read_wav(wav: bytes) -> tuple[bytes, int]:
    """The samples (S16_LE mono) and the rate in Hz of a WAV that was written to a pipe.

    Its length fields are not true, because a pipe cannot be rewound: the data lasts to the end.

    Raises:
        SpeechFailed: it is no such WAV.
    """
    if wav[:4] != b"RIFF" or wav[8:16] != b"WAVEfmt " or len(wav) < 44:
        raise SpeechFailed(f"{PROGRAM} gave {len(wav)} bytes that are no WAV")
    encoding, channels, rate_hz = struct.unpack("<HHI", wav[20:28])
    bits = struct.unpack("<H", wav[34:36])[0]
    start = wav.find(b"data", 36)
    if (encoding, channels, bits) != (1, 1, 16) or start < 0:
        raise SpeechFailed(f"{PROGRAM} gave sound of another shape than 16 bit mono")
    pcm = wav[start + 8 :]
    return pcm[: len(pcm) - len(pcm) % 2], rate_hz


def convert(pcm: bytes, from_hz: int, to_hz: int) -> bytes:
    """A whole sentence at another rate."""
    resampler = make_resampler(from_hz, to_hz)
    pieces = [resampler.process(pcm[start : start + _PIECE_BYTES]) for start in range(0, len(pcm), _PIECE_BYTES)]
    return b"".join((*pieces, resampler.drain()))


class Synthesiser:
    """Speaks sentences. Loop only.

    Args:
        voice: a voice of ``espeak-ng --voices``, with a variant if wanted (``en-us+f3``).
        words_per_minute: espeak-ng's speed.
    """

    def __init__(self, voice: str, words_per_minute: int, timeout_s: float = TIMEOUT_S) -> None:
        self._command = (PROGRAM, "--stdin", "--stdout", "-v", voice, "-s", str(words_per_minute))
        self._timeout_s = timeout_s
        self._kept: OrderedDict[tuple[str, int], bytes] = OrderedDict()

    async def speak(self, text: str, rate_hz: int) -> bytes:
        """S16_LE mono at ``rate_hz``. Cancelling it ends the process.

        Raises:
            SpeechFailed: there is no sound; the reason is a sentence.
        """
        key = (text, rate_hz)
        if key not in self._kept:
            pcm, from_hz = read_wav(await self._run(text))
            self._kept[key] = await asyncio.to_thread(convert, pcm, from_hz, rate_hz)
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]

    async def _run(self, text: str) -> bytes:
        pipe = asyncio.subprocess.PIPE
        try:
            process = await asyncio.create_subprocess_exec(*self._command, stdin=pipe, stdout=pipe, stderr=pipe)
        except FileNotFoundError:
            raise SpeechFailed(missing_program()) from None
        # The text goes in by stdin: one that begins with a dash would be an option.
        talk = process.communicate(text.encode("utf-8", "replace"))
        try:
            wav, complaint = await asyncio.wait_for(talk, self._timeout_s)
        except asyncio.TimeoutError:
            raise SpeechFailed(f"{PROGRAM} took longer than {self._timeout_s:g} s") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode or len(wav) <= 44:
            reason = complaint.decode("utf-8", "replace").strip()[:200]
            raise SpeechFailed(f"{PROGRAM} ended with {process.returncode}: {reason}")
        return wav
