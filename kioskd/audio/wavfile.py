"""WAV files in the place of a sound card.

Only 16 bit PCM is read and written. A file left by a process that was killed is still a playable WAV.
"""

from __future__ import annotations

import os
import stat
import struct
import time
from typing import BinaryIO, NamedTuple

from kioskd.audio.paced import Clock, PacedInput, PacedOutput, Wait
from kioskd.audio.streams import DeviceError
from kioskd.core.resample import to_mono

PCM, EXTENSIBLE = 1, 0xFFFE
FORMAT_NAMES = {2: "ADPCM", 3: "floating point", 6: "A-law", 7: "mu-law", 0x11: "ADPCM", 0x55: "MP3"}
ADVICE = "only uncompressed 16 bit WAV is read (sox IN.wav -b 16 -e signed OUT.wav makes one)"

LONGEST_FORMAT = 64  # bytes; an extensible format, the longest in use, has 40
# Every rate in use is a multiple. Without a common measure a resampler has a filter for each of 24000 phases (184 MB).
RATE_STEP_HZ = 25

# RIFF header for 16 bit mono: the two sizes are patched while the file grows.
HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
LARGEST = 0xFFFFFFFF - HEADER.size


class Layout(NamedTuple):
    """Where a WAV file's samples are, and how they lie."""

    rate_hz: int
    channels: int
    start: int  # bytes from the start of the file
    length: int  # bytes


