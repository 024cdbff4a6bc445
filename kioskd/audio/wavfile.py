"""WAV files, and nothing at all, in the place of a sound card; paced as a card paces: 10 ms every 10 ms.

Only 16 bit PCM is read and written. A file left by a process that was killed is still a playable WAV.
"""

from __future__ import annotations

import os
import stat
import struct
import time
from typing import BinaryIO, Callable, NamedTuple

from kioskd.audio.streams import PERIOD_MS, DeviceError
from kioskd.core.resample import to_mono

Clock = Callable[[], float]
Wait = Callable[[float], None]

PERIOD_S = PERIOD_MS / 1000
# What a paced output holds, as a card does: three periods, so that silence is heard 30 ms after a cut.
BUFFERED_PERIODS = 3
# Two readings of a clock and a sleep between them never agree to the microsecond.
SLACK_S = 1e-6

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


class PacedInput:
    """Silence that comes 10 ms every 10 ms; the parent of the file input.

    The schedule is counted from the opening, so that it does not drift; a reader that was held up finds what it
    missed at once, as it would through a sound server.
    """

    def __init__(self, rate_hz: int, clock: Clock = time.monotonic, wait: Wait = time.sleep) -> None:
        self._rate_hz = rate_hz
        self._clock = clock
        self._wait = wait
        self._began = clock()
        self._periods = 0

    @property
    def rate_hz(self) -> int:
        """Frames a second."""
        return self._rate_hz

    @property
    def xruns(self) -> int:
        """A file never overruns."""
        return 0

    @property
    def held(self) -> int:
        """It is read by the period."""
        return 0

    def relax(self, on: bool) -> None:
        """Nothing to gain: a file costs no look."""

    def read_period(self, timeout_s: float) -> bytes | None:
        """10 ms; where that is no whole number of frames (22050 Hz) one frame more or less, exact on the whole."""
        due_s = self._began + (self._periods + 1) * PERIOD_S - self._clock()
        if due_s > SLACK_S:
            self._wait(min(due_s, timeout_s))
            if due_s > timeout_s:
                return None
        first, last = (n * self._rate_hz // (1000 // PERIOD_MS) for n in (self._periods, self._periods + 1))
        self._periods += 1
        return self._frames(last - first)

    def _frames(self, count: int) -> bytes:
        return bytes(2 * count)

    def close(self) -> None:
        """Nothing to give back."""


class NullInput(PacedInput):
    """A microphone in an empty room: silence for ever."""


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


class PacedOutput:
    """A speaker that nobody hears: takes 10 ms every 10 ms into a buffer of three periods.

    The parent of the file output.
    """

    def __init__(self, rate_hz: int, clock: Clock = time.monotonic, wait: Wait = time.sleep) -> None:
        self._rate_hz = rate_hz
        self._clock = clock
        self._wait = wait
        self._dry_at = 0.0  # when the device will have played all it holds
        self._xruns = 0

    @property
    def rate_hz(self) -> int:
        """Frames a second."""
        return self._rate_hz

    @property
    def latency_s(self) -> float:
        """A full buffer."""
        return BUFFERED_PERIODS * PERIOD_S

    @property
    def xruns(self) -> int:
        """How often the buffer ran dry between two periods."""
        return self._xruns

    def await_room(self, timeout_s: float) -> bool:
        """Wait until a period has been played."""
        room_s = self._dry_at - (BUFFERED_PERIODS - 1) * PERIOD_S - self._clock()
        if room_s > SLACK_S:
            self._wait(min(room_s, timeout_s))
        return room_s <= max(timeout_s, SLACK_S)

    def write_period(self, pcm: bytes, timeout_s: float) -> bool:
        """Take a period when there is room, as a card would."""
        if not self.await_room(timeout_s):
            return False
        now = self._clock()
        if 0 < self._dry_at < now:
            self._xruns += 1
        self._dry_at = max(self._dry_at, now) + PERIOD_S
        self._keep(pcm)
        return True

    def _keep(self, pcm: bytes) -> None:
        """Where the sound goes."""

    def close(self) -> None:
        """Nothing to give back."""


class NullOutput(PacedOutput):
    """Sound that goes nowhere, at the pace of real sound."""


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
