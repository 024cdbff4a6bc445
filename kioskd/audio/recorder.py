"""Recordings for support (``audio.record``): raw, after echo cancelling, and sent, as three WAV files side by side.

They stay on this box, are bounded in time and size, and are readable up to the last second when the process is killed.
Where nothing came for a while (no device, no session) there is silence: all three run along the same clock.
"""

from __future__ import annotations

import errno
import logging
import os
import threading
import time
from collections import deque
from typing import Callable, Protocol

from kioskd.audio.archive import SENT, STEM, TRACKS, Piece, RecordError, Track, bound, free_stem, prepare
from kioskd.audio.stages import CLEAN, RAW, Hook
from kioskd.audio.wavfile import HEADER
from kioskd.config.sound import Recording
from kioskd.core.events import PartChanged
from kioskd.core.ports import Post
from kioskd.core.words import PartState
from kioskd.lanes import CHUNK_MS, Chunk

log = logging.getLogger(__name__)

PART = "recorder"
THREAD = "kioskd-record"
# The disk is written to this often; between two times the chunks wait in memory (32 kB a second for each track).
FLUSH_S = 0.5
# So many chunks of a track wait for a slow disk, 20 s; beyond it the newest are dropped and counted.
MOST_WAITING = 20_000 // CHUNK_MS


class Source(Protocol):
    """Where chunks come from: the capture."""

    def add_tap(self, stage: str, hook: Hook) -> None:
        """Show ``hook`` each chunk of a stage, in the capture thread."""

    def remove_tap(self, stage: str, hook: Hook) -> None:
        """Show it no more."""


class Recorder:
    """Begins and ends recordings. ``begin``, ``end`` and ``sent`` on the loop; writing has a thread of its own.

    Args:
        settings: None: no recording can be made; the machine never asks for one then.
        source: where ``raw`` and ``clean`` come from.
        post: hands facts to the machine; a recording that ends by a fault is told as PartChanged(PART, FAILED).
        clock: monotonic seconds.

    Attributes:
        problem: why the last recording ended early, a sentence; empty when it did not.
        dropped: chunks thrown away because the disk was slow.
        failed: recordings that ended by a fault.
    """

    def __init__(
        self, settings: Recording | None, source: Source, post: Post, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings, self._source, self._post, self._clock = settings, source, post, clock
        self._waiting: dict[str, deque[Piece]] = {track: deque() for track in TRACKS}
        self._hooks: dict[str, Hook] = {RAW: self._hook(RAW), CLEAN: self._hook(CLEAN)}
        self._done = threading.Event()
        self._thread: threading.Thread | None = None
        self._began_at = 0.0
        self._bytes: dict[str, int] = {}  # of the files of the last recording, by path
        self._on = False
        self.problem = ""
        self.made = self.dropped = self.failed = 0

    # -- from the loop ---------------------------------------------------------------------------

    def record(self, on: bool) -> None:
        """Begin or end a recording. Never blocks."""
        if on and not self._on:
            self._begin()
        elif self._on and not on:
            self._end()

    def _begin(self) -> None:
        settings = self._settings
        if settings is None:
            raise RecordError("audio.record is not configured")
        if self._thread is not None and self._thread.is_alive():
            self._fail("the disk still works at the last recording; try again when it has ended")
            return
        self._on, self.problem, self._bytes = True, "", {}
        self._began_at = self._clock()
        self._done = threading.Event()
        for waiting in self._waiting.values():
            waiting.clear()
        self._thread = threading.Thread(target=self._run, args=(settings, self._done), name=THREAD, daemon=True)
        self._thread.start()
        for stage, hook in self._hooks.items():
            self._source.add_tap(stage, hook)

    def _end(self) -> None:
        self._on = False
        for stage, hook in self._hooks.items():
            self._source.remove_tap(stage, hook)
        self._done.set()
        if self.problem:
            # It is in status, and counted; the kiosk itself is as well as it was.
            self._post(PartChanged(PART, PartState.ASLEEP, ""))

    def sent(self, pcm: bytes) -> None:
        """These samples went up: S16_LE mono at 16 kHz."""
        if self._on:
            self._keep(SENT, Piece(pcm, self._clock()))

    def stop(self, timeout_s: float = 1.0) -> bool:
        """End the recording and wait for its last bytes; False when the disk did not take them in time."""
        self.record(False)
        if self._thread is None:
            return True
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def snapshot(self) -> dict[str, object]:
        """For status."""
        settings = self._settings
        return {
            "allowed": settings is not None,
            "running": self._on,
            "seconds": round(self._clock() - self._began_at, 1) if self._on else 0.0,
            "dir": settings.dir if settings else "",
            "files": [{"name": os.path.basename(path), "bytes": size} for path, size in list(self._bytes.items())],
            "problem": self.problem,
            "made": self.made,
            "failed": self.failed,
            "dropped": self.dropped,
        }

    # -- in the threads that hear ----------------------------------------------------------------

    def _hook(self, track: str) -> Hook:
        return lambda chunk: self._heard(track, chunk)

    def _heard(self, track: str, chunk: Chunk) -> None:
        if self._on:
            self._keep(track, Piece(chunk.pcm, chunk.at))

    def _keep(self, track: str, piece: Piece) -> None:
        waiting = self._waiting[track]
        if len(waiting) >= MOST_WAITING:
            self.dropped += 1
            return
        waiting.append(piece)

    # -- in the thread that writes ---------------------------------------------------------------

    def _run(self, settings: Recording, done: threading.Event) -> None:
        tracks: dict[str, Track] = {}
        try:
            prepare(settings.dir)
            stem = self._open(settings.dir, tracks)
            self.made += 1
            last = False
            while not last:
                last = done.wait(FLUSH_S)
                self._flush(tracks)
                bound(settings, stem, sum(HEADER.size + track.bytes for track in tracks.values()))
        except RecordError as error:
            self._fail(str(error))
        except OSError as error:
            hint = "; under systemd only kioskd's state folder can be written" if error.errno == errno.EROFS else ""
            self._fail(f"{settings.dir} takes no recording: {error.strerror or error}{hint}")
        except Exception as error:
            # The boundary of the thread: a fault in here ends the recording, not the kiosk.
            log.exception("The recording failed")
            self._fail(f"a fault inside kioskd ({type(error).__name__}); its journal has the traceback")
        finally:
            for path, track in tracks.items():
                track.close()
                self._bytes[path] = HEADER.size + track.bytes

    def _open(self, folder: str, tracks: dict[str, Track]) -> str:
        """Open the three files; what their names begin with."""
        stem = free_stem(folder, time.strftime(STEM, time.gmtime()))
        for track in TRACKS:
            path = os.path.join(folder, f"{stem}-{track}.wav")
            tracks[path] = Track(path, self._began_at)
            self._bytes[path] = HEADER.size
        return stem

    def _flush(self, tracks: dict[str, Track]) -> None:
        for (path, track), waiting in zip(tracks.items(), self._waiting.values()):
            pieces = [waiting.popleft() for _ in range(len(waiting))]
            if pieces:
                track.add(pieces)
                track.seal()
                self._bytes[path] = HEADER.size + track.bytes

    def _fail(self, why: str) -> None:
        self.failed += 1
        self.problem = why
        log.error("The recording ended: %s", why)
        self._post(PartChanged(PART, PartState.FAILED, why))
        if not self._on:
            # It had ended before, or never began: nobody will end it (``_end``), so the part is well again here.
            self._post(PartChanged(PART, PartState.ASLEEP, ""))
