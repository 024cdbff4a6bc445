"""Where the samples lie in the bytes of a WAV file, and what is wrong with one. Pure: bytes in, layout or sentence."""

from __future__ import annotations

import struct
from typing import Iterator, NamedTuple

PCM, EXTENSIBLE = 1, 0xFFFE
FORMATS = {2: "ADPCM", 3: "floating point", 6: "A-law", 7: "mu-law", 0x11: "ADPCM", 0x55: "MP3"}
# What the mixer converts well; beyond it a header is more likely broken than true.
LOWEST_HZ, HIGHEST_HZ = 8_000, 48_000
# Every rate in use is a multiple. Without a common measure a resampler has a filter for each of 24000 phases: 184 MB,
# and seconds that playback does not have.
RATE_STEP_HZ = 25
# A program that writes to a pipe cannot know the length: it writes 0, or about the largest number there is (espeak-ng).
UNKNOWN_BYTES = 0x7FFF0000


class NotPlayable(ValueError):
    """The bytes cannot be played. The text goes on behind a file's name and says what is wrong."""


class Layout(NamedTuple):
    """16 bit samples of a WAV file.

    Attributes:
        rate_hz: frames a second, 8000 to 48000.
        channels: 1 or 2.
        start: the first sample's place in the file, in bytes.
        length: bytes of samples, whole frames.
    """

    rate_hz: int
    channels: int
    start: int
    length: int

    @property
    def seconds(self) -> float:
        """How long it plays."""
        return self.length / (2 * self.channels * self.rate_hz)


def read_layout(data: bytes) -> Layout:
    """The layout of a whole WAV file ("Multimedia Programming Interface and Data Specifications 1.0", RIFF WAVE).

    Raises:
        NotPlayable: it is empty, cut off, no WAV, or holds something else than 16 bit sound of one or two channels.
    """
    if not data:
        raise NotPlayable("is empty")
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise NotPlayable("is not a WAV file")
    form: tuple[int, int] | None = None
    for kind, start, length in _chunks(data):
        if kind == b"fmt ":
            form = _read_format(data[start : start + length])
        elif kind == b"data":
            if form is None:
                raise NotPlayable("has sound without a format before it: its header is broken")
            return Layout(*form, start, _sound_bytes(length, len(data) - start, 2 * form[1]))
    raise NotPlayable("ends before its sound begins: it is cut off")


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Kind, start and claimed length of each chunk."""
    at = 12
    while at + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, at)
        yield kind, at + 8, length
        at += 8 + length + length % 2


def _read_format(chunk: bytes) -> tuple[int, int]:
    """Rate and channels."""
    if len(chunk) < 16:
        raise NotPlayable("ends before its sound begins: it is cut off")
    tag, channels, rate_hz, _, frame_bytes, bits = struct.unpack_from("<HHIIHH", chunk)
    if tag == EXTENSIBLE and len(chunk) >= 26:
        (tag,) = struct.unpack_from("<H", chunk, 24)
    if tag != PCM:
        raise NotPlayable(f"holds {FORMATS.get(tag, f'format {tag}')} sound; only uncompressed 16 bit sound is played")
    if channels == 0:
        raise NotPlayable("has zero channels: its header is broken")
    if channels > 2:
        raise NotPlayable(f"has {channels} channels; one or two are played")
    if bits != 16:
        raise NotPlayable(f"holds {bits} bit samples; only 16 bit are played")
    if not LOWEST_HZ <= rate_hz <= HIGHEST_HZ:
        raise NotPlayable(f"claims {rate_hz} samples a second; {LOWEST_HZ} to {HIGHEST_HZ} are played")
    if rate_hz % RATE_STEP_HZ:
        raise NotPlayable(f"claims {rate_hz} samples a second, a rate of no device: its header is broken")
    if frame_bytes != 2 * channels:
        raise NotPlayable(f"claims {frame_bytes} bytes a frame where {2 * channels} are needed: its header is broken")
    return rate_hz, channels


def _sound_bytes(claimed: int, there: int, frame_bytes: int) -> int:
    if claimed == 0 or claimed >= UNKNOWN_BYTES:
        claimed = there
    if there < claimed:
        raise NotPlayable(f"is cut off: {there} of its {claimed} bytes of sound are there")
    if claimed < frame_bytes:
        raise NotPlayable("holds no sound")
    return claimed - claimed % frame_bytes