def read_layout(file: BinaryIO, path: str) -> Layout:
    """Find the samples of a 16 bit PCM WAV file with one or two channels.

    Raises:
        DeviceError: it is something else, with what it is.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    riff = file.read(12)
    if not riff:
        raise DeviceError(f"{path} is empty; {ADVICE}")
    if riff[:4] != b"RIFF" or riff[8:] != b"WAVE":
        raise DeviceError(f"{path} is not a WAV file; {ADVICE}")
    form: tuple[int, int] | None = None
    while len(head := file.read(8)) == 8:
        kind, length = struct.unpack("<4sI", head)
        start = file.tell()
        if kind == b"fmt ":
            form = _read_format(file.read(min(length, LONGEST_FORMAT)), path)  # a corrupt file may claim 4 GB
        if kind == b"data" and form is not None:
            # A recorder that was killed, or wrote to a pipe, leaves a size that is wrong: what is there counts.
            there = min(length or size, size - start)
            return Layout(form[0], form[1], start, there - there % (2 * form[1]))
        file.seek(start + length + length % 2)
    raise DeviceError(f"{path} ends before its sound begins: the file is cut off; {ADVICE}")


def _read_format(chunk: bytes, path: str) -> tuple[int, int]:
    """Rate and channels."""
    if len(chunk) < 16:
        raise DeviceError(f"{path} ends before its sound begins: the file is cut off; {ADVICE}")
    tag, channels, rate_hz, _, _, bits = struct.unpack("<HHIIHH", chunk[:16])
    if tag == EXTENSIBLE and len(chunk) >= 26:
        tag = struct.unpack("<H", chunk[24:26])[0]
    if tag != PCM:
        raise DeviceError(f"{path} holds {FORMAT_NAMES.get(tag, f'format {tag}')} sound; {ADVICE}")
    if bits != 16:
        raise DeviceError(f"{path} holds {bits} bit samples; {ADVICE}")
    if channels not in (1, 2):
        raise DeviceError(f"{path} has {channels} channels; one or two are read")
    if not 4000 <= rate_hz <= 384000:
        raise DeviceError(f"{path} claims {rate_hz} samples a second; 4000 to 384000 are read")
    if rate_hz % RATE_STEP_HZ:
        raise DeviceError(f"{path} claims {rate_hz} samples a second, a rate of no device; sox IN.wav -r 48000 OUT.wav")
    return rate_hz, channels


class WavInput(PacedInput):
    """A file as microphone, from its start at each opening; silence for ever behind its end.

    Raises:
        DeviceError: the file is missing or no 16 bit PCM WAV.
    """

    def __init__(self, path: str, clock: Clock = time.monotonic, wait: Wait = time.sleep) -> None:
        try:
            if stat.S_ISFIFO(os.stat(path).st_mode):
                # Opening it would wait for a writer, for ever, and the capture thread with it.
                raise DeviceError(f"{path} is a pipe, not a file; write the sound into a file")
            self._file: BinaryIO = open(path, "rb")
        except OSError as error:
            raise DeviceError(f"{path} cannot be read: {error.strerror}") from error
        try:
            self._layout = read_layout(self._file, path)
            self._file.seek(self._layout.start)
        except DeviceError:
            self._file.close()
            raise
        except OSError as error:
            self._file.close()
            raise DeviceError(f"{path} cannot be read: {error.strerror}") from error
        self._path = path
        self._left = self._layout.length
        super().__init__(self._layout.rate_hz, clock, wait)

    def _frames(self, count: int) -> bytes:
        channels = self._layout.channels
        try:
            pcm = self._file.read(min(self._left, count * 2 * channels))
        except OSError as error:
            raise DeviceError(f"{self._path} cannot be read any more: {error.strerror}") from error
        self._left -= len(pcm)
        # The file may have been cut since it was opened: never half a frame.
        return to_mono(pcm[: len(pcm) - len(pcm) % (2 * channels)], channels).ljust(2 * count, b"\0")

    def close(self) -> None:
        """Close the file."""
        self._file.close()


# What this process has written so far: the kiosk closes its output when it is idle and goes on in the same file.
_begun: dict[str, int] = {}


class WavOutput(PacedOutput):
    """A file as speaker: exactly what is handed over, 16 bit mono.

    The first opening in a process starts the file anew at ``rate_hz``; later ones append, at the rate the file has.

    Raises:
        DeviceError: the file cannot be written.
    """

    def __init__(self, path: str, rate_hz: int, clock: Clock = time.monotonic, wait: Wait = time.sleep) -> None:
        self._path = path
        key = os.path.abspath(path)
        goes_on = key in _begun and os.path.exists(path)
        rate_hz = _begun[key] if goes_on else rate_hz
        try:
            # Unbuffered: 100 writes a second cost nothing, and a killed process has lost none of them.
            self._file = open(path, "r+b" if goes_on else "w+b", buffering=0)
            self._bytes = max(0, self._file.seek(0, os.SEEK_END) - HEADER.size)
        except OSError as error:
            raise DeviceError(f"{path} cannot be written: {error.strerror}") from error
        super().__init__(rate_hz, clock, wait)
        self._patched = -1
        self._patch()
        _begun[key] = rate_hz

    @property
    def xruns(self) -> int:
        """None: a file has no clock of its own, it holds what came and waits for the rest."""
        return 0

    def _keep(self, pcm: bytes) -> None:
        self._guarded(pcm)
        self._bytes += len(pcm)
        if self._bytes - self._patched >= 2 * self.rate_hz:
            self._patch()

    def _guarded(self, data: bytes) -> None:
        try:
            if self._file.write(data) != len(data):
                raise DeviceError(f"{self._path} takes no more: is the disk full?")
        except OSError as error:
            raise DeviceError(f"{self._path} cannot be written: {error.strerror}") from error

    def _patch(self) -> None:
        """Let the header tell the truth: rate and sizes."""
        size, rate = min(self._bytes, LARGEST), self.rate_hz
        fields = (b"RIFF", HEADER.size - 8 + size, b"WAVE", b"fmt ", 16, PCM, 1, rate, 2 * rate, 2, 16, b"data", size)
        self._file.seek(0)
        self._guarded(HEADER.pack(*fields))
        self._file.seek(0, os.SEEK_END)
        self._patched = self._bytes

    def close(self) -> None:
        """Patch the header a last time and close."""
        if not self._file.closed:
            try:
                self._patch()
            finally:
                self._file.close()
