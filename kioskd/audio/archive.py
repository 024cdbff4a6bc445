"""The folder of recordings for support: nobody else may look into it, it is bounded, and its files always open."""

from __future__ import annotations

import logging
import os
import re
import stat
from typing import Iterable, NamedTuple

from kioskd.audio.stages import CLEAN, RAW
from kioskd.audio.wavfile import HEADER, PCM
from kioskd.config.sound import Recording
from kioskd.lanes import UPLINK_HZ

log = logging.getLogger(__name__)

SENT = "sent"
TRACKS = (RAW, CLEAN, SENT)
ENDINGS = tuple(f"{track}.wav" for track in TRACKS)
# What a recording's names begin with: the time in UTC of its beginning and, where that was taken, a number.
STEM = "%Y%m%dT%H%M%SZ"
_OURS = re.compile(rf"(\d{{8}}T\d{{6}}Z(?:\.\d{{1,4}})?)-(?:{'|'.join(TRACKS)})\.wav", re.ASCII)
# A track that lies further behind the clock than this had a hole, which becomes silence. Sound servers deliver in
# lumps of up to 100 ms. A guess.
HOLE_S = 0.3
_BYTES_PER_S = 2 * UPLINK_HZ
_OPEN = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class RecordError(Exception):
    """The recording ends; the text is a sentence."""


class Piece(NamedTuple):
    """Samples, and the time (monotonic seconds) of the last one."""

    pcm: bytes
    at: float


class Track:
    """One WAV file that grows. Writer thread only.

    Raises:
        OSError: it cannot be written.
    """

    def __init__(self, path: str, started_at: float) -> None:
        self._started_at = started_at
        self._file = os.fdopen(os.open(path, _OPEN, 0o600), "wb", buffering=0)
        self.bytes = 0
        self.seal()

    def add(self, pieces: Iterable[Piece]) -> None:
        """What came since the last time, in one write where there is no hole in it."""
        grown = bytearray()
        for piece in pieces:
            due = 2 * int((piece.at - self._started_at) * UPLINK_HZ) - len(piece.pcm)
            hole = due - self.bytes - len(grown)
            if hole > HOLE_S * _BYTES_PER_S:
                self._append(grown)
                grown = bytearray()
                # A hole in the file as well, and not zeros in memory: an hour without a session is 115 MB.
                self._file.seek(hole, os.SEEK_CUR)
                self.bytes += hole
            grown += piece.pcm
        self._append(grown)

    def _append(self, grown: bytearray) -> None:
        self._write(grown)
        self.bytes += len(grown)

    def seal(self) -> None:
        """Let the header tell how much is there: from now on a reader finds it, whatever becomes of us."""
        fields = (b"RIFF", HEADER.size - 8 + self.bytes, b"WAVE", b"fmt ", 16)
        form = (PCM, 1, UPLINK_HZ, _BYTES_PER_S, 2, 16, b"data", self.bytes)
        self._file.seek(0)
        self._write(HEADER.pack(*fields, *form))
        self._file.seek(0, os.SEEK_END)

    def _write(self, data: bytes | bytearray) -> None:
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]

    def close(self) -> None:
        """The file is whole: its header tells of all that is there, also where a full disk took a part of a write."""
        try:
            self.bytes = max(0, self._file.seek(0, os.SEEK_END) - HEADER.size) // 2 * 2
            self.seal()
        except OSError as error:
            # Why the disk takes no more has been told; the header tells of what was there at the last seal.
            log.debug("the header of a recording could not be written: %s", error)
        finally:
            self._file.close()


def free_stem(folder: str, name: str) -> str:
    """``name``, or with a number behind it: a clock may be set back, and an owner may be quick."""
    stem, count = name, 1
    while any(os.path.lexists(os.path.join(folder, f"{stem}-{ending}")) for ending in ENDINGS):
        count += 1
        stem = f"{name}.{count}"
    return stem


def prepare(folder: str) -> None:
    """Make the folder, or see that nobody else may look into the one that is there.

    Raises:
        RecordError, OSError
    """
    os.makedirs(folder, mode=0o700, exist_ok=True)
    there = os.stat(folder)
    if there.st_uid != os.geteuid() or stat.S_IMODE(there.st_mode) & 0o077:
        raise RecordError(
            f"others may look into {folder} (mode {stat.S_IMODE(there.st_mode):03o}): recordings want a folder of "
            f"kioskd's own with mode 700; run chmod 700 {folder}, or name another one as audio.record.dir"
        )


def bound(settings: Recording, stem: str, running_bytes: int) -> None:
    """Remove the oldest recordings until all of them, this one included, are small enough.

    Raises:
        RecordError: this one alone is too large.
    """
    most = settings.most_mb * 1e6
    if running_bytes > most:
        raise RecordError(f"it is as large as audio.record.most_mb allows ({settings.most_mb:g} MB)")
    older = sorted(earlier(settings.dir, stem), key=lambda one: one.at)
    total = running_bytes + sum(one.bytes for one in older)
    for one in older:
        if total <= most:
            return
        for path in one.paths:
            os.unlink(path)
        log.info("removed the recording %s: audio.record.most_mb is reached", one.stem)
        total -= one.bytes


class Earlier(NamedTuple):
    """A recording that lies there: when it was written last, the beginning of its names, its files, its size."""

    at: float
    stem: str
    paths: tuple[str, ...]
    bytes: int


def earlier(folder: str, stem: str) -> list[Earlier]:
    """The other recordings in the folder. A file is ours by its whole name; whatever else lies there stays."""
    found: dict[str, Earlier] = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            ours = _OURS.fullmatch(entry.name)
            if ours is None or ours[1] == stem or not entry.is_file(follow_symlinks=False):
                continue
            name = ours[1]
            about = entry.stat(follow_symlinks=False)
            so_far = found.get(name, Earlier(0.0, name, (), 0))
            at = max(so_far.at, about.st_mtime)
            found[name] = Earlier(at, name, (*so_far.paths, entry.path), so_far.bytes + about.st_size)
    return list(found.values())
