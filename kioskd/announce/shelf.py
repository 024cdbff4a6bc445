"""Spoken cues on the disk: ``state_dir/cues``, one WAV for each text, voice and service, named by their hash.

A power cut leaves the old file, the new one, or none; a file that is broken all the same counts as missing.
"""

from __future__ import annotations

import json
import logging
import os
import struct
from typing import Collection

from kioskd.announce.ports import Recording, VoiceFailed
from kioskd.announce.renderer import HOUSE, LOCAL
from kioskd.config.announce import Announce
from kioskd.config.cuefile import LONGEST_S, read_cue
from kioskd.core.wavhead import NotPlayable

log = logging.getLogger(__name__)

FOLDER = "cues"
# Eight cues in two voices are 16; texts that were edited lately may come back. 32 of 15 s are 23 MB at most.
MOST_FILES = 32
SUFFIX = ".wav"


class Shelf:
    """Any thread; every call blocks on the disk.

    Args:
        state_dir: the folder that survives a restart.
        section: whose voice is meant; what is rendered by another is another file.

    Attributes:
        broken: recordings that could not be played and were taken away.
    """

    def __init__(self, state_dir: str, section: Announce) -> None:
        self.folder = os.path.join(state_dir, FOLDER)
        service = section.service
        self._voices = {
            HOUSE: None if service is None else [service.url, service.model, section.voice],
            LOCAL: ["espeak-ng", section.local_voice],
        }
        self.broken = 0
        self._manner = [section.language, section.speed]

    def path(self, text: str, by: str) -> str | None:
        """Where this voice's recording of a text is, or would be; None: there is no such voice."""
        if self._voices[by] is None:
            return None
        import hashlib  # only where a cue is spoken

        named = json.dumps([text, self._voices[by], self._manner])
        return os.path.join(self.folder, hashlib.sha256(named.encode()).hexdigest()[:32] + SUFFIX)

    def find(self, text: str) -> str | None:
        """The best recording that is there and can be played, the house's first."""
        return next((path for by in (HOUSE, LOCAL) if (path := self.sound(text, by)) is not None), None)

    def sound(self, text: str, by: str) -> str | None:
        """This voice's recording, if it is there and can be played. One that is broken is taken away."""
        path = self.path(text, by)
        if path is None or not os.path.lexists(path):
            return None
        try:
            read_cue(path)
        except NotPlayable as error:
            log.warning("the recording of a spoken cue, %s, %s; it is rendered anew", path, error)
            self.broken += 1
            self._drop(path)
            return None
        return path

    def keep(self, text: str, by: str, recording: Recording) -> str:
        """Write a recording down, whole or not at all; its path.

        Raises:
            VoiceFailed: it is too long for a cue.
            OSError: the disk does not take it.
        """
        path = self.path(text, by)
        assert path is not None
        if recording.seconds > LONGEST_S:
            raise VoiceFailed(f"it lasts {recording.seconds:.0f} s spoken; a cue lasts {LONGEST_S:.0f} s at most")
        os.makedirs(self.folder, mode=0o750, exist_ok=True)
        beside = path + ".new"
        with open(beside, "wb") as file:
            file.write(head(recording) + recording.pcm)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
        folder = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)  # the name too
        finally:
            os.close(folder)
        return path

    def tidy(self, texts: Collection[str]) -> int:
        """Take away the oldest beyond MOST_FILES, and what a power cut left half written; never what ``texts`` need.

        Returns:
            how many files were taken away.
        """
        needed = {self.path(text, by) for text in texts for by in (HOUSE, LOCAL)}
        try:
            found = [entry for entry in os.scandir(self.folder) if entry.is_file(follow_symlinks=False)]
        except FileNotFoundError:
            return 0
        torn = [entry.path for entry in found if entry.name.endswith(SUFFIX + ".new")]
        whole = [entry for entry in found if entry.name.endswith(SUFFIX) and entry.path not in needed]
        whole.sort(key=lambda entry: entry.stat(follow_symlinks=False).st_mtime, reverse=True)
        room = max(0, MOST_FILES - len(needed - {None}))
        gone = [*torn, *(entry.path for entry in whole[room:])]
        for path in gone:
            self._drop(path)
        return len(gone)

    def _drop(self, path: str) -> None:
        try:
            os.unlink(path)
        except OSError as error:
            log.warning("%s cannot be removed: %s", path, error.strerror or error)


def head(recording: Recording) -> bytes:
    """The 44 bytes before 16 bit mono samples ("Multimedia Programming Interface and Data Specifications 1.0")."""
    length, rate_hz = len(recording.pcm), recording.rate_hz
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate_hz, 2 * rate_hz, 2, 16)
    return struct.pack("<4sI4s", b"RIFF", 36 + length, b"WAVE") + form + struct.pack("<4sI", b"data", length)
